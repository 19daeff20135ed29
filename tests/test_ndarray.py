"""NDArray: making, copying, viewing, and how long memory lives."""

from __future__ import annotations

import copy
import gc
import pickle
import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import tvmbind as tvm
from runtime_here import can, of_ml_dtypes

DTYPES = [
    "bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float16", "float32",
    "float64", "complex64", "complex128",
]  # fmt: skip
SHAPES = [(), (1,), (5,), (0,), (2, 3), (2, 0, 3), (1, 2, 3, 4), (1,) * 8]


# ------------------------------------------------------------------------------------------------- making


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", DTYPES)
def test_empty(dtype, shape):
    array = tvm.empty(shape, dtype)
    assert type(array) is tvm.NDArray
    assert array.shape == shape
    assert array.dtype == dtype
    assert type(array.dtype) is tvm.DataType
    assert array.ndim == len(shape)
    assert array.size == int(np.prod(shape))
    assert array.nbytes == array.size * np.dtype(dtype).itemsize
    assert array.device == tvm.cpu()
    assert array.strides is None
    assert array.byte_offset == 0
    assert array.is_view is False
    view = array.numpy()
    assert (view.shape, view.dtype, view.flags.writeable, view.flags.c_contiguous) == (
        shape,
        dtype,
        True,
        True,
    )
    assert view.ctypes.data % 64 == 0 or not array.size


def test_defaults():
    assert tvm.empty((2,)).dtype == "float32"
    assert tvm.empty(3).shape == (3,)
    assert tvm.empty(np.int8(3)).shape == (3,)
    assert tvm.empty([2, np.int64(3)], np.float16, tvm.cpu(0)).shape == (2, 3)
    assert tvm.empty(tvm.ShapeTuple([4, 5])).shape == (4, 5)
    assert tvm.empty((2,), np.dtype(">i4")).dtype == "int32"


@pytest.mark.parametrize("shape", ["ab", None, 1.5, (1.5,), ("2",), (None,), {"a": 1}, object(), [[1]]])
def test_no_shape(shape):
    with pytest.raises(TypeError, match="shape"):
        tvm.empty(shape)


@pytest.mark.parametrize("shape", [(-1,), (2, -3), -1, (0, -1), (-(2**63),), (-(2**70),)])
def test_negative_extents(shape):
    with pytest.raises(ValueError, match="negative"):
        tvm.empty(shape)


@pytest.mark.parametrize(
    "shape",
    [
        (2**62,),
        (2**63,),
        (2**70,),
        (2**31, 2**31),
        (2**32, 2**32),
        (2**21,) * 3,
        (0, 2**63),
    ],
)
def test_huge_shapes(shape):
    with pytest.raises((ValueError, MemoryError)):
        tvm.empty(shape, "float64")


@pytest.mark.parametrize("shape", [(2**45,), (2**50,), (2**61,)])
def test_more_than_there_is(shape):
    with pytest.raises(MemoryError):
        tvm.empty(shape, "int8")


def test_very_many_dimensions():
    array = tvm.empty((1,) * 200)
    assert array.ndim == 200
    with pytest.raises(ValueError, match="dim"):
        array.numpy()
    assert "NDArray" in repr(array)


@pytest.mark.parametrize("dtype", ["nope", 5, "U5", "O", np.dtype("M8[s]"), object])
def test_no_dtype(dtype):
    with pytest.raises(TypeError):
        tvm.empty((1,), dtype)


@pytest.mark.parametrize("device", ["cpu", 1, (1, 0)])
def test_no_device(device):
    with pytest.raises(TypeError, match="Device"):
        tvm.empty((1,), "int8", device)


@pytest.mark.parametrize("dtype", ["float32x4", "int8x3", "uint16x2"])
def test_vector_types(dtype):
    array = tvm.empty((5,), dtype)
    lanes = array.dtype.lanes
    assert array.shape == (5,)
    assert array.numpy().shape == (5, lanes)
    assert array.nbytes == array.numpy().nbytes
    array.copyfrom(np.arange(5 * lanes).reshape(5, lanes))
    assert array.numpy().ravel().tolist() == list(range(5 * lanes))


@pytest.mark.parametrize("dtype", ["boolx4" if can("classic runtime") else "uint1x4", "int4x2", "int4x3"])
@pytest.mark.needs("types of less than a byte")
def test_types_of_less_than_a_byte_are_never_overrun(dtype):
    """TVM packs their lanes, so numpy's layout would be larger than the memory."""
    array = tvm.empty((100_000,), dtype)
    with pytest.raises(TypeError, match=dtype):
        array.numpy()
    with pytest.raises(TypeError, match=dtype):
        array.copyfrom(np.ones((100_000, array.dtype.lanes)))
    assert dtype in repr(array)


