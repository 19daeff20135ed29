"""Kernels whose loops run on TVM's thread pool."""

from __future__ import annotations

from tvm.script import tirx as T

from .target import FOLDER, save_functions


@T.prim_func(s_tir=True)
def parallel_add(x: T.handle, y: T.handle, z: T.handle):
    """z = x + y, (n,) float32, chunks of 4096 in parallel."""
    n = T.int32()
    X = T.match_buffer(x, (n,), "float32")
    Y = T.match_buffer(y, (n,), "float32")
    Z = T.match_buffer(z, (n,), "float32")
    for chunk in T.parallel((n + 4095) // 4096):
        for i in range(4096):
            if chunk * 4096 + i < n:
                Z[chunk * 4096 + i] = X[chunk * 4096 + i] + Y[chunk * 4096 + i]


@T.prim_func(s_tir=True)
def visit_all(n: T.int32):
    """tvmbind.test.visit(i) for each i below n, in parallel."""
    for i in T.parallel(n):
        T.evaluate(T.call_packed("tvmbind.test.visit", i))


@T.prim_func(s_tir=True)
def visit_map(y: T.handle):
    """y[i] = tvmbind.test.visit(i), an int from an int, in parallel."""
    n = T.int32()
    Y = T.match_buffer(y, (n,), "int32")
    for i in T.parallel(n):
        Y[i] = T.call_packed("tvmbind.test.visit", i)


def build(sources, out):
    """Write ``modern/kernels/parallel.so`` and ``parallel_call.so`` beside it."""
    save_functions((parallel_add,), out / FOLDER / "kernels/parallel.so")
    save_functions((visit_all, visit_map), out / FOLDER / "kernels/parallel_call.so")
