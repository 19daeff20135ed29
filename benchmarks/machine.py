"""What the values hang on, for the reports: versions and the machine, no names or paths of it."""

from __future__ import annotations

import os
import platform
import subprocess
from datetime import date
from pathlib import Path

import peers


def describe() -> dict[str, str]:
    """The date, the processor, the Python, and this tree's tvmbind, by a heading each."""
    python = f"{platform.python_implementation()} {platform.python_version()}"
    return {"date": date.today().isoformat(), "processor": processor(), "Python": python, "tvmbind": tvmbind()}


def processor() -> str:
    """The name of the processor, the number of cores and the system."""
    return f"{_processor_name()}, {os.cpu_count()} cores, {platform.system()} {platform.machine()}"


def tvmbind() -> str:
    """The version of this tree's tvmbind, its core and the commit."""
    import tvmbind

    return f"tvmbind {tvmbind.__version__}, core {tvmbind._core.NAME}{_commit()}"


def markdown(facts: dict[str, str]) -> str:
    """The facts as the last section of a report."""
    return "\n".join(["## Measured on", "", *(f"- {name}: {fact}" for name, fact in facts.items())])


def _processor_name() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    names = [line.partition(": ")[2] for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _commit() -> str:
    def git(*words: str) -> str:
        done = subprocess.run(["git", "-C", peers.ROOT, *words], capture_output=True, text=True)
        return done.stdout.strip() if done.returncode == 0 else ""

    try:
        commit = git("rev-parse", "--short", "HEAD")
        changed = git("status", "--porcelain", "--", "src", "csrc", "cdefs", "build_ffi.py")
    except OSError:
        return ""
    return f", commit {commit}{' with changes' if changed else ''}" if commit else ""