@pytest.mark.parametrize("kind", ["bfloat16", "float8_e4m3fn", "float8_e5m2"])
def test_types_of_ml_dtypes(kind):
    kind = of_ml_dtypes(kind)
    source = np.arange(5).astype(kind)
    array = tvm.array(source)
    assert array.numpy().dtype == np.dtype(kind)
    assert array.numpy().astype(float).tolist() == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("make", [np.array, np.asfortranarray, lambda a: np.repeat(a, 2, 1)[:, ::2], lambda a: a[::-1]])
def test_array_is_a_copy(dtype, make):
    source = make(np.arange(6).reshape(2, 3).astype(dtype))
    expected = source.copy()
    array = tvm.array(source)
    source[...] = 0
    assert array.dtype == dtype
    np.testing.assert_array_equal(array.numpy(), expected)


@pytest.mark.parametrize(
    ("value", "dtype", "expected"),
    [(5, "int64", 5), (1.5, "float64", 1.5), (True, "bool", True), ([1, 2], "int64", [1, 2]),
     ([], "float64", []),
     ([[1.0, 2], [3, 4]], "float64", [[1, 2], [3, 4]]), (range(3), "int64", [0, 1, 2]),
     (np.int8(7), "int8", 7),
     (np.arange(3, dtype=">u2"), "uint16", [0, 1, 2]), (memoryview(b"ab"), "uint8", [97, 98]),
     (1j, "complex128", 1j)],
)  # fmt: skip
def test_array_of_anything(value, dtype, expected):
    array = tvm.array(value)
    assert array.dtype == dtype
    assert array.numpy().tolist() == expected


@pytest.mark.parametrize(
    "value", ["text", b"bytes", None, object(), [object()], [2**70], np.zeros(2, "M8[s]"), {}, {1}]
)
def test_array_of_no_numbers(value):
    with pytest.raises(TypeError):
        tvm.array(value)


def test_array_of_a_ragged_list():
    with pytest.raises(ValueError, match="inhomogeneous"):
        tvm.array([[1], [2, 3]])


def test_array_of_an_array():
    first = tvm.array([1, 2])
    second = tvm.array(first)
    first.numpy()[:] = 0
    assert second.numpy().tolist() == [1, 2]


# -------------------------------------------------------------------------------------------- views and life


def test_numpy_is_a_view():
    array = tvm.empty((2, 2))
    one, other = array.numpy(), array.numpy()
    one[...] = 7
    assert other.tolist() == [[7, 7], [7, 7]]
    assert np.shares_memory(one, other)


@pytest.mark.parametrize("end", ["close", "del", "with"])
def test_a_view_keeps_the_memory(end):
    array = tvm.array(np.arange(100_000))
    view = array.numpy()[::2][10:].reshape(-1, 2)
    expected = view.copy()
    if end == "close":
        array.close()
        array.close()
    elif end == "with":
        with array:
            pass
    else:
        del array
    gc.collect()
    others = [tvm.array(np.zeros(100_000, "int64")) for _ in range(5)]
    assert (view == expected).all()
    view[:] = 5
    del others
    if end == "close":
        with pytest.raises(ValueError, match="closed"):
            array.numpy()


def test_memory_is_given_back():
    before = memory_in_use()
    for _ in range(50):
        array = tvm.empty((4_000_000,), "int8")
        array.numpy()[:] = 1
        view = array.numpy()[5:]
        array.close()
        del view, array
        gc.collect()  # PyPy would do it later
    assert memory_in_use() - before < 40_000_000


def memory_in_use():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096


@pytest.mark.parametrize("use", ["shape", "dtype", "device", "ndim", "size", "nbytes", "strides", "byte_offset"])
@pytest.mark.parametrize("before", [False, True])
def test_a_closed_array(use, before):
    array = tvm.empty((2,))
    if before:
        getattr(array, use)
    array.close()
    assert array.closed
    with pytest.raises(ValueError, match="closed"):
        getattr(array, use)
    assert repr(array) == "<NDArray (closed)>"


@pytest.mark.parametrize(
    "use",
    [
        lambda a: a.numpy(), lambda a: np.asarray(a), lambda a: a.copyfrom(np.zeros(2)), lambda a: a.copy(),
        lambda a: a.copyto(tvm.empty((2,))), lambda a: a.copyto(tvm.cpu()),
        lambda a: tvm.empty((2,)).copyfrom(a),
        lambda a: a[0], lambda a: a.__setitem__(0, 1), len, lambda a: tvm.array(a),
    ],
)  # fmt: skip
@pytest.mark.parametrize("viewed", [False, True])
def test_use_of_a_closed_array(use, viewed):
    array = tvm.empty((2,))
    if viewed:
        array.numpy()
    array.close()
    with pytest.raises(ValueError, match="closed"):
        use(array)


