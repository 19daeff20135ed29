"""DLPack and ``asarray``: arrays of others as TVM's, and TVM's as theirs, with the same memory."""

from __future__ import annotations

import array
import ctypes
import gc
import mmap
import sys
import threading
import weakref

import numpy as np
import pytest

import tvmbind as tvm
from capsules import Exporter, capsule_of, inside, name_of, rename
from runtime_here import INFO, counts_references, of_ml_dtypes

cpython = pytest.mark.skipif(sys.implementation.name != "cpython", reason="this Python has no capsules for ctypes")
numpy_2 = pytest.mark.skipif(
    tuple(map(int, np.__version__.split(".")[:2])) < (2, 1), reason="this numpy knows no DLPack 1.0"
)
DTYPES = [
    "bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64",
    "float16", "float32", "float64", "complex64", "complex128",
]  # fmt: skip


def at(x):
    """Where the elements of an array are."""
    return np.asarray(x).__array_interface__["data"][0]


def qualifying(shape, dtype="float32"):
    """An array of numpy's that every runtime can use where it is, with values."""
    x = tvm.aligned_empty(shape, dtype)
    x[...] = np.arange(x.size).reshape(x.shape) % 2
    return x


# ------------------------------------------------------------------------------------------------- out: __dlpack__


@pytest.fixture
def nd():
    return tvm.array(np.arange(6, dtype="float32").reshape(2, 3))


def test_device(nd):
    assert nd.__dlpack_device__() == (1, 0)
    assert type(nd.__dlpack_device__()) is tuple


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(), (5,), (2, 3, 4), (0, 3), (1, 1)])
def test_numpy_shares_the_memory(dtype, shape):
    x = tvm.empty(shape, dtype)
    x.numpy()[...] = 1
    for view in (np.asarray(x), x.numpy()):
        assert at(view) == at(x)
        assert (view.shape, view.dtype) == (shape, dtype)
    seen = np.from_dlpack(x)
    assert (seen.shape, seen.dtype) == (shape, dtype)
    assert (seen == np.ones(shape, dtype)).all()
    assert not seen.size or at(seen) == at(x)


@numpy_2
def test_numpy_can_write_to_it(nd):
    np.from_dlpack(nd)[1, 2] = 50
    assert nd.numpy()[1, 2] == 50


@cpython
@pytest.mark.parametrize(
    ("options", "name"),
    [
        ({}, "dltensor"),
        ({"max_version": None}, "dltensor"),
        ({"max_version": (0, 8)}, "dltensor"),
        ({"max_version": (1, 0)}, "dltensor_versioned"),
        ({"max_version": (1, 1)}, "dltensor_versioned"),
        ({"max_version": (2, 0)}, "dltensor_versioned"),
        ({"stream": None}, "dltensor"),
        ({"dl_device": (1, 0)}, "dltensor"),
        ({"dl_device": tvm.cpu(0), "copy": False, "max_version": (1, 0)}, "dltensor_versioned"),
    ],
)
def test_what_a_consumer_can_ask_for(nd, options, name):
    capsule = nd.__dlpack__(**options)
    assert name_of(capsule) == name
    managed = inside(capsule)
    tensor = managed.tensor
    assert tensor.data + tensor.byte_offset == at(nd)
    assert (tensor.code, tensor.bits, tensor.lanes, tensor.ndim) == (2, 32, 1, 2)
    assert tensor.shape[:2] == [2, 3]
    assert tensor.strides[:2] == [3, 1], "from DLPack 1.2 on they have to be told"
    if "versioned" in name:
        assert managed.major == 1
        assert managed.flags == 0


