"""Memory comes back: the process does not grow, objects go when they are let go of."""

from __future__ import annotations

import gc
import subprocess
import sys
import weakref
from pathlib import Path

import numpy as np
import pytest

import tvmbind as tvm
from runtime_here import counts_references

LOOP = Path(__file__).parent / "leak_loop.py"
DEBUG = hasattr(sys, "gettotalrefcount")


@pytest.mark.needs("containers")
@counts_references
def test_calls_and_callbacks_do_not_grow_the_process():
    """``python tests/leak_loop.py`` does ten times as many."""
    done = subprocess.run(
        [sys.executable, str(LOOP), "100000", "20000"], capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def reference_loop(*arguments):
    """What ``tests/reference_loop.py`` prints, when it ends well."""
    command = [sys.executable, "-X", "faulthandler", str(LOOP.with_name("reference_loop.py")), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr[-5000:]
    return done.stdout


@pytest.mark.needs("containers")
@counts_references
def test_no_reference_is_lost():
    """Neither where all goes well nor where it does not; ``make debug`` counts all, with a debug build of Python."""
    assert reference_loop("30").endswith(" 0 lose references\n" if DEBUG else " 0 lose blocks of memory\n")


@pytest.mark.needs("containers")
@pytest.mark.skipif(
    DEBUG or sys.version_info >= (3, 12),
    reason="CPython 3.12, or a debug build, fails where a generator finds no memory",
)
@counts_references
def test_no_memory_for_python():
    """Whichever of Python's allocations fails in a call or a callback: nothing crashes. (In numpy, some does.)"""
    pytest.importorskip("_testcapi", reason="this Python has no _testcapi, by which allocations can fail")
    calls = [f"call: {name}" for name in ("numbers", "text", "bytes", "NDArray", "errors", "globals", "objects")]
    others = ("numbers", "text", "callables", "new results", "exceptions", "many", "globals")
    reference_loop("--no-memory", "150", *calls, *(f"callback: {name}" for name in others))


@counts_references
def test_no_memory_for_a_callback():
    """No answer is made up where the callable could not be called."""
    memory = pytest.importorskip("_testcapi", reason="this Python has no _testcapi, by which allocations can fail")
    five = tvm.convert(lambda *args: 5)
    assert five(1, "text") == 5
    found = []
    for number in range(150):
        memory.set_nomemory(number, number + 1)
        try:
            answer = five(1, "text")
        except (MemoryError, tvm.TVMError):
            answer = 5
        finally:
            memory.remove_mem_hooks()
        found.append(answer)
    assert found == [5] * 150


@pytest.mark.needs("containers")
@counts_references
def test_garbage_is_collected_at_any_time():
    reference_loop("--collect", "2")


class Canary:
    """Says whether it is still alive."""

    def __call__(self, *args):
        return args[0] if args else None


def gone(reference):
    gc.collect()
    return reference() is None


@counts_references
def test_callable_goes_with_its_function():
    canary = Canary()
    reference, func = weakref.ref(canary), tvm.convert(canary)
    del canary
    assert not gone(reference)
    assert func(3) == 3
    del func
    assert gone(reference)


def test_callable_goes_when_its_function_is_closed():
    canary = Canary()
    reference, func = weakref.ref(canary), tvm.convert(canary)
    del canary
    func.close()
    assert gone(reference)


@counts_references
def test_callable_goes_after_the_call_it_was_an_argument_of(echo):
    canary = Canary()
    reference = weakref.ref(canary)
    back = echo(canary)
    del canary
    assert back(4) == 4
    del back
    assert gone(reference)


@pytest.mark.needs("removes globals")
@pytest.mark.parametrize("how", ["remove", "override"])
@counts_references
def test_global_callable_goes(how):
    canary = Canary()
    reference = weakref.ref(canary)
    tvm.register_func("tvmbind.test.canary", canary, override=True)
    del canary
    assert not gone(reference)
    if how == "override":
        tvm.register_func("tvmbind.test.canary", lambda: None, override=True)
        assert gone(reference)
    tvm.remove_global_func("tvmbind.test.canary")
    assert gone(reference)


@counts_references
def test_exception_of_a_callback_goes_with_its_frames():
    canary = Canary()
    reference = weakref.ref(canary)

    def fail(held):
        raise ValueError("in a callback")

    func = tvm.convert(fail)
    with pytest.raises(ValueError, match="in a callback"):
        func(canary)
    del canary, func
    assert gone(reference)


def test_arguments_of_callbacks_go():
    found = []
    func = tvm.convert(lambda *args: found.extend(map(weakref.ref, args)))
    func(tvm.empty((2,)), np.zeros(3, "float32"))
    assert len(found) == 2
    assert all(map(gone, found))


@pytest.mark.parametrize("others", [[object()], [1, object()], [2**70], [["a", object()]], ["a\0b"]])
@counts_references
def test_arguments_of_calls_that_were_refused_go(others):
    canary, func = Canary(), tvm.convert(lambda *args: len(args))
    reference = weakref.ref(canary)
    with pytest.raises((TypeError, ValueError, OverflowError)):
        func(canary, *others)
    del canary
    assert gone(reference)


@counts_references
def test_array_memory_is_given_back():
    """Forty arrays of 64 MB, each with views, of which one holds the memory and the rest do not count."""
    for _ in range(40):
        array = tvm.empty((16 * 2**20,))
        view = array.numpy()
        view[::1024] = 1  # every page
        array.close()
        del array
        part = view[5:10]
        del view, part
    resident = int(Path("/proc/self/statm").read_text().split()[1]) * 4096
    assert resident < 1000 * 2**20


@counts_references
def test_no_garbage_for_the_collector():
    """What calls make is freed at once, by its count of references, without the collector of cycles."""
    func = tvm.convert(lambda *args: args[0] if args else None)
    failing = tvm.convert(lambda: [][0])
    array = tvm.array(np.zeros(3, "float32"))

    def calls():
        for value in (1, 2.5, "text", b"x", None, array, np.zeros(3, "float32"), ["a"], {"k": "v"}):
            func(value)
        array.numpy()
        try:
            failing()
        except IndexError:
            pass

    calls()
    gc.collect()
    gc.disable()
    try:
        for _ in range(50):
            calls()
        assert gc.collect() < 10
    finally:
        gc.enable()
