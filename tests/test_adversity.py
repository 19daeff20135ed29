"""What nobody does on purpose: ends that fail, callbacks that take away what is in use, threads of others."""

from __future__ import annotations

import ctypes
import gc
import sys
import threading

import numpy as np
import pytest

import tvmbind as tvm
from runtime_here import counts_references
from tvmbind._tvm import ffi, lib


class LastWords:
    """A callable whose end is an error."""

    def __call__(self, *args):
        return len(args)

    def __del__(self):
        raise ArithmeticError("in __del__")


@pytest.fixture
def heard(monkeypatch):
    """What Python tells of errors that nobody can catch."""
    found = []
    monkeypatch.setattr(sys, "unraisablehook", lambda what: found.append(str(what.exc_value)))
    return found


def on_a_thread_of_others(function, handle):
    """Lets C's pthread call a function of ours, with a handle, on a thread that Python does not know."""
    libc, thread = ctypes.CDLL(None), ctypes.c_ulong()
    address = int(ffi.cast("uintptr_t", ffi.addressof(lib, function)))
    status = libc.pthread_create(ctypes.byref(thread), None, ctypes.c_void_p(address), ctypes.c_void_p(handle))
    assert status == 0
    libc.pthread_join(thread, None)


def taken(wrapper):
    """The handle of an object, which is the caller's to let go of now."""
    handle, wrapper._owner = wrapper._handle, object()
    wrapper.close()
    return handle


# ------------------------------------------------------------------------------------------------- ends that fail


def last_words_closed():
    tvm.convert(LastWords()).close()


def last_words_of_an_argument():
    assert tvm.convert(lambda f: f(1, 2))(LastWords()) == 2


def last_words_of_a_result():
    assert tvm.convert(LastWords)()(1) == 1


def last_words_of_a_global():
    tvm.register_func("tvmbind.test.last_words", LastWords(), override=True)
    tvm.register_func("tvmbind.test.last_words", lambda: None, override=True)


def last_words_elsewhere():
    func = tvm.convert(LastWords())
    holder = [func]
    del func
    thread = threading.Thread(target=holder.clear)
    thread.start()
    thread.join()


def last_words_on_a_thread_of_others():
    on_a_thread_of_others("tvmb_free_function", taken(tvm.convert(LastWords())))


@counts_references
@pytest.mark.parametrize("let_go", [
    last_words_closed, last_words_of_an_argument, last_words_of_a_result, last_words_of_a_global, last_words_elsewhere,
    last_words_on_a_thread_of_others,
])  # fmt: skip
def test_an_end_that_fails_is_told_and_changes_nothing(heard, let_go):
    let_go()
    gc.collect()
    assert heard == ["in __del__"]
    assert tvm.convert(lambda x: x + 1)(1) == 2


@counts_references
def test_an_end_that_fails_while_an_error_is_on_its_way(heard):
    with pytest.raises(KeyError, match="mine"):
        tvm.convert(lambda *args: {}["mine"])(LastWords(), LastWords())
    with pytest.raises(TypeError):
        tvm.convert(len)(LastWords(), object())
    gc.collect()
    assert heard == ["in __del__"] * 3


@counts_references
def test_memory_of_numpy_s_let_go_on_a_thread_of_others(heard):
    class Watched(np.ndarray):
        def __del__(self):
            heard.append("gone")

    memory = tvm.aligned_empty((64,), "float32").view(Watched)
    array = tvm.from_dlpack(memory)
    del memory
    gc.collect()
    assert heard == []
    on_a_thread_of_others("tvmb_free_array", taken(array))
    assert heard == ["gone"]


# ------------------------------------------------------------------------------ what is in use, taken away meanwhile


def test_a_callback_drops_the_only_function_that_leads_to_it():
    held = {}

    def drop(*args):
        held.clear()
        gc.collect()
        return "done"

    held["f"] = tvm.convert(drop)
    assert held["f"]() == "done"
    held["f"] = tvm.convert(drop)
    assert held["f"](tvm.empty((4,)), np.zeros(3, "float32"), "text") == "done"