def test_threads_take_the_first_view_at_once(run_python):
    run_python("""
import gc, sys, threading
import tvmbind as tvm
sys.setswitchinterval(1e-6)
barrier = threading.Barrier(8)
arrays = []

def work(first):
    for _ in range(400):
        barrier.wait()
        if first:
            arrays.append(tvm.empty((8,)))
        barrier.wait()
        arrays[-1].numpy()[0] = 1

threads = [threading.Thread(target=work, args=(i == 0,)) for i in range(8)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
arrays.clear()
gc.collect()
""")


@pytest.mark.needs("containers")
def test_threads_close_at_once(run_python):
    run_python("""
import gc, sys, threading
import tvmbind as tvm
sys.setswitchinterval(1e-6)
barrier = threading.Barrier(8)
makers = [lambda: tvm.empty((8,)), lambda: tvm.convert(len), lambda: tvm.Array(["a"])]
values = []

def work(first):
    for i in range(400):
        barrier.wait()
        if first:
            values.append(makers[i % 3]())
        barrier.wait()
        value = values[-1]
        try:
            if i % 2 and isinstance(value, tvm.NDArray):
                value.numpy()
        except ValueError:
            pass
        value.close()

threads = [threading.Thread(target=work, args=(i == 0,)) for i in range(8)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
values.clear()
gc.collect()
""")


def test_no_copies_and_no_pickles():
    for attempt in (copy.copy, copy.deepcopy, pickle.dumps):
        with pytest.raises(TypeError, match="cannot be copied or pickled"):
            attempt(tvm.empty((1,)))


# ------------------------------------------------------------------------------------------------- copyfrom


@pytest.mark.parametrize("dtype", DTYPES)
def test_copyfrom(dtype):
    array = tvm.empty((2, 3), dtype)
    source = np.arange(6).reshape(2, 3).astype(dtype)
    assert array.copyfrom(source) is array
    assert (array.numpy() == source).all()
    assert array.copyfrom(source.tolist()) is array
    assert (array.numpy() == source).all()
    assert (tvm.empty((2, 3), dtype).copyfrom(array).numpy() == source).all()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(), (6,), (3, 2), (2, 3, 1), (2, 2), (0,), (1, 2, 3)])
def test_copyfrom_another_shape(dtype, shape):
    array = tvm.empty((2, 3), dtype)
    with pytest.raises(ValueError, match="shape") as caught:
        array.copyfrom(np.zeros(shape, dtype))
    assert str(shape) in str(caught.value)
    assert "(2, 3)" in str(caught.value)
    with pytest.raises(ValueError, match="shape"):
        array.copyfrom(tvm.empty(shape, dtype))
    with pytest.raises(ValueError, match="shape"):
        tvm.empty(shape, dtype).copyto(array)


def test_copyfrom_converts_numpy():
    array = tvm.empty((3,), "int16")
    assert array.copyfrom(np.array([1.9, -1.9, 3.0])).numpy().tolist() == [1, -1, 3]
    assert array.copyfrom(np.array([True, False, True])).numpy().tolist() == [1, 0, 1]
    assert array.copyfrom(np.array([1, 2, 3], ">i8")[::-1]).numpy().tolist() == [3, 2, 1]
    assert tvm.empty((1,), "complex64").copyfrom([1 + 2j]).numpy()[0] == 1 + 2j
    assert tvm.empty((2,), "bool").copyfrom([5, 0]).numpy().tolist() == [True, False]


@pytest.mark.parametrize("source", [["a", "b"], [None, None], np.zeros(2, "M8[s]"), np.zeros(2, "i4,f4"), [1j, 2j]])
def test_copyfrom_no_numbers(source):
    with pytest.raises(TypeError):
        tvm.empty((2,)).copyfrom(source)


@pytest.mark.parametrize("other", ["int32", "float64", "uint32", "float32x1", "int8x4"])
def test_copyfrom_an_array_of_another_type(other):
    if other == "float32x1":
        assert tvm.empty((2,), other).dtype == "float32"
        return
    with pytest.raises(TypeError, match="convert"):
        tvm.empty((2,)).copyfrom(tvm.empty((2,), other))
    with pytest.raises(TypeError, match="convert"):
        tvm.empty((2,), other).copyto(tvm.empty((2,)))


