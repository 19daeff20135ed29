"""numpy arrays as arguments: of every layout, in and out, and never where they must not be written."""

from __future__ import annotations

import gc
import sys
import weakref

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import tvmbind as tvm
from runtime_here import counts_references, of_ml_dtypes

NUMBERS = ["int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"]
FLOATS = ["float16", "float32", "float64"]
OFFSETS = [0, 64, 16, 4, 1]


@pytest.fixture(scope="module")
def dtypes(models):
    return tvm.load_module(models / "kernels" / "dtypes.so")


@pytest.fixture(scope="module")
def myadd(models):
    return tvm.load_module(models / "myadd" / "libdeploy.so")["myadd"]


def describe(x):
    return [x.shape, x.dtype, x.device, x.strides, x.byte_offset, x.numpy().tolist()]


# ------------------------------------------------------------------------------------ into compiled kernels


@pytest.mark.parametrize("offset", OFFSETS)
@pytest.mark.parametrize("dtype", [*NUMBERS, *FLOATS])
def test_every_dtype_at_every_alignment(dtypes, memory_at, dtype, offset):
    x, y = memory_at(offset, 37, dtype), memory_at(offset, 37, dtype)
    x[:] = np.arange(37)
    dtypes[f"twice_{dtype}"](x, y)
    assert (y == x + x).all()
    assert y.dtype == dtype


@pytest.mark.parametrize("offset", OFFSETS)
def test_bfloat16(dtypes, memory_at, offset):
    bfloat16 = of_ml_dtypes("bfloat16")
    x, y = memory_at(offset, 9, bfloat16), memory_at(offset, 9, bfloat16)
    x[:] = np.arange(9)
    dtypes["twice_bfloat16"](x, y)
    assert y.astype(float).tolist() == [2.0 * i for i in range(9)]


@pytest.mark.parametrize("offset", OFFSETS)
def test_bool(dtypes, memory_at, offset):
    x, y = memory_at(offset, 5, bool), memory_at(offset, 5, bool)
    x[::2] = True
    dtypes["not_bool"](x, y)
    assert y.tolist() == [False, True, False, True, False]


@pytest.mark.parametrize("offsets", [(a, b, c) for a in (0, 4, 32) for b in (0, 4) for c in (0, 4, 60)])
def test_a_kernel_of_aligned_moves(dtypes, memory_at, offsets):
    """Without the copies this is a segfault."""
    x, y, z = (memory_at(offset, 1024) for offset in offsets)
    x[:], y[:] = np.arange(1024), 1
    dtypes["scale_add"](x, y, z, 2.0)
    assert (z == 2 * x + 1).all()