def test_a_callback_drops_and_closes_the_arrays_it_was_given():
    held = {"a": tvm.array(np.arange(9)), "b": tvm.array(np.arange(9))}

    def drop(a, b):
        held["a"].close()
        held.clear()
        a.close()
        gc.collect()
        return b.numpy().sum()

    assert tvm.convert(lambda *args: int(drop(*args)))(held["a"], held["b"]) == 36


@pytest.mark.needs("containers")
def test_a_callback_changes_the_list_that_was_given():
    given = ["a", tvm.empty((2,)), "b"]

    def change(first, second):
        given.clear()
        gc.collect()
        return [*first, len(second)][0]

    assert tvm.convert(change)(given, given) == "a"


@pytest.mark.needs("removes globals", "kernels that call packed functions")
def test_a_global_function_goes_while_a_kernel_calls_it(models, register):
    calls = tvm.load_module(models / "kernels" / "call_packed.so")
    seen = []

    def replace():
        register("tvmbind.test.tick", lambda: seen.append("second"))
        gc.collect()
        seen.append("first")

    register("tvmbind.test.tick", replace)
    calls["call_tick"]()
    calls["call_tick"]()
    assert seen[0] == "first"
    assert len(seen) == 2


@pytest.mark.parametrize("kind", [tvm.NDArray, tvm.PackedFunc, tvm.Module, tvm.Object])
def test_objects_that_were_never_made(kind):
    """``__new__`` alone gives what has no handle: an error, whatever is done with it."""
    one = kind.__new__(kind)
    identity = tvm.convert(lambda x: x)
    uses = (
        one.close, lambda: one(), lambda: one(1, "a"), lambda: one.numpy(), lambda: one.shape, lambda: one.copy(),
        lambda: one["x"], lambda: one.__dlpack__(), lambda: identity(one), lambda: repr(one), lambda: one == one,
        lambda: tvm.convert([one]), lambda: np.asarray(one), lambda: tvm.from_dlpack(one), lambda: one._again(),
    )  # fmt: skip
    kinds = []
    for use in uses:
        try:
            use()
        except Exception as error:
            kinds.append(type(error))
    assert {ValueError, AttributeError} & set(kinds)  # of the fast core and the pure one
    assert SystemError not in kinds


# ------------------------------------------------------------------------------------------ when Python has ended

AFTER = """
import ctypes, sys
import numpy as np
import tvmbind as tvm
from tvmbind._tvm import ffi, lib
tvm.load_runtime()

def after_python(function, wrapper):
    handle, wrapper._owner = wrapper._handle, object()
    address = int(ffi.cast("uintptr_t", ffi.addressof(lib, function)))
    assert ctypes.CDLL(None).__cxa_atexit(ctypes.c_void_p(address), ctypes.c_void_p(handle), None) == 0

class Loud:
    def __call__(self): pass
    def __del__(self): print("too late", file=sys.__stderr__)

after_python("TVMFuncFree", tvm.convert(lambda: None))
after_python("TVMArrayFree", tvm.from_dlpack(tvm.aligned_empty((64,), "float32")))
after_python("TVMArrayFree", tvm.array([1, 2]))
"""


@pytest.mark.skipif(sys.implementation.name != "cpython", reason="PyPy lets go of nothing when it ends")
def test_tvm_lets_go_of_python_s_when_python_has_ended(run_python):
    done = run_python(AFTER)
    assert (done.stdout, done.stderr) == ("", "")


def test_threads_in_callbacks_while_python_ends_slowly(run_python):
    """They come back from TVM, or call Python from it, at a time when there is an interpreter no more for them."""
    code = """
import builtins, threading, time
import tvmbind as tvm

def nap(*args): time.sleep(0.001)
def fail(*args): time.sleep(0.002); raise ValueError("mine")
def forever(call):
    while True:
        try: call(1, "text")
        except Exception: pass

class Slow:
    def __del__(self, sleep=time.sleep): sleep(0.4)

nested = tvm.convert(lambda *args: tvm.convert(nap)(*args))
for func in (tvm.convert(nap), tvm.convert(fail), nested):
    for _ in range(2): threading.Thread(target=forever, args=(func,), daemon=True).start()
builtins.slow = Slow()
time.sleep(0.2)
"""
    done = run_python(code)
    assert (done.stdout, done.stderr) == ("", "")