@cpython
def test_a_copy_is_asked_for(nd):
    for options, flags in (({}, None), ({"max_version": (1, 0)}, 2)):  # IS_COPIED
        managed = inside(capsule := nd.__dlpack__(copy=True, **options))
        assert managed.tensor.data + managed.tensor.byte_offset != at(nd)
        assert flags is None or managed.flags == flags
        nd.numpy()[:] = 9
        assert 9 not in tvm.from_dlpack(capsule).numpy()
        nd.numpy()[:] = 1


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"dl_device": (2, 0)}, BufferError),
        ({"dl_device": (2, 0), "copy": False}, BufferError),
        ({"dl_device": (1,)}, BufferError),
        ({"dl_device": 1}, TypeError),
        ({"dl_device": ("a", "b")}, TypeError),
        ({"max_version": 1}, TypeError),
        ({"max_version": "newest"}, TypeError),
        ({"stream": 1}, ValueError),
        ({"stream": "first"}, ValueError),
        ({"nonsense": 1}, TypeError),
    ],
)
def test_what_cannot_be_done(nd, options, error):
    with pytest.raises(error):
        nd.__dlpack__(**options)


def test_nothing_but_keywords(nd):
    with pytest.raises(TypeError):
        nd.__dlpack__(None)


def test_a_closed_array(nd):
    nd.close()
    for use in (nd.__dlpack__, nd.__dlpack_device__, lambda: np.from_dlpack(nd), lambda: tvm.from_dlpack(nd)):
        with pytest.raises(ValueError, match="closed"):
            use()


@cpython
@pytest.mark.needs("types of less than a byte")
def test_types_of_less_than_a_byte(nd):
    """Each element of TVM's has a byte, which only DLPack 1.0 can tell."""
    x = tvm.empty((4,), "int4")
    with pytest.raises(BufferError, match=r"DLPack 1\.0"):
        x.__dlpack__()
    managed = inside(capsule := x.__dlpack__(max_version=(1, 0)))
    assert (managed.tensor.bits, managed.flags) == (4, 4)  # IS_SUBBYTE_TYPE_PADDED
    back = tvm.from_dlpack(capsule)
    assert (back.dtype, back.shape, back.nbytes) == ("int4", (4,), 4)
    assert tvm.from_dlpack(x).dtype == tvm.asarray(x, copy=False).dtype == "int4"


@cpython
@pytest.mark.parametrize("legacy", [True, False])
def test_packed_elements_are_no_elements_of_tvm_s(legacy):
    def packed(managed):
        managed.tensor.bits = 4
        managed.tensor.code = 0

    if not legacy and not hasattr(np, "__array_api_version__"):
        pytest.skip("this numpy knows no DLPack 1.0")
    x = Exporter(qualifying(8, "int8"), packed, legacy)
    for take in (tvm.from_dlpack, tvm.asarray, tvm.convert(lambda value: value)):
        with pytest.raises(TypeError, match="packs"):
            take(x)


@pytest.mark.parametrize("dtype", ["int8x4", "float32x2", "int16x8"])
def test_vectors(dtype):
    x = tvm.empty((3, 2), dtype)
    x.numpy()[...] = np.arange(x.numpy().size).reshape(x.numpy().shape)
    back = tvm.from_dlpack(x)
    assert (back.dtype, back.shape) == (dtype, (3, 2))
    assert at(back.numpy()) == at(x.numpy())
    assert (back.numpy() == x.numpy()).all()
    element = tvm.DataType(dtype).numpy()
    given = tvm.aligned_empty((3, 2), dtype)
    assert given.dtype == element.base
    assert given.shape == (3, 2, *element.shape)


# --------------------------------------------------------------------------------------------------- in: from_dlpack


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(), (7,), (2, 3, 4), (1, 5), (3, 0, 2)])
@pytest.mark.parametrize("take", [tvm.from_dlpack, tvm.asarray])
def test_numpy_s_memory(take, dtype, shape):
    x = qualifying(shape, dtype)
    a = take(x)
    assert (a.shape, a.dtype, a.device, a.strides) == (shape, dtype, tvm.cpu(0), None)
    assert (a.numpy() == x).all()
    if x.size:
        assert at(a.numpy()) == at(x)
        a.numpy()[...] = 0
        assert not x.any()