LAYOUTS = {
    "contiguous": lambda a: a,
    "every other": lambda a: np.repeat(a, 2)[::2],
    "reversed": lambda a: a[::-1].copy()[::-1],
    "column": lambda a: np.stack([a, a * 0], axis=1)[:, 0],
    "big endian": lambda a: a.astype(">f4"),
    "big endian, reversed": lambda a: a[::-1].astype(">f4")[::-1],
    "slice of the middle": lambda a: np.pad(a, 3)[3:-3],
    "subclass": lambda a: a.view(type("Mine", (np.ndarray,), {})),
    "field": lambda a: np.array(list(zip(a, a)), "i1,f4")["f1"],
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_input_and_output_of_any_layout(myadd, layout):
    make = LAYOUTS[layout]
    x, out = make(np.arange(20, dtype="float32")), make(np.zeros(20, "float32"))
    one = np.ones(20, "float32")
    myadd(x, one, out)
    assert out.tolist() == list(range(1, 21))
    assert x.tolist() == list(range(20))


def test_what_lies_between_strided_elements_is_left_alone(myadd):
    base = np.full(20, 7, "float32")
    myadd(np.zeros(10, "float32"), np.ones(10, "float32"), base[::2])
    assert base.tolist() == [1, 7] * 10


@pytest.mark.parametrize("make", [np.asfortranarray, np.ascontiguousarray, lambda a: a.transpose(2, 0, 1).copy()])
def test_axes_keep_their_order(dtypes, make):
    x = np.arange(24, dtype="float32").reshape(2, 3, 4)
    x = make(x) if make(x).shape == x.shape else make(x).transpose(1, 2, 0)
    y = np.zeros((4, 3, 2), "float32", order="F" if x.flags.f_contiguous else "C")
    dtypes["reverse_axes"](x, y)
    assert (y == x.transpose()).all()


def test_broadcast_input(myadd):
    x = np.broadcast_to(np.float32(5), 8)
    out = np.zeros(8, "float32")
    myadd(x, x, out)
    assert out.tolist() == [10] * 8


def test_scalar_array(dtypes):
    y = np.zeros((), "float32")
    dtypes["increment_scalar"](np.full((), 41, "float32"), y)
    assert y == 42


@pytest.mark.parametrize("offset", OFFSETS)
def test_no_elements(myadd, memory_at, offset):
    empty = memory_at(offset, 0)
    myadd(empty, empty, empty)
    shapes = []
    tvm.convert(lambda tensor: shapes.append(tensor.shape))(np.zeros((3, 0, 2)))
    assert shapes == [(3, 0, 2)]


# ------------------------------------------------------------------------------------------------ aliasing


@pytest.mark.parametrize("offset", OFFSETS)
def test_one_array_as_both_inputs(myadd, memory_at, offset):
    x, out = memory_at(offset, 9), memory_at(0, 9)
    x[:] = np.arange(9)
    myadd(x, x, out)
    assert out.tolist() == [2 * i for i in range(9)]


@pytest.mark.parametrize("offset", OFFSETS)
def test_one_array_as_input_and_output(myadd, memory_at, offset):
    x = memory_at(offset, 9)
    x[:] = np.arange(9)
    myadd(x, np.ones(9, "float32"), x)
    assert x.tolist() == list(range(1, 10))
    myadd(x, x, x)
    assert x.tolist() == [2 * i for i in range(1, 10)]


@pytest.mark.parametrize("stride", [2, -1, -3])
def test_one_strided_array_as_input_and_output(myadd, stride):
    x = np.arange(30, dtype="float32")[::stride]
    expected = (2 * x).tolist()
    myadd(x, x, x)
    assert x.tolist() == expected


@pytest.mark.parametrize("offset", OFFSETS)
@pytest.mark.parametrize("first", ["input", "output"])
def test_overlapping_input_and_output(dtypes, memory_at, offset, first):
    """One of the two is aligned and the other is not: the one's copy must not undo the other's result."""
    memory = memory_at(offset, 33)
    memory[:] = np.arange(33)
    x, y = (memory[1:], memory[:-1]) if first == "output" else (memory[:-1], memory[1:])
    expected = (2 * x).tolist()
    if first == "input":  # in place it would read what it wrote, wherever nothing is copied
        x = x.copy()
    dtypes["twice_float32"](x, y)
    assert y.tolist() == expected


@pytest.mark.parametrize("offset", OFFSETS)
def test_a_callback_writes_to_the_array_itself(memory_at, offset):
    """Not through its argument, but through the array that was passed."""
    x = memory_at(offset, 8)

    def write(tensor):
        x[3] = 5

    tvm.convert(write)(x)
    assert x[3] == 5


# ------------------------------------------------------------------------------------------------ read only


def overwrite(tensor):
    tensor.numpy()[...] = 9


@pytest.mark.parametrize("offset", OFFSETS)
def test_a_read_only_array_is_never_written(myadd, memory_at, offset):
    one, x = np.ones(16, "float32"), memory_at(offset, 16)
    x.flags.writeable = False
    myadd(one, one, x)
    assert not x.any()
    tvm.convert(overwrite)(x)
    assert not x.any()


@pytest.mark.parametrize("make", [lambda a: a[::2], lambda a: a[::-1], lambda a: a.astype(">f4")])
def test_a_read_only_array_of_any_layout_is_never_written(make):
    x = make(np.zeros(16, "float32"))
    x.flags.writeable = False
    tvm.convert(overwrite)(x)
    assert not x.any()


def test_bytes_are_never_written():
    """Where the interpreter puts the data of bytes decides its alignment."""
    for size in range(64, 1024, 64):
        data = bytes(size)
        tvm.convert(overwrite)(np.frombuffer(data, "uint8"))
        assert not any(data)


def test_a_read_only_file_as_output(run_python, tmp_path):
    file = tmp_path / "data"
    np.zeros(4096, "float32").tofile(file)
    run_python(f"""
import numpy as np, tvmbind as tvm
x = np.memmap({str(file)!r}, "float32", "r")
one = np.ones(4096, "float32")
tvm.load_module("models/myadd/libdeploy.so")["myadd"](one, one, x)
assert not x.any()
""")


# ------------------------------------------------------------------------------------- into Python callbacks


@pytest.mark.parametrize("offset", OFFSETS)
def test_what_a_callback_sees(memory_at, offset):
    x = memory_at(offset, 6, "int16").reshape(2, 3)
    x[:] = [[1, 2, 3], [4, 5, 6]]
    seen = []
    tvm.convert(lambda tensor: seen.append(describe(tensor)))(x)
    assert seen == [[(2, 3), "int16", tvm.cpu(), None, 0, [[1, 2, 3], [4, 5, 6]]]]


@pytest.mark.parametrize("offset", OFFSETS)
@pytest.mark.parametrize("make", [lambda a: a, lambda a: a[::2], lambda a: a[::-1], lambda a: a.reshape(2, 4).T])
def test_a_callback_writes_through_its_argument(memory_at, offset, make):
    base = memory_at(offset, 8, "int32")
    x = make(base)
    tvm.convert(overwrite)(x)
    assert (x == 9).all()
    assert np.count_nonzero(base) == x.size


@counts_references
def test_nothing_keeps_the_array():
    x = np.zeros(100)
    gone = weakref.ref(x)
    tvm.convert(lambda tensor: None)(x)
    tvm.convert(lambda *tensors: None)(x[::2], x, [x])
    del x
    gc.collect()
    assert gone() is None


def test_the_array_can_be_resized_after_the_call():
    """No export of its buffer stays behind."""
    data = bytearray(64)
    tvm.convert(lambda tensor: None)(np.frombuffer(data, "uint8"))
    gc.collect()
    data.append(1)
    assert len(data) == 65


@pytest.mark.skipif(not hasattr(sys, "getrefcount"), reason="counts references")
def test_references_stay_as_they_were():
    x, text, func = np.zeros((3, 3)), "text" * 5, tvm.convert(lambda *args: None)
    func(x, x.T, text)
    before = [sys.getrefcount(value) for value in (x, text, x.dtype)]
    for _ in range(100):
        func(x, x.T, text, x[::-1])
    assert [sys.getrefcount(value) for value in (x, text, x.dtype)] == before


def test_the_shape_of_one_call_is_not_that_of_the_next():
    seen = []
    func = tvm.convert(lambda tensor: seen.append((tensor.shape, str(tensor.dtype))))
    arrays = [np.zeros(shape, dtype) for shape in ((), (0,), (1,), (2, 3), (3, 2), (1,) * 20) for dtype in NUMBERS]
    for x in [*arrays, *arrays[::-1]]:
        func(x)
    assert seen == [(x.shape, x.dtype.name) for x in [*arrays, *arrays[::-1]]]


ARRAYS = hnp.arrays(
    st.sampled_from(
        [np.dtype(name).newbyteorder(order) for name in (*NUMBERS, *FLOATS, "bool", "complex64") for order in "<>"]
    ),
    hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4),
)


