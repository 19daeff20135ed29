"""The runtime of this run of the tests, and what it has."""

from __future__ import annotations

from pathlib import Path

import pytest

import tvmbind

ROOT = Path(__file__).parent.parent
INFO = tvmbind.load_runtime()
MODELS = ROOT / "models" / ("modern" if INFO.abi == "tvm-ffi" else "")


def can(thing: str) -> bool:
    """Whether the runtime of this run has something: a fact of tvmbind.facts, or one that is said here."""
    classic = INFO.abi == "classic"
    here = {
        "classic runtime": classic,
        "modern runtime": not classic,
        "libtvm_runtime": INFO.has_runtime,
        "thread pool": INFO.has_runtime,
        "time evaluator": INFO.has_runtime,
        "Relax VM": INFO.has_runtime and INFO.has("Relax VM"),
        "compiled C of its generation": classic,  # models/ has C for classic runtimes only
        "kernels that call packed functions": classic or INFO.has("TVMFFIHandleInitOnce"),
        "str with NULs as an object": classic,
        "untyped functions that count their arguments": classic,
        "SaveParams": INFO.has_runtime,
    }
    return here[thing] if thing in here else INFO.has(thing)


def need(*things: str) -> None:
    """Skips the test, and says so, where the runtime has not each of these: for fixtures; tests have a mark."""
    for thing in things:
        if not can(thing):
            pytest.skip(f"{INFO.title}{'' if INFO.has_runtime else ' alone'} has no {thing}")
