"""One function per dtype, and one per kind of signature: ``modern/kernels/dtypes.so``, ``modern/myadd/``."""

from __future__ import annotations

from tvm import te
from tvm.script import tirx as T

from .target import FOLDER, save_functions

# A buffer has the name of its handle, in capitals.

NUMBERS = (
    *("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"),
    *("float16", "float32", "float64", "bfloat16"),
)


def elementwise(name, dtype, operation, inputs=1):
    """``name(x, ..., y)``: y[i] = operation(x[i], ...), each (n,) of one dtype."""
    n = te.var("n")
    operands = [te.placeholder((n,), dtype, name=f"x{i}") for i in range(inputs)]
    y = te.compute((n,), lambda i: operation(*(x[i] for x in operands)), name="y")
    return te.create_prim_func([*operands, y]).with_attr("global_symbol", name)


@T.prim_func(s_tir=True)
def increment_scalar(x: T.handle, y: T.handle):
    """y = x + 1, both 0-d float32."""
    X = T.match_buffer(x, (), "float32")
    Y = T.match_buffer(y, (), "float32")
    Y[()] = X[()] + T.float32(1)


@T.prim_func(s_tir=True)
def scale_by(x: T.handle, y: T.handle, k: T.int32):
    """y = x * k, (n,) float32, k an int."""
    n = T.int32()
    X = T.match_buffer(x, (n,), "float32")
    Y = T.match_buffer(y, (n,), "float32")
    for i in range(n):
        Y[i] = X[i] * T.Cast("float32", k)


@T.prim_func(s_tir=True)
def scale_by_float(x: T.handle, y: T.handle, k: T.float32):
    """y = x * k, (n,) float32, k a float."""
    n = T.int32()
    X = T.match_buffer(x, (n,), "float32")
    Y = T.match_buffer(y, (n,), "float32")
    for i in range(n):
        Y[i] = X[i] * k


@T.prim_func(s_tir=True)
def scale_add(x: T.handle, y: T.handle, z: T.handle, k: T.float32):
    """z = x * k + y, (1024,) float32, eight at a time: its moves are aligned ones."""
    X = T.match_buffer(x, (1024,), "float32")
    Y = T.match_buffer(y, (1024,), "float32")
    Z = T.match_buffer(z, (1024,), "float32")
    for block in range(128):
        for lane in T.vectorized(8):
            Z[block * 8 + lane] = X[block * 8 + lane] * k + Y[block * 8 + lane]


@T.prim_func(s_tir=True)
def split_parts(x: T.handle, whole: T.handle, rest: T.handle):
    """Two outputs: x towards zero as int32, and what is left as float32; (n,)."""
    n = T.int32()
    X = T.match_buffer(x, (n,), "float32")
    Whole = T.match_buffer(whole, (n,), "int32")
    Rest = T.match_buffer(rest, (n,), "float32")
    for i in range(n):
        Whole[i] = T.Cast("int32", X[i])
        Rest[i] = X[i] - T.Cast("float32", T.Cast("int32", X[i]))


@T.prim_func(s_tir=True)
def reverse_axes(x: T.handle, y: T.handle):
    """y[k, j, i] = x[i, j, k], (2, 3, 4) to (4, 3, 2) float32."""
    X = T.match_buffer(x, (2, 3, 4), "float32")
    Y = T.match_buffer(y, (4, 3, 2), "float32")
    for i, j, k in T.grid(2, 3, 4):
        Y[k, j, i] = X[i, j, k]


@T.prim_func(s_tir=True)
def copy_strided(x: T.handle, y: T.handle):
    """y = x, (n, m) float32; x may have any strides and byte offset."""
    n, m, rows, columns, offset = T.int32(), T.int32(), T.int32(), T.int32(), T.int32()
    X = T.match_buffer(x, (n, m), "float32", strides=(rows, columns), elem_offset=offset, offset_factor=1)
    Y = T.match_buffer(y, (n, m), "float32")
    for i, j in T.grid(n, m):
        Y[i, j] = X[i, j]


@T.prim_func(s_tir=True)
def add_ints(a: T.int64, b: T.int64) -> T.int64:
    """Return a + b: no tensor at all."""
    return a + b


@T.prim_func(s_tir=True)
def add_floats(a: T.float64, b: T.float64) -> T.float64:
    """Return a + b as floats: no tensor at all."""
    return a + b


@T.prim_func(s_tir=True)
def no_arguments() -> T.int32:
    """Return 42; takes nothing."""
    return T.int32(42)


def build(sources, out):
    """Write ``modern/kernels/dtypes.so`` and ``modern/myadd/libdeploy.so``."""
    doubled = [elementwise(f"twice_{dtype}", dtype, lambda v: v + v) for dtype in NUMBERS]
    booleans = [
        elementwise("identity_bool", "bool", lambda v: v),
        elementwise("not_bool", "bool", lambda v: ~v),
    ]
    signatures = [
        increment_scalar,
        scale_by,
        scale_by_float,
        scale_add,
        split_parts,
        reverse_axes,
        copy_strided,
        add_ints,
        add_floats,
        no_arguments,
    ]
    save_functions([*doubled, *booleans, *signatures], out / FOLDER / "kernels/dtypes.so")
    myadd = elementwise("myadd", "float32", lambda a, b: a + b, inputs=2)
    save_functions([myadd], out / FOLDER / "myadd/libdeploy.so")
