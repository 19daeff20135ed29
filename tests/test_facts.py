"""The facts of `tvmbind.facts`, held against the runtime of this run: each is tried, where it can be without harm.

The others are held elsewhere: kinds of arguments by test_values, names by test_function, devices by test_device, the
time evaluator's arguments and compiled functions' results by test_module, texts of errors by test_error.
"""

from __future__ import annotations

import ctypes
import gc
import weakref

import numpy as np
import pytest

import tvmbind as tvm
from runtime_here import INFO, PARTS, can, counts_references
from tvmbind import facts

NAME = "tvmbind.test.facts"
classic = pytest.mark.needs("classic runtime")
HERE = {
    **PARTS,
    "Relax VM": "relax.ExecutableLoadFromFile",
    "containers": "runtime.Array",
    "string objects": "runtime.String",
}


def found(name):
    return tvm.get_global_func(name, allow_missing=True) is not None


@pytest.mark.parametrize("fact", HERE)
def test_a_part_is_there_where_its_version_has_it(fact):
    if not INFO.has_runtime and not can(fact):
        pytest.skip("libtvm_ffi alone has no parts")
    if fact in ("graph executor", "graph factory", "AOT executor") and INFO.abi != "classic":
        assert not INFO.has(fact)
    elif found(HERE[fact]):
        assert INFO.has(fact), f"{INFO.title} has {HERE[fact]}"


@classic
def test_handles_of_functions():
    """Objects are the same at each look-up, boxes are not."""
    one, two = (tvm.get_global_func("runtime.config_threadpool") for _ in range(2))
    assert (one._handle == two._handle) == INFO.has("functions are objects")


@classic
@counts_references
def test_a_replaced_global_is_freed_or_never():
    class Callable:
        def __call__(self):
            return 1

    held = Callable()
    gone = weakref.ref(held)
    with tvm.convert(held) as func:
        tvm.register_func(NAME, func, override=True)
    del held, func
    gc.collect()
    assert tvm.get_global_func(NAME)() == 1
    tvm.register_func(NAME, lambda: 2, override=True)
    gc.collect()
    assert (gone() is None) == INFO.has("finalizes replaced globals")
    if can("removes globals"):
        tvm.remove_global_func(NAME)


@classic
@pytest.mark.parametrize("fact", ["removes globals", "containers"])
def test_a_c_function_that_came_with_a_version(fact):
    symbol = {"removes globals": "TVMFuncRemoveGlobal", "containers": "TVMObjectTypeIndex2Key"}[fact]
    assert INFO.has(symbol) == INFO.has(fact)


def test_no_memory_is_an_error():
    for count in (2**40, 2**61):
        with pytest.raises(MemoryError):
            tvm.empty((count,), "int8")
    assert tvm.empty((3,)).shape == (3,)


@pytest.mark.needs("graph executor", "shared weights")
def test_alignment(models, memory_at):
    """What zero copy takes: the address is checked from TVM 0.6 on."""
    folder = models / "digits"
    module = tvm.load_module(folder / "libdeploy.so")
    graph = tvm.graph_executor.create((folder / "deploy.json").read_text(), module, tvm.cpu(0)).module
    fits = [offset for offset in (0, 16, 32, 64) if not _refuses(graph["set_input_zero_copy"], memory_at(offset, 64))]
    assert fits == [0] if INFO.alignment == 128 else fits == [0, 64]


class _Tensor(ctypes.Structure):
    _fields_ = (
        ("data", ctypes.c_void_p), ("device", ctypes.c_int32 * 2), ("ndim", ctypes.c_int32),
        ("dtype", ctypes.c_uint8 * 4), ("shape", ctypes.c_void_p), ("strides", ctypes.c_void_p),
        ("byte_offset", ctypes.c_uint64),
    )  # fmt: skip


def _refuses(function, memory):
    """Whether a function refuses memory at its address; tvmbind itself would pass a copy that is aligned."""
    shape = (ctypes.c_int64 * 4)(1, 1, 8, 8)
    tensor = _Tensor(memory.ctypes.data, (1, 0), 4, (2, 32, 1, 0), ctypes.addressof(shape), None, 0)
    name = ctypes.c_char_p(b"input")
    values = (ctypes.c_void_p * 2)(ctypes.cast(name, ctypes.c_void_p), ctypes.addressof(tensor))
    codes, value, code = (ctypes.c_int * 2)(11, 7), ctypes.c_int64(), ctypes.c_int()
    call = ctypes.CDLL(INFO.path).TVMFuncCall
    handle = ctypes.c_void_p(function._handle)
    return call(handle, values, codes, 2, ctypes.byref(value), ctypes.byref(code)) != 0


def test_every_fact_is_a_range_of_versions():
    for fact, (first, last) in facts.FACTS.items():
        assert 5 <= first <= last, fact
        assert INFO.has(fact) == (first <= INFO.minor <= last)
    with pytest.raises(KeyError):
        INFO.has("no such fact")


@pytest.mark.parametrize(
    ("minor", "name", "called"),
    [
        (5, "runtime.ModuleGetSource", "module._GetSource"),
        (6, "tvm.graph_executor.create", "tvm.graph_runtime.create"),
        (7, "runtime.ModuleGetSource", "runtime.ModuleGetSource"),
        (7, "tvm.graph_executor.create", "tvm.graph_runtime.create"),
        (8, "tvm.graph_executor.create", "tvm.graph_executor.create"),
        (20, "runtime.Array", "runtime.Array"),
        (facts.MODERN, "runtime.Array", "ffi.Array"),
        (facts.MODERN, "my.own", "my.own"),
    ],
)
def test_names(minor, name, called):
    assert facts.name_in(minor, name) == called


def test_arrays_are_aligned():
    for count in (1, 7, 1000):
        assert tvm.array(np.zeros(count)).numpy().ctypes.data % INFO.alignment == 0