@cpython
@numpy_2
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("legacy", [True, False])
def test_memory_of_another_library(dtype, legacy):
    x = qualifying((2, 3), dtype)
    for take in (tvm.from_dlpack, tvm.asarray, lambda e: tvm.asarray(e, copy=False)):
        a = take(Exporter(x, legacy=legacy))
        assert (at(a.numpy()), a.shape, a.dtype) == (at(x), (2, 3), dtype)
    copy = tvm.asarray(Exporter(x, legacy=legacy), copy=True)
    assert at(copy.numpy()) != at(x)
    assert (copy.numpy() == x).all()


@cpython
@pytest.mark.parametrize("name", ["bfloat16", "float8_e4m3fn", "float8_e5m2"])
def test_small_floats(name):
    """numpy's DLPack has none of them: its memory goes without, and out by a capsule alone."""
    x = qualifying((4, 2), of_ml_dtypes(name))
    a = tvm.asarray(x, copy=False)
    assert a.numpy().dtype == x.dtype
    assert at(a.numpy()) == at(x)
    back = tvm.from_dlpack(a.__dlpack__(max_version=(1, 0)))
    assert back.dtype == a.dtype
    assert at(back.numpy()) == at(x)
    codes = {"bfloat16": (4, 16), "float8_e4m3fn": (10, 8), "float8_e5m2": (12, 8)}
    tensor = inside(capsule := a.__dlpack__()).tensor
    assert (tensor.code, tensor.bits) == codes[name], "DLPack's codes, not those of a classic runtime"
    assert tvm.from_dlpack(capsule).dtype == a.dtype
    assert at(tvm.asarray(x[1:]).numpy()) != at(x[1:]), "a copy: it is not aligned"
    assert (tvm.asarray(x[1:]).numpy() == x[1:]).all()


@cpython
@numpy_2
@pytest.mark.needs("classic runtime")
def test_an_element_type_that_this_runtime_has_not():
    def strange(managed):
        managed.tensor.code = 77

    with pytest.raises(TypeError, match="77"):
        tvm.from_dlpack(Exporter(qualifying(8), strange))


@cpython
@numpy_2
@pytest.mark.parametrize("what", ["ndim", "extent"])
@pytest.mark.parametrize("legacy", [True, False])
def test_a_shape_that_is_none(what, legacy):
    def strange(managed):
        if what == "ndim":
            managed.tensor.ndim = -1
        else:
            managed.tensor.shape[1] = -2

    for take in (tvm.from_dlpack, tvm.asarray, tvm.convert(lambda x: x)):
        with pytest.raises(ValueError, match="negative extent"):
            take(Exporter(qualifying((4, 2)), strange, legacy))


def test_numpy_types_that_tvm_has_not():
    for dtype in ("datetime64[s]", "timedelta64[s]", "S3", "U2", "O", "V4", "longdouble", "clongdouble"):
        x = np.zeros(4, dtype)
        for take in (tvm.from_dlpack, tvm.asarray, lambda x: tvm.asarray(x, copy=True)):
            with pytest.raises(TypeError):
                take(x)


