"""`tvmbind doctor`: what there is on this machine, what is missing, and the command that gets it.

A runtime is opened in a process of its own: one that ends the process is an answer too. Nothing here needs the
native part of tvmbind, which may be what is missing.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import importlib.util
import json
import os
import platform
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple, Optional

from tvmbind.cli import screen
from tvmbind.cli.command import add_command, add_json_argument

_GOOD, _BAD, _WARN = "good", "bad", "warn"
#: Package -> whether tvmbind needs it (otherwise: what for), and how to get it.
_PACKAGES: dict[str, tuple[str, str]] = {
    "numpy": ("", "pip install numpy"),
    "cffi": ("", "pip install cffi"),
    "platformdirs": ("", "pip install platformdirs"),
    "apache-tvm-ffi": ("modern models", "pip install apache-tvm-ffi"),
    "apache-tvm": ("", ""),
    "rich": ("colours and progress bars", "pip install rich"),
    "pillow": ("pictures as inputs", "pip install pillow"),
    "argcomplete": ("completion in the shell", "pip install argcomplete"),
}
_NEEDED = ("numpy", "cffi", "platformdirs")
_SEEN = ("apache-tvm",)  # good to know of; nobody needs it
_PROBE = """
import json, sys
import tvmbind
info = tvmbind.load_runtime()
json.dump({**info._asdict(), "title": info.title, "has_runtime": info.has_runtime}, sys.stdout)
"""


class Check(NamedTuple):
    """One thing that was looked at.

    Attributes
    ----------
    name : str
    state : str
        ``"good"``; ``"warn"``, less than there could be; ``"bad"``, what is needed is missing.
    text : str
    advice : str
        What to do; empty if nothing.
    """

    name: str
    state: str
    text: str
    advice: str = ""


def add_parser(subparsers: Any) -> None:
    """Add the command to the line's parser."""
    parser = add_command(
        subparsers,
        "doctor",
        run,
        "look at this installation: what works, what is missing, how to get it",
        description="Look at this installation. Exit code 1 if something that is needed is missing.",
        examples=(
            ("doctor", "why does it not work?"),
            ("doctor --json", "for a report of a bug"),
        ),
    )
    add_json_argument(parser)


def run(arguments: argparse.Namespace) -> int:
    """Look at everything, and show it."""
    checks = [_python(), _package(), _extension(), _core(), *_packages(), *_machine()]
    native = checks[2].state == _GOOD
    found, places = None, []
    if native:
        runtime, found = _runtime()
        checks += [runtime, *_generations()]
        places = _places()
    lost = [check for check in checks if check.state == _BAD]
    if arguments.json:
        rows = [check._asdict() for check in checks]
        screen.print_json({"ok": not lost, "checks": rows, "runtime": found, "places": places})
        return 1 if lost else 0
    screen.table(("", "What", "Found"), [_row(check) for check in checks])
    if places:
        screen.line("")
        marked = ((each, _GOOD if each["there"] else "dim") for each in places)
        cells = [(each["source"], (each["state"], mark), screen.path(each["path"])) for each, mark in marked]
        screen.table(("Where a runtime may be", "", "Path"), cells)
    advised = [check for check in checks if check.advice]
    if advised:
        screen.heading("To do" if lost else "What could be better")
        for advice in dict.fromkeys(check.advice for check in advised):
            names = [check.name for check in advised if check.advice == advice]
            bad = any(check.state == _BAD for check in advised if check.advice == advice)
            screen.line(f"  {', '.join(names)}: ", (advice, "strong" if bad else "dim"))
    screen.line("")
    if lost:
        screen.line((f"{', '.join(check.name for check in lost)}: missing, or does not work", "bad"))
    else:
        screen.line(("all that is needed is here", "good"))
    return 1 if lost else 0


def _row(check: Check) -> tuple[object, ...]:
    sign = {_GOOD: ("ok", "good"), _WARN: ("-", "warn"), _BAD: ("NO", "bad")}[check.state]
    return sign, check.name, check.text


def _python() -> Check:
    words = f"{platform.python_implementation()} {platform.python_version()}, {8 * struct.calcsize('P')}-bit"
    return Check("Python", _GOOD, f"{words}, {sys.executable}")


def _package() -> Check:
    from tvmbind import __version__

    return Check("tvmbind", _GOOD, f"{__version__}, {Path(__file__).resolve().parent.parent}")


def _extension() -> Check:
    advice = "install tvmbind anew: pip install --force-reinstall --no-deps tvmbind (from source: with a C compiler)"
    spec = importlib.util.find_spec("tvmbind._tvm")
    try:
        importlib.import_module("tvmbind._tvm")
    except ImportError as error:
        return Check("extension", _BAD, f"{spec.origin if spec else 'tvmbind._tvm'}: {error}", advice)
    return Check("extension", _GOOD, str(spec.origin if spec else "built in"))