def test_copyfrom_itself():
    array = tvm.array([1, 2, 3])
    array.copyfrom(array)
    assert array.numpy().tolist() == [1, 2, 3]
    array.copyfrom(array.numpy()[::-1])
    assert array.numpy().tolist() == [3, 2, 1]


def test_copyto():
    array = tvm.array([[1, 2], [3, 4]])
    target = tvm.empty((2, 2), "int64")
    assert array.copyto(target) is target
    fresh = array.copyto(tvm.cpu())
    also = array.copy()
    array.numpy()[...] = 0
    for one in (target, fresh, also):
        assert one.numpy().tolist() == [[1, 2], [3, 4]]
    for wrong in (np.zeros((2, 2)), "cpu", 1, None):
        with pytest.raises(TypeError, match="NDArray or a Device"):
            array.copyto(wrong)
    with pytest.raises(tvm.TVMError, match=r"cuda|gpu" if can("libtvm_runtime") else r"libtvm_runtime\.so has it"):
        array.copyto(tvm.cuda())


@pytest.mark.parametrize("shape", SHAPES)
def test_copies_of_every_shape(shape):
    source = np.random.default_rng(0).random(shape)
    array = tvm.array(source)
    assert (array.numpy() == source).all()
    assert (array.copy().numpy() == source).all()


# ----------------------------------------------------------------------------------------------- as an array


def test_array_protocol():
    array = tvm.array(np.arange(4, dtype="int32"))
    view = np.asarray(array)
    view[0] = 9
    assert array.numpy()[0] == 9
    assert np.asarray(array, "float64").dtype == "float64"
    copied = np.array(array)
    copied[0] = 1
    assert array.numpy()[0] == 9
    assert np.sum(array) == 15
    assert (np.stack([array, array]) == array.numpy()).all()
    assert np.array(array, copy=False).base is not None
    if np.__version__ >= "2":  # before, copy=False was "if needed"
        with pytest.raises(ValueError, match="without a copy"):
            np.array(array, "float64", copy=False)


def test_items():
    array = tvm.array(np.arange(6).reshape(2, 3))
    assert array[1, 2] == 5
    assert array[0].tolist() == [0, 1, 2]
    assert len(array) == 2
    array[1] = 7
    array[:, 0] = [8, 9]
    assert array.numpy().tolist() == [[8, 1, 2], [9, 7, 7]]
    assert [row.tolist() for row in array] == [[8, 1, 2], [9, 7, 7]]
    for index in (2, (0, 3), "x"):
        with pytest.raises(IndexError):
            array[index]
    with pytest.raises(TypeError, match="without dimensions"):
        len(tvm.array(5))
    assert tvm.array(5)[()] == 5


def test_repr():
    text = repr(tvm.array(np.arange(3, dtype="int8")))
    assert text.startswith("<NDArray shape=(3,) dtype='int8' device=cpu(0)>")
    assert "array([0, 1, 2]" in text
    assert len(repr(tvm.empty((10_000,)))) < 200
    assert "handle" in repr(tvm.empty((2,), "handle"))
    assert "bfloat16" in repr(tvm.empty((2,), "bfloat16"))


# ------------------------------------------------------------------------------------------------ properties

ARRAYS = hnp.arrays(
    st.sampled_from([np.dtype(name).newbyteorder(order) for name in DTYPES for order in "<>"]),
    hnp.array_shapes(min_dims=0, max_dims=5, min_side=0, max_side=5),
)


@settings(max_examples=80, deadline=None)
@given(ARRAYS)
def test_any_array(source):
    array = tvm.array(source)
    assert array.shape == source.shape
    assert array.dtype == source.dtype.newbyteorder("=").name
    np.testing.assert_array_equal(array.numpy(), source)
    np.testing.assert_array_equal(array.copy().numpy(), source)
    other = tvm.empty(source.shape, source.dtype).copyfrom(source.T.copy().T)
    np.testing.assert_array_equal(other.numpy(), source)
    np.testing.assert_array_equal(tvm.convert(lambda x: x)(array).numpy(), source)


@settings(max_examples=80, deadline=None)
@given(st.lists(st.integers(-3, 2**64), max_size=4), st.sampled_from(["int8", "float64", "int8x4", "boolx3"]))
def test_any_shape(shape, dtype):
    try:
        array = tvm.empty(shape, dtype)
    except (ValueError, MemoryError):
        return
    assert array.shape == tuple(shape)
    assert array.nbytes >= 0
    array.close()


def test_threads_share_an_array():
    array = tvm.empty((1000,), "int64")
    array.numpy()[:] = 0
    wrong = []

    def work():
        for _ in range(200):
            if array.numpy().shape != (1000,) or array.shape != (1000,) or array.copy().numpy().any():
                wrong.append(1)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