@st.composite
def views(draw):
    array = draw(ARRAYS)
    for axis in range(array.ndim):
        step = draw(st.sampled_from([1, 1, 2, -1]))
        array = array[(slice(None),) * axis + (slice(None, None, step),)]
    return array.transpose(draw(st.permutations(range(array.ndim))))


@settings(max_examples=80, deadline=None)
@given(views())
def test_any_array(x):
    copies = []
    tvm.convert(lambda tensor: copies.append(tensor.numpy().copy()))(x)
    np.testing.assert_array_equal(copies[0], x)
    assert copies[0].dtype == x.dtype.newbyteorder("=")
    result = tvm.convert(lambda: x)()
    np.testing.assert_array_equal(result.numpy(), x)
    tvm.convert(lambda tensor: tensor.numpy().fill(1))(x)
    assert (x == 1).all()


@pytest.mark.parametrize("wrong", [1, 1.5, None, "text", b"bytes", True, [1.0], len, tvm.cpu(0)], ids=str)
@pytest.mark.parametrize("place", [0, 2])
def test_what_a_kernel_takes_for_an_array_is_one(models, wrong, place):
    """Classic kernels do not look, and would read and write at the address 1."""
    module = tvm.load_module(models / "myadd" / "libdeploy.so")
    args = [tvm.empty((3,)), tvm.empty((3,)), tvm.empty((3,))]
    args[place] = wrong
    for func in (module["myadd"], module["myadd"], module.time_evaluator("myadd", tvm.cpu(0), 1)):
        with pytest.raises((TypeError, tvm.TVMError)):
            func(*args)