LAYOUTS = {
    "strided": lambda x: x[::2],
    "reversed": lambda x: x[::-1],
    "transposed": lambda x: x.T,
    "Fortran's order": np.asfortranarray,
    "a column": lambda x: x[:, 1:2],
    "broadcast": lambda x: np.broadcast_to(x[0], (3, *x[0].shape)),
    "both ways reversed": lambda x: x[::-1, ::-1],
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_what_is_not_contiguous_is_copied(layout):
    x = LAYOUTS[layout](qualifying((4, 6)))
    a = tvm.asarray(x)
    assert (a.numpy() == x).all()
    assert not np.shares_memory(a.numpy(), x)
    for take in (tvm.from_dlpack, lambda x: tvm.asarray(x, copy=False)):
        with pytest.raises(tvm.ZeroCopyError, match="contiguous"):
            take(x)


@cpython
@numpy_2
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("legacy", [True, False])
def test_what_another_library_has_not_contiguous(layout, legacy):
    x = LAYOUTS[layout](qualifying((4, 6)))
    x = x if x.flags.writeable else x.copy()[::-1]  # numpy's legacy form refuses what is read-only
    a = tvm.asarray(Exporter(x, legacy=legacy))
    assert (a.numpy() == x).all()
    assert not np.shares_memory(a.numpy(), x)
    with pytest.raises(tvm.ZeroCopyError, match="contiguous"):
        tvm.from_dlpack(Exporter(x, legacy=legacy))


@pytest.mark.parametrize("offset", [1, 2, 4, 8, 16, 32])
def test_what_is_not_aligned_is_copied(memory_at, offset):
    x = memory_at(offset, 9, "uint8")
    x[:] = np.arange(9)
    a = tvm.asarray(x)
    if not offset % INFO.alignment:
        pytest.skip(f"{INFO.title} is content with an offset of {offset}")
    assert not np.shares_memory(a.numpy(), x)
    assert (a.numpy() == x).all()
    for given in (x, Exporter(x)) if sys.implementation.name == "cpython" else (x,):
        with pytest.raises(tvm.ZeroCopyError, match=f"aligned to {INFO.alignment} bytes"):
            tvm.from_dlpack(given)
        with pytest.raises(ValueError, match="allow a copy"):
            tvm.asarray(given, copy=False)


@cpython
@numpy_2
def test_a_byte_offset():
    x = qualifying(64, "float32")

    def by(offset):
        def change(managed):
            managed.tensor.data -= offset
            managed.tensor.byte_offset = offset

        return change

    for offset in (256, 3):
        a = tvm.from_dlpack(Exporter(x, by(offset)))
        assert at(a.numpy()) == at(x)
    x = x[1:]
    a = tvm.asarray(Exporter(x, by(4)))  # the memory is aligned, and its first element is not
    assert not np.shares_memory(a.numpy(), x)
    assert (a.numpy() == x).all()


@pytest.mark.parametrize("writable", [True, False])
def test_read_only_memory_is_never_shared(writable):
    x = qualifying(8)
    x.flags.writeable = writable
    a = tvm.asarray(x)
    assert np.shares_memory(a.numpy(), x) == writable
    a.numpy()[:] = 7
    assert (7 in x) == writable


@cpython
@numpy_2
def test_read_only_memory_of_another_library():
    x = qualifying(8)
    x.flags.writeable = False
    a = tvm.asarray(Exporter(x))
    assert not np.shares_memory(a.numpy(), x)
    assert (a.numpy() == x).all()
    with pytest.raises(tvm.ZeroCopyError, match="read-only"):
        tvm.from_dlpack(Exporter(x))


@pytest.mark.parametrize("dtype", [">f4", ">i8", ">c16", ">u2"])
def test_a_foreign_byte_order(dtype):
    x = np.arange(5).astype(dtype)
    a = tvm.asarray(x)
    assert a.numpy().dtype.isnative
    assert (a.numpy() == x).all()
    with pytest.raises(tvm.ZeroCopyError, match="byte order"):
        tvm.asarray(x, copy=False)


class Mine(np.ndarray):
    """A subclass of numpy's."""


def test_subclasses_of_numpy_s():
    x = qualifying((2, 3)).view(Mine)
    assert at(tvm.from_dlpack(x).numpy()) == at(x)
    assert type(tvm.from_dlpack(x).numpy()) is np.ndarray
    with pytest.warns(PendingDeprecationWarning):
        assert tvm.asarray(np.matrix([[1.0, 2.0]])).shape == (1, 2)
    record = np.zeros(4, "i4,f4").view(np.recarray)
    with pytest.raises(TypeError):
        tvm.asarray(record)
    assert tvm.asarray(record["f1"]).shape == (4,)


def aligned_buffer(kind):
    """Memory that is aligned, in an object of this kind; and how to look at its bytes."""
    page = mmap.mmap(-1, 4096)
    return page if kind is mmap.mmap else memoryview(page)


@pytest.mark.parametrize("kind", [mmap.mmap, memoryview])
def test_the_buffer_protocol(kind):
    x = aligned_buffer(kind)
    a = tvm.from_dlpack(x)
    assert (a.shape, a.dtype) == ((4096,), "uint8")
    a.numpy()[5] = 77
    assert x[5] == 77
    assert at(tvm.asarray(x, copy=False).numpy()) == at(a.numpy())
    assert at(tvm.asarray(x, copy=True).numpy()) != at(a.numpy())


@pytest.mark.parametrize(
    ("x", "dtype", "values"),
    [
        (bytearray(b"abc"), "uint8", [97, 98, 99]),
        (b"abc", "uint8", [97, 98, 99]),
        (memoryview(b"abc"), "uint8", [97, 98, 99]),
        (memoryview(bytearray(range(8)))[::2], "uint8", [0, 2, 4, 6]),
        (memoryview(bytearray(8)).cast("i"), "int32", [0, 0]),
        (memoryview(bytearray(b"\1" * 8)).cast("B", (2, 4)), "uint8", [[1] * 4] * 2),
        (array.array("f", [1, 2, 3]), "float32", [1, 2, 3]),
        (array.array("q"), "int64", []),
        ((ctypes.c_int16 * 3)(1, 2, 3), "int16", [1, 2, 3]),
    ],
    ids=str,
)
def test_values_of_any_buffer(x, dtype, values):
    for copy in (None, True):
        a = tvm.asarray(x, copy=copy)
        assert (a.dtype, a.numpy().tolist()) == (dtype, values)


@cpython  # PyPy lets a bytearray grow whatever uses it
def test_a_buffer_stays_as_long_as_it_is_used():
    x = bytearray(256)
    start = -at(np.frombuffer(x, "uint8")) % 128
    a = tvm.from_dlpack(memoryview(x)[start : start + 64])
    with pytest.raises(BufferError):
        x.extend(b"more")
    a.numpy()[0] = 5
    assert x[start] == 5
    a.close()
    gc.collect()
    x.extend(b"more")


@pytest.mark.parametrize("x", [3, 2.5, True, None, [1, 2], (1.0, 2.0), "text", object(), {}, np.float32(2), np.True_])
def test_what_has_no_memory(x):
    """Not by chance either: where numpy would put it may be aligned."""
    for _ in range(20):
        with pytest.raises(TypeError, match="no memory to share"):
            tvm.from_dlpack(x)
        with pytest.raises(tvm.ZeroCopyError, match="no memory"):
            tvm.asarray(x, copy=False)


def test_values_without_memory():
    assert tvm.asarray([[1.0, 2.0]]).numpy().tolist() == [[1, 2]]
    assert tvm.asarray(3).numpy() == 3
    assert tvm.asarray(np.float32(2.5)).dtype == "float32"


def test_arrays_of_tvm_s():
    x = tvm.array(np.arange(4.0))
    assert tvm.asarray(x) is x
    assert tvm.asarray(x, copy=False) is x
    assert at(tvm.asarray(x, copy=True).numpy()) != at(x.numpy())
    other = tvm.from_dlpack(x)
    assert other is not x
    assert at(other.numpy()) == at(x.numpy())
    x.close()
    assert other.numpy().tolist() == [0, 1, 2, 3]


def test_a_tensor_that_is_lent(memory_at):
    problems = []

    def callback(lent):
        for take in (tvm.from_dlpack, lambda t: tvm.asarray(t.numpy(), copy=False)):
            try:
                take(lent)
            except tvm.ZeroCopyError as error:
                problems.append(str(error))

    tvm.convert(callback)(memory_at(0, 8)[:0])
    assert len(problems) <= 2
    assert "x.copy()" in problems[0]


# ------------------------------------------------------------------------------------------------------------ capsules


@cpython
def test_a_capsule_serves_once():
    capsule = tvm.array(np.arange(3.0)).__dlpack__()
    a = tvm.from_dlpack(capsule)
    for take in (tvm.from_dlpack, tvm.asarray, lambda c: tvm.asarray(c, copy=True)):
        with pytest.raises(ValueError, match="used before"):
            take(capsule)
    del capsule
    assert a.numpy().tolist() == [0, 1, 2]


@cpython
@pytest.mark.parametrize("versioned", [None, (1, 0)])
@counts_references
def test_a_capsule_that_nobody_uses(versioned):
    x = qualifying(4).view(Mine)
    gone = weakref.ref(x)
    a = tvm.asarray(x)
    capsules = [a.__dlpack__(max_version=versioned) for _ in range(3)]
    del x
    a.close()
    gc.collect()
    assert gone() is not None
    capsules.clear()
    gc.collect()
    assert gone() is None


@cpython
@counts_references
def test_a_capsule_that_ends_on_another_thread():
    x = qualifying(4).view(Mine)
    gone = weakref.ref(x)
    capsules = [tvm.from_dlpack(x).__dlpack__()]
    del x
    thread = threading.Thread(target=capsules.clear)
    thread.start()
    thread.join()
    gc.collect()
    assert gone() is None


@cpython
def test_a_renamed_capsule():
    """Another consumer's mark: the tensor is theirs to delete, and no longer ours."""
    x = tvm.array(np.arange(3.0))
    capsule = x.__dlpack__()
    managed = inside(capsule)
    rename(capsule, "used_dltensor")
    with pytest.raises(ValueError, match="used before"):
        tvm.from_dlpack(capsule)
    rename(capsule, "dltensor")
    assert tvm.from_dlpack(capsule).numpy().tolist() == [0, 1, 2]
    assert managed is not None


@cpython
def test_capsules_of_something_else():
    import datetime  # noqa: F401 - it has a capsule

    for capsule in (sys.modules["datetime"].datetime_CAPI, capsule_of(at(qualifying(64)), "some.other")):
        for take in (tvm.from_dlpack, tvm.asarray):
            with pytest.raises(ValueError, match="no DLPack capsule"):
                take(capsule)


@cpython
@numpy_2
@pytest.mark.parametrize("major", [0, 2, 99])
def test_a_version_of_dlpack_that_nobody_knows(major):
    """Only the version may be looked at, and the tensor is deleted all the same."""
    x = qualifying(4).view(Mine)
    gone = weakref.ref(x)

    def change(managed):
        managed.major = major

    exporter = Exporter(x, change)
    with pytest.raises(BufferError, match=f"DLPack {major}"):
        tvm.from_dlpack(exporter)
    del x, exporter
    gc.collect()
    assert gone() is None


class Hostile:
    """Has ``__dlpack__``, and gives what it was told to."""

    def __init__(self, capsule=None, device=(1, 0)):
        self.capsule, self.device = capsule, device

    def __dlpack__(self, **options):
        return self.capsule(**options) if callable(self.capsule) else self.capsule

    def __dlpack_device__(self):
        return self.device() if callable(self.device) else self.device


def raising(error):
    def function(**options):
        raise error

    return function


@cpython
@pytest.mark.parametrize(
    "junk", [None, 0, "dltensor", b"dltensor", object(), (1, 2), [], np.zeros(3), type("PyCapsule", (), {})()]
)
def test_an_object_that_gives_no_capsule(junk):
    for take in (tvm.from_dlpack, tvm.asarray, tvm.convert(lambda x: x)):
        with pytest.raises((ValueError, TypeError)):
            take(Hostile(junk))


@cpython
@pytest.mark.parametrize("error", [ValueError, BufferError, TypeError, KeyboardInterrupt, MemoryError, RecursionError])
def test_an_object_that_raises(error):
    mine = error("mine")
    for take in (tvm.from_dlpack, tvm.asarray, tvm.convert(lambda x: x)):
        with pytest.raises(error) as caught:
            take(Hostile(raising(mine)))
        assert caught.value is mine
        with pytest.raises(error) as caught:
            take(Hostile(device=lambda: raising(mine)()))
        assert caught.value is mine


@cpython
@pytest.mark.parametrize("device", [None, 1, (), (1,), (1, 2, 3), ("cpu", 0), (10**30, 0)])
def test_an_object_that_names_no_device(device):
    for take in (tvm.from_dlpack, tvm.asarray):
        with pytest.raises((TypeError, ValueError, OverflowError, tvm.TVMError)):
            take(Hostile(lambda **options: qualifying(3).__dlpack__(**options), device))


@cpython
def test_a_device_that_is_not_there():
    with pytest.raises(tvm.TVMError, match="cuda"):
        tvm.from_dlpack(Hostile(device=(2, 0)))


@cpython
@counts_references
def test_an_object_that_closes_what_it_gave():
    """The capsule is of an array that is closed meanwhile: what is in it counts."""
    x = tvm.array(np.arange(64.0))

    def capsule(**options):
        made = x.__dlpack__(**options)
        x.close()
        return made

    assert tvm.from_dlpack(Hostile(capsule)).numpy().tolist() == list(range(64))


# ----------------------------------------------------------------------------------------------------------- lifetimes


@counts_references
@pytest.mark.parametrize("order", ["array first", "numpy first", "view last"])
def test_the_memory_lives_as_long_as_anyone_sees_it(order):
    x = qualifying(16).view(Mine)
    gone = weakref.ref(x)
    a = tvm.from_dlpack(x)
    view = a.numpy()
    holders = {"array first": ["a", "x", "view"], "numpy first": ["x", "a", "view"], "view last": ["x", "view", "a"]}
    alive = {"x": x, "a": a, "view": view}
    del x, a, view
    for name in holders[order]:
        gc.collect()
        assert gone() is not None
        assert (alive.get("view", gone()) == np.arange(16) % 2).all()
        alive.pop(name)
    gc.collect()
    assert gone() is None


@counts_references
def test_the_memory_of_numpy_goes_when_a_callback_lets_go(echo):
    x = qualifying(16).view(Mine)
    gone = weakref.ref(x)
    kept = []
    tvm.convert(lambda value: kept.append(value))(tvm.from_dlpack(x))
    del x
    gc.collect()
    assert (kept[0].numpy() == np.arange(16) % 2).all()
    kept.clear()
    gc.collect()
    assert gone() is None


@counts_references
def test_threads_drop_what_they_share():
    x = qualifying(1000).view(Mine)
    gone = weakref.ref(x)

    def work(x=x):
        for _ in range(200):
            a = tvm.from_dlpack(x)
            b = tvm.from_dlpack(a)
            a.close()
            assert b.numpy()[1] == 1

    threads = [threading.Thread(target=work) for _ in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    del x, threads, each, work
    gc.collect()
    assert gone() is None


# ----------------------------------------------------------------------------------------------------- large arrays


@counts_references  # else what a callback was lent is copied when it ends
def test_more_than_2_gib(run_python):
    """Memory that is never touched: 2.5 GiB of addresses, not of memory."""
    done = run_python("""
import mmap, resource, sys
import numpy as np
import tvmbind as tvm

count = (5 << 29) + 1
try:
    memory = mmap.mmap(-1, count, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
except OSError as error:
    sys.exit(print("no memory:", error))
x = np.frombuffer(memory, np.uint8)
a = tvm.from_dlpack(x)
assert (a.shape, a.nbytes) == ((count,), count)
view = a.numpy()
view[-1] = 7
assert x[-1] == 7 and view.ctypes.data == x.ctypes.data
sizes = tvm.convert(lambda t: (t.numpy().__setitem__(-2, 9), t.size)[1])
assert sizes(x) == sizes(a) == count and x[-2] == 9
wide = np.from_dlpack(a) if hasattr(np, "from_dlpack") else a.numpy()
assert wide[-1] == 7 and wide.nbytes == count
b = tvm.from_dlpack(x[: 5 << 29].view(np.float32).reshape(-1, 5))
assert b.shape == (1 << 27, 5) and b.nbytes == 5 << 29
assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss < 1 << 20, "it was touched"
""")
    if done.stdout.startswith("no memory"):
        pytest.skip(f"2.5 GiB of addresses cannot be had here: {done.stdout}")
