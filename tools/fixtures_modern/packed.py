"""Kernels that call packed functions by name: ``modern/kernels/call_packed.so``."""

from __future__ import annotations

from tvm.ir import Call, StringImm
from tvm.script import tirx as T

from .target import FOLDER, save_functions

# A buffer has the name of its handle, in capitals. T.call_packed has the result
# int32; what gives a float is called through the operator itself.


def call_packed_float(name, *arguments):
    """An expression: call a packed function by name, its result a float64."""
    return Call("tirx.tvm_call_packed", [StringImm(name), *arguments], ret_ty="float64")


@T.prim_func(s_tir=True)
def call_scale(x: T.handle, y: T.handle):
    """tvmbind.test.scale(x, y), both tensors passed as they are."""
    n = T.int32()
    X = T.match_buffer(x, (n,), "float32")
    Y = T.match_buffer(y, (n,), "float32")
    T.evaluate(T.call_packed("tvmbind.test.scale", X, Y))


@T.prim_func(s_tir=True)
def call_add(x: T.handle, y: T.handle, z: T.handle):
    """z[i] = tvmbind.test.add(x[i], y[i]), an int from two ints."""
    n = T.int32()
    X = T.match_buffer(x, (n,), "int32")
    Y = T.match_buffer(y, (n,), "int32")
    Z = T.match_buffer(z, (n,), "int32")
    for i in range(n):
        Z[i] = T.call_packed("tvmbind.test.add", X[i], Y[i])


@T.prim_func(s_tir=True)
def call_map(x: T.handle, y: T.handle):
    """y[i] = tvmbind.test.map(x[i]), a float from a float."""
    n = T.int32()
    X = T.match_buffer(x, (n,), "float64")
    Y = T.match_buffer(y, (n,), "float64")
    for i in range(n):
        Y[i] = call_packed_float("tvmbind.test.map", X[i])


@T.prim_func(s_tir=True)
def call_tick():
    """tvmbind.test.tick(), no argument and no result."""
    T.evaluate(T.call_packed("tvmbind.test.tick"))


@T.prim_func(s_tir=True)
def call_report(x: T.handle, steps: T.int32):
    """tvmbind.demo.report("step", i, x[i], x) for each i below steps."""
    n = T.int32()
    X = T.match_buffer(x, (n,), "float32")
    for i in range(steps):
        T.evaluate(T.call_packed("tvmbind.demo.report", "step", i, X[i % n], X))


def build(sources, out):
    """Write ``modern/kernels/call_packed.so``."""
    functions = (call_scale, call_add, call_map, call_tick, call_report)
    save_functions(functions, out / FOLDER / "kernels/call_packed.so")