def _core() -> Check:
    asked = os.environ.get("TVMBIND_CORE", "")
    try:
        from tvmbind import _core
    except ImportError as error:
        return Check("core", _BAD, str(error), "unset TVMBIND_CORE" if asked else "")
    if _core.NAME == "fast":
        return Check("core", _GOOD, "fast, in C" + (", as TVMBIND_CORE asks for" if asked else ""))
    if asked:
        return Check("core", _GOOD, "pure, on CFFI alone, as TVMBIND_CORE asks for")
    if sys.implementation.name != "cpython":
        return Check("core", _GOOD, "pure, on CFFI alone: the fast one is for CPython")
    try:
        importlib.import_module("tvmbind._core._fast")
        why = "the fast one is there, and was not taken"
    except ImportError as error:
        why = str(error)
    advice = "for calls that cost less, install tvmbind anew with a C compiler"
    return Check("core", _WARN, f"pure, on CFFI alone: {why}", advice)


def _packages() -> list[Check]:
    checks = []
    for name, (purpose, advice) in _PACKAGES.items():
        try:
            checks.append(Check(name, _GOOD, importlib.metadata.version(name)))
            continue
        except importlib.metadata.PackageNotFoundError:
            pass
        if name in _NEEDED and importlib.util.find_spec(name) is None:
            checks.append(Check(name, _BAD, "not installed", advice))
        elif name not in (*_NEEDED, *_SEEN):
            checks.append(Check(name, _WARN, f"not installed: it is for {purpose}", advice))
    if importlib.util.find_spec("pip") is None:
        text = "not installed: `tvmbind runtime install` downloads with it"
        checks.append(Check("pip", _WARN, text, "python -m ensurepip"))
    return checks


def _machine() -> list[Check]:
    words = f"{platform.system()} {platform.machine()}, {os.cpu_count()} processors"
    checks = [Check("machine", _GOOD, ", ".join([words, *_instructions()]))]
    if sys.platform.startswith("linux"):
        checks.append(_libgomp())
    return checks


def _instructions() -> list[str]:
    try:
        from tvmbind.inspection.instructions import of_this_machine
    except ImportError:  # the extension is missing, which has been said
        return []
    return of_this_machine()


def _libgomp() -> Check:
    import ctypes

    try:
        ctypes.CDLL("libgomp.so.1")
    except OSError:
        advice = "apt-get install libgomp1 (Debian, Ubuntu), dnf install libgomp (Fedora)"
        return Check("libgomp", _WARN, "not found: the classic runtimes to install need it", advice)
    return Check("libgomp", _GOOD, "libgomp.so.1")


def _probe(library: Optional[str]) -> tuple[Optional[dict[str, Any]], str]:
    """What a process of its own makes of a runtime: what is known of it, or why there is none."""
    environment = dict(os.environ) if library is None else {**os.environ, "TVMBIND_LIBRARY": library}
    command = [sys.executable, "-c", _PROBE]
    try:
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return None, f"cannot be tried: {error}"
    if done.returncode == 0:
        found: dict[str, Any] = json.loads(done.stdout)
        return found, ""
    if done.returncode < 0:
        return None, f"opening it ends the process (signal {-done.returncode})"
    said = done.stderr.strip()
    text = said.partition("RuntimeNotFoundError: ")[2] or said.rpartition("\n")[2]
    return None, text.partition("\n")[0].partition(". Get one with")[0]


def _runtime() -> tuple[Check, Optional[dict[str, Any]]]:
    found, problem = _probe(None)
    named = os.environ.get("TVMBIND_LIBRARY")
    if found is None:
        advice = "tvmbind runtime install" + (", and unset TVMBIND_LIBRARY" if named else "")
        said = f"TVMBIND_LIBRARY={named}: {problem}" if named else problem
        return Check("runtime", _BAD, said, advice), None
    why = f"told by: {found['evidence']}; from: {found['source']}"
    text = f"{found['title']}, {found['path']} ({why})"
    if found["problem"]:
        return Check("runtime", _WARN, f"{text}. {found['problem'].splitlines()[0]}"), found
    return Check("runtime", _GOOD, text), found


def _generations() -> list[Check]:
    """What can be run of each generation, in a process that asks for it."""
    checks = []
    for name, abi, advice in (
        ("classic models", "classic", "tvmbind runtime install"),
        ("modern models", "tvm-ffi", "tvmbind runtime install 0.27"),
    ):
        found, problem = _probe(abi)
        if found is None:
            checks.append(Check(name, _WARN, problem, advice))
        elif not found["has_runtime"]:
            text = f"{found['title']} alone: functions, and no models or threads"
            checks.append(Check(name, _WARN, text, advice))
        else:
            checks.append(Check(name, _GOOD, f"{found['title']}, {', '.join(found['libraries'])}"))
    return checks


def _places() -> list[dict[str, Any]]:
    """Every place that is looked at, best first."""
    from tvmbind.library import modern, search
    from tvmbind.library.info import CLASSIC, MODERN

    named = os.environ.get("TVMBIND_LIBRARY")
    places: list[tuple[str, str]] = []
    if named and named not in (CLASSIC, MODERN):
        places.append(("TVMBIND_LIBRARY", named))
    found = []
    try:
        places += search.places()
    except ImportError:  # a package that is missing, which has been said
        return []
    for source, file in places:
        there = os.path.isfile(file)
        state = ("tvm-ffi" if modern.is_modern(file) else "classic") if there else "not there"
        if os.sep not in file:
            state = "by the loader"
        found.append({"source": source, "path": file, "there": there, "state": state})
    return found
