"""The runtime of this run of the tests, and what it has."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

import tvmbind

ROOT = Path(__file__).parent.parent
INFO = tvmbind.load_runtime()
MODELS = ROOT / "models" / ("modern" if INFO.abi == "tvm-ffi" else "")


#: PyPy lets go of what is unused when it collects, and cannot tell whether something is kept.
counts_references = pytest.mark.skipif(not hasattr(sys, "getrefcount"), reason="this Python does not count references")


def has_global(name: str) -> bool:
    """Whether there is a global function; a runtime may be built without some that its version has."""
    return tvmbind.get_global_func(name, allow_missing=True) is not None


#: What a runtime may be built without, and a global function of it.
PARTS = {
    "AOT executor": "tvm.aot_executor_factory.create",
    "graph executor": "tvm.graph_executor.create",
    "graph factory": "tvm.graph_executor_factory.create",
    "SaveParams": "runtime.SaveParams",
}


def can(thing: str) -> bool:
    """Whether the runtime of this run has something: a fact of tvmbind.facts, or one that is said here."""
    classic = INFO.abi == "classic"
    here = {
        "classic runtime": classic,
        "modern runtime": not classic,
        "libtvm_runtime": INFO.has_runtime,
        "thread pool": INFO.has_runtime,
        "time evaluator": INFO.has_runtime and has_global("runtime.RPCTimeEvaluator"),
        "libraries called library": tvmbind.load_module(MODELS / "myadd" / "libdeploy.so").type_key == "library",
        "system library": has_global("runtime.SystemLib"),
        "Relax VM": INFO.has_runtime and INFO.has("Relax VM"),
        "compiled C of its generation": classic,  # models/ has C for classic runtimes only
        "kernels that call packed functions": classic or INFO.has("TVMFFIHandleInitOnce"),
        "str with NULs as an object": classic,
        "untyped functions that count their arguments": classic,
        "SaveParams": INFO.has_runtime and INFO.has("SaveParams"),
    }
    if classic and thing in PARTS and not has_global(PARTS[thing]):
        return False
    return here[thing] if thing in here else INFO.has(thing)


# What tvmbind says, in many tests that are about something else, where a runtime is as old as 0.7.
_OF_OLD = re.compile(
    r"TVM 0\.\d has no such objects|'runtime\.(String|ArraySize)' in TVM 0\.\d|no function TVMFuncRemoveGlobal"
)


def skip_if_too_old(text: str) -> None:
    """Skips the test if an error text says that an old runtime has no objects, or cannot remove functions."""
    found = None if can("containers") else _OF_OLD.search(text)
    if found:
        pytest.skip(f"{INFO.title}: {found[0]}")


def of_ml_dtypes(name: str) -> type:
    """An element type of the package ml_dtypes; skips the test where there is none for this Python."""
    return getattr(pytest.importorskip("ml_dtypes", reason="ml_dtypes has no wheel for this Python"), name)


def need(*things: str) -> None:
    """Skips the test, and says so, where the runtime has not each of these: for fixtures; tests have a mark."""
    for thing in things:
        if not can(thing):
            pytest.skip(f"{INFO.title}{'' if INFO.has_runtime else ' alone'} has no {thing}")
