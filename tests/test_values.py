"""Every kind of value, to TVM and back."""

from __future__ import annotations

import ctypes
import enum
import functools
import math
import operator
from collections import OrderedDict, namedtuple
from fractions import Fraction

import cffi
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tvmbind as tvm
from runtime_here import INFO, can, of_ml_dtypes

settings.register_profile("brief", max_examples=60, deadline=None)
settings.load_profile("brief")

INT64 = st.integers(-(2**63), 2**63 - 1)
identity = None


@pytest.fixture(scope="module", autouse=True)
def _identity():
    global identity
    identity = tvm.convert(lambda value: value)
    yield
    identity = None


class Index:
    def __init__(self, value):
        self.value = value

    def __index__(self):
        return self.value


class Colour(enum.IntEnum):
    RED = 3


class MyInt(int):
    pass


class MyFloat(float):
    pass


class MyStr(str):
    pass


class MyBytes(bytes):
    pass


# ---------------------------------------------------------------------------------------- None, bool, numbers


def test_none(echo):
    assert echo(None) is None


@pytest.mark.parametrize("value", [True, False, np.True_, np.False_])
def test_bool(echo, value):
    result = echo(value)
    assert result == bool(value)
    assert type(result) is (bool if INFO.has("bool arguments") else int)


@pytest.mark.parametrize(
    "value",
    [0, 1, -1, 2**31, -(2**31) - 1, 2**63 - 1, -(2**63), MyInt(9), Colour.RED, Index(-4), Index(2**62)],
)
def test_int(echo, value):
    result = echo(value)
    assert result == operator.index(value)
    assert type(result) is int


@pytest.mark.parametrize("value", [Index(5), MyInt(5), Colour.RED, np.int8(5), True], ids=lambda v: type(v).__name__)
@pytest.mark.parametrize("other", [(), (1,), (1.5,), ("text",), (np.zeros(2),), tuple(range(20))], ids=str)
def test_an_int_in_company(value, other):
    """How a value goes depends on what it goes with."""
    first = tvm.convert(lambda *args: args[0])
    last = tvm.convert(lambda *args: args[-1])
    assert first(value, *other) == operator.index(value)
    assert last(*other, value) == operator.index(value)


@pytest.mark.parametrize("value", [2**63, -(2**63) - 1, 10**30, np.uint64(2**63), Index(2**64)], ids=repr)
@pytest.mark.parametrize(
    "before",
    [(), (1,), (1.5,), ("text",), (b"x",), (np.zeros(3),), ([],), (None,) * 20],
    ids=lambda b: str(b)[:12],
)
def test_int_out_of_range(value, before):
    func = tvm.convert(lambda *args: pytest.fail("called"))
    with pytest.raises(OverflowError, match=r"int64|too (big|large)|out of") as caught:
        func(*before, value)
    assert "argument 0" not in str(caught.value) or not before


@pytest.mark.parametrize("value", [2**63, -(2**63) - 1, np.uint64(2**64 - 1), Index(2**65)], ids=repr)
def test_result_out_of_range(value):
    with pytest.raises(OverflowError):
        tvm.convert(lambda: value)()


@pytest.mark.parametrize(
    "value",
    [
        0.0,
        -0.0,
        1.5,
        5e-324,
        1.7976931348623157e308,
        math.inf,
        -math.inf,
        math.pi,
        MyFloat(2.5),
        np.float64(0.1),
    ],
)
def test_float(echo, value):
    result = echo(value)
    assert type(result) is float
    assert result == value
    assert math.copysign(1, result) == math.copysign(1, value)


@pytest.mark.parametrize("value", [math.nan, -math.nan, np.float32("nan"), np.float16("nan")])
def test_nan(echo, value):
    assert math.isnan(echo(value))


NUMPY_SCALARS = [
    *(kind(value) for kind in (np.int8, np.int16, np.int32, np.int64, np.intc, np.longlong) for value in (-5, 0, 100)),
    *(kind(200) for kind in (np.uint8, np.uint16, np.uint32, np.uint64, np.uintp, np.ulonglong)),
    *(kind(-1.5) for kind in (np.float16, np.float32, np.float64, np.longdouble)),
    np.uint64(2**63 - 1),
    np.str_("höj"),
    np.bytes_(b"a\0b"),
]


@pytest.mark.parametrize("name", ["bfloat16", "float8_e4m3fn"])
def test_scalar_of_ml_dtypes(echo, name):
    value = of_ml_dtypes(name)(-1.5)
    assert echo(value) == value


@pytest.mark.parametrize("value", NUMPY_SCALARS, ids=lambda v: f"{type(v).__name__}-{v}")
def test_numpy_scalar(echo, value):
    result = echo(value)
    assert result == value
    assert type(result) in (int, float, str, bytes)
    assert tvm.convert(lambda: value)() == value


# --------------------------------------------------------------------------------------------- str and bytes

TEXTS = [
    "", "a", "héllo", "☃ 𝄞 \U0010ffff", "line\nline\r\n\ttab", "x" * 1_000_000, "é" * 300_000, " ",
    MyStr("mine"), "\x01\x7f\x80", "\udcff\udc80", "mixed \udcfe é", "%s %n {}",
]  # fmt: skip


@pytest.mark.parametrize("value", TEXTS, ids=lambda t: ascii(t[:12]))
@pytest.mark.parametrize("company", [(), (1,), ("other", b"\0")], ids=str)
def test_str(value, company):
    result = tvm.convert(lambda *args: args[0])(value, *company)
    assert result == value
    assert type(result) is str


@pytest.mark.parametrize("value", ["\0", "a\0b", "end\0", "\0" * 20])
@pytest.mark.parametrize("company", [(), (1,), ("other",)], ids=str)
def test_str_with_nul_is_refused(value, company):
    with pytest.raises(ValueError, match="NUL"):
        tvm.convert(lambda *args: pytest.fail("called"))(value, *company)
    with pytest.raises(ValueError, match="NUL"):
        tvm.convert(lambda: value)()


@pytest.mark.parametrize("company", [(), (1,)], ids=str)
def test_str_that_is_no_text(company):
    """A lone surrogate that stands for no byte."""
    with pytest.raises(UnicodeEncodeError):
        tvm.convert(lambda *args: pytest.fail("called"))("\ud800", *company)


@pytest.mark.parametrize("value", ["a\0b", "", "é\udcff"])
def test_string_object_may_hold_nul(value):
    if "\0" in value and not can("str with NULs as an object"):
        for put in (tvm.convert(len), lambda text: tvm.Array([text])):
            with pytest.raises(ValueError, match="NUL"):
                put(tvm.String(value))
        return
    seen = []
    tvm.convert(seen.append)(tvm.String(value))
    assert seen == [value]
    assert list(tvm.Array([tvm.String(value)])) == [value]
    assert tvm.convert(lambda: tvm.String(value))() == value


BYTES = [
    b"",
    b"\0",
    b"a\0b\0",
    bytes(range(256)),
    b"x" * 3_000_000,
    MyBytes(b"mine"),
    b"1234567",
    b"12345678",
]


@pytest.mark.parametrize("value", BYTES, ids=lambda b: repr(b[:8]))
@pytest.mark.parametrize("company", [(), (1,), ("other", b"\0")], ids=str)
def test_bytes(value, company):
    for kind in (bytes, bytearray, memoryview):
        result = tvm.convert(lambda *args: args[0])(kind(value), *company)
        assert result == value
        assert type(result) is bytes


def test_memoryview_of_any_layout(echo):
    assert echo(memoryview(b"abcdef")[::2]) == b"ace"
    assert echo(memoryview(b"abcdef")[::-1]) == b"fedcba"
    assert echo(memoryview(np.arange(3, dtype="int16"))) == np.arange(3, dtype="int16").tobytes()
    view = memoryview(b"abc")
    view.release()
    with pytest.raises(ValueError, match="released"):
        echo(view)


def test_many_texts_keep_their_places():
    texts = ["", "a", b"", b"\0", "ünï", b"12345678", 7, None, "x" * 9, bytearray(b"\0\0"), 1.5, "end"]
    assert tvm.convert(lambda *args: args == tuple(texts))(*texts)


def test_results_do_not_overwrite_each_other(echo):
    """The runtime keeps a returned text in one place per thread."""
    first, second = echo("first"), echo("second")
    nested = tvm.convert(lambda text: echo(text + echo("!")) + echo("?"))
    assert (first, second, nested("x"), echo(b"1") + echo(b"2")) == ("first", "second", "x!?", b"12")


# ---------------------------------------------------------------------------------------- devices and dtypes


@pytest.mark.parametrize(
    "value", [tvm.cpu(), tvm.cuda(3), tvm.Device(129, 2), tvm.Device(1, -1), tvm.Device(1, 2**31 - 1)]
)
def test_device(echo, value):
    result = echo(value)
    assert type(result) is tvm.Device
    assert result == value
    assert tvm.convert(lambda: value)() == value


@pytest.mark.parametrize(
    "value", [tvm.Device(1, 2**31), tvm.Device(2**33, 0), tvm.Device("cpu", 0), tvm.Device(1, None)]
)
def test_device_that_is_none(echo, value):
    with pytest.raises((TypeError, ValueError, OverflowError)):
        echo(value)


@pytest.mark.parametrize("name", ["float32", "bool", "bfloat16", "int8x4", "handle", "float16x2"])
def test_dtype(name):
    if name == "bfloat16" and not can("bfloat16"):
        pytest.skip(f"{INFO.title} has no bfloat16")
    seen = []
    tvm.convert(seen.append)(tvm.DataType(name))
    assert seen == [name]
    assert type(seen[0]) is tvm.DataType
    assert tvm.convert(lambda: tvm.DataType(name))() == name  # the runtime gives its name


@pytest.mark.parametrize("name", ["float32", "bool", "int8", ">i4", "complex128"])
def test_numpy_dtype(name):
    seen = []
    tvm.convert(seen.append)(np.dtype(name))
    assert seen == [np.dtype(name).newbyteorder("=").name]


@pytest.mark.parametrize("name", ["complex64", "uint64x65535", "e4m3_float8", "uint3"])
def test_dtype_that_the_runtime_has_no_name_for(name):
    seen = []
    tvm.convert(seen.append)(tvm.DataType(name))
    assert seen == [tvm.DataType(name)]


def test_numpy_dtype_that_tvm_has_not(echo):
    for dtype in (np.dtype("U3"), np.dtype("O"), np.dtype([("a", "i4")]), np.dtype("M8[s]")):
        with pytest.raises(TypeError, match="counterpart"):
            echo(dtype)


# --------------------------------------------------------------------------------------- handles


def test_opaque_handle(echo):
    result = echo(tvm.OpaqueHandle(0x1234))
    assert type(result) is tvm.OpaqueHandle
    assert result == 0x1234
    assert "0x1234" in repr(result)


@pytest.mark.parametrize("address", [1, 2**47, 2**63 - 1, 2**63, 2**64 - 1])
def test_any_address(echo, address):
    assert echo(tvm.OpaqueHandle(address)) == address
    assert echo(ctypes.c_void_p(address)) == address
    assert tvm.convert(lambda: tvm.OpaqueHandle(address))() == address


def test_null_handle(echo):
    assert echo(tvm.OpaqueHandle(0)) is None
    assert echo(ctypes.c_void_p()) is None
    assert echo(cffi.FFI().NULL) is None


def test_cffi_pointer(echo):
    ffi = cffi.FFI()
    memory = ffi.new("int[3]")
    assert echo(memory) == int(ffi.cast("uintptr_t", memory))
    assert echo(ffi.cast("void *", 77)) == 77
    assert echo(ffi.addressof(memory, 1)) == int(ffi.cast("uintptr_t", memory)) + 4
    with pytest.raises(TypeError):
        echo(ffi.cast("double", 1))


def test_module(echo, models):
    module = tvm.load_module(models / "myadd" / "libdeploy.so")
    result = echo(module)
    assert type(result) is tvm.Module
    assert result == module
    module.close()
    assert result.implements_function("myadd")


def test_packed_func(echo):
    twice = tvm.convert(lambda x: 2 * x)
    result = echo(twice)
    assert type(result) is tvm.PackedFunc
    twice.close()
    assert result(21) == 42


def test_ndarray(echo):
    array = tvm.array(np.arange(6, dtype="int16").reshape(2, 3))
    result = echo(array)
    assert type(result) is tvm.NDArray
    result.numpy()[1, 2] = 99
    assert array.numpy()[1, 2] == 99  # the same memory
    array.close()
    assert result.numpy().tolist() == [[0, 1, 2], [3, 4, 99]]


class Adder:
    def __init__(self, n):
        self.n = n

    def __call__(self, x):
        return self.n + x

    def method(self, x):
        return self.n * x

    @classmethod
    def build(cls, x):
        return x + 100

    @staticmethod
    def static(x):
        return x - 1


CALLABLES = {
    "lambda": (lambda x: x + 1, 8),
    "partial": (functools.partial(operator.add, 3), 10),
    "type": (int, 7),
    "method": (Adder(3).method, 21),
    "class method": (Adder.build, 107),
    "static method": (Adder.static, 6),
    "instance": (Adder(3), 10),
    "builtin": (abs, 7),
    "bound builtin": ([5, 7].index, 1),
    "ufunc": (np.negative, -7),
    "lru_cache": (functools.lru_cache(lambda x: x * x), 49),
}


@pytest.mark.parametrize("name", CALLABLES)
def test_callable(name):
    func, expected = CALLABLES[name]
    apply = tvm.convert(lambda f, x: f(x))
    assert apply(func, 7) == expected
    assert tvm.convert(func)(7) == expected
    assert tvm.convert(lambda: func)()(7) == expected


def test_a_callable_converts_after_it_was_an_argument(echo):
    assert echo(lambda: 5)() == 5
    assert tvm.convert(lambda: 6)() == 6
    assert echo(len)(b"four") == 4
    assert tvm.convert(len)(b"four") == 4


def test_convert():
    same = [
        None,
        True,
        5,
        1.5,
        "text",
        b"bytes",
        tvm.cpu(),
        tvm.DataType("int8"),
        tvm.OpaqueHandle(5),
        tvm.empty((1,)),
    ]
    for value in same:
        assert tvm.convert(value) is value
    assert tvm.convert(np.int8(5)) == 5
    assert type(tvm.convert(["a"])) is tvm.Array
    assert type(tvm.convert(("a",))) is tvm.Array
    assert type(tvm.convert({"a": "b"})) is tvm.Map
    source = np.arange(3)
    copy = tvm.convert(source)
    source[0] = 9
    assert copy.numpy().tolist() == [0, 1, 2]
    for value in (object(), {1}, 1j, range(3)):
        with pytest.raises(TypeError, match=type(value).__name__):
            tvm.convert(value)


# --------------------------------------------------------------------------------------- refusals

UNSUPPORTED = [
    object(), {1, 2}, frozenset(), 1j, range(3), Fraction(1, 2), Ellipsis, ctypes.c_int(5), iter([]),
    np.complex64(1), np.datetime64(1, "s"), np.timedelta64(1, "s"), np.zeros(1, "i4,f4")[0],
    np.array([object()]), np.array(["text"]), np.array([b"text"]), np.zeros(2, "i4,f4"), np.zeros(2, "M8[s]"),
    np.zeros(2, np.longdouble),
]  # fmt: skip


@pytest.mark.parametrize("value", UNSUPPORTED, ids=lambda v: f"{type(v).__name__}-{getattr(v, 'dtype', '')}")
def test_unsupported_type_names_the_argument(value):
    func = tvm.convert(lambda *args: pytest.fail("called"))
    with pytest.raises(TypeError, match="argument 1"):
        func(1, value)
    with pytest.raises(TypeError, match="argument 0"):
        func(value, "text", np.zeros(1))
    with pytest.raises(TypeError, match="argument 20"):
        func(*[0] * 20, value)


@pytest.mark.parametrize("value", UNSUPPORTED, ids=lambda v: f"{type(v).__name__}-{getattr(v, 'dtype', '')}")
def test_unsupported_result(value):
    with pytest.raises(TypeError):
        tvm.convert(lambda: value)()


def test_unsupported_type_names_the_function():
    name = r"(runtime\.ModuleGetTypeKey|module\._GetTypeKey|ffi\.ModuleGetKind)"
    with pytest.raises(TypeError, match=f"argument 0 of {name}.*'?object"):
        tvm.get_global_func("runtime.ModuleGetTypeKey")(object())


def test_no_keyword_arguments(echo):
    with pytest.raises(TypeError, match="keyword"):
        echo(value=1)


CLOSED = {
    "NDArray": lambda: tvm.empty((2,)),
    "PackedFunc": lambda: tvm.convert(lambda: 1),
    "Array": lambda: tvm.Array(["a"]),
    "Map": lambda: tvm.Map({"a": "b"}),
    "ShapeTuple": lambda: tvm.ShapeTuple([1]),
    "Module": lambda: tvm.load_module("myadd/libdeploy.so"),
}


@pytest.mark.parametrize("kind", CLOSED)
def test_closed_argument(kind, monkeypatch, models):
    monkeypatch.chdir(models)
    value = CLOSED[kind]()
    value.close()
    value.close()
    assert value.closed
    assert "closed" in repr(value)
    func = tvm.convert(lambda *args: pytest.fail("called"))
    for before in ((), (1,), ("text", np.zeros(2)), tuple(range(20))):
        with pytest.raises(ValueError, match=f"argument {len(before)}.*{kind}.*closed"):
            func(*before, value)
    with pytest.raises(ValueError, match="closed"):
        tvm.convert(lambda: value)()
    if kind != "PackedFunc" or can("functions in containers"):
        with pytest.raises(ValueError, match="closed"):
            func([value])


@pytest.mark.parametrize(
    "args", [(), (1,), (1.5,), ("text",), (b"bytes",), (None,), ([],), (np.zeros(2),), tuple(range(30))]
)
def test_closed_function(args):
    func = tvm.convert(lambda *args: pytest.fail("called"))
    with func:
        assert not func.closed
    assert func.closed
    with pytest.raises(ValueError, match="this PackedFunc has been closed"):
        func(*args)


@pytest.mark.parametrize("count", [11, 12, 13, 14, 100, 1000])
def test_many_arguments(count):
    collect = tvm.convert(lambda *args: seen.append(args))
    kinds = [5, 2.5, "text", b"by\0tes", None, tvm.cpu(2), -1]
    mixed = [kinds[i % len(kinds)] for i in range(count)]
    for args in (range(count), mixed, [1.5] * count, [str(i) for i in range(count)]):
        seen: list = []
        collect(*args)
        assert seen == [tuple(args)]


def test_many_arrays_as_arguments(memory_at):
    arrays = [memory_at(4 * (i % 3), 5) for i in range(100)]

    def fill(*tensors):
        for i, tensor in enumerate(tensors):
            tensor.numpy()[:] = i

    tvm.convert(fill)(*arrays)
    assert [array.tolist() for array in arrays] == [[float(i)] * 5 for i in range(100)]


# --------------------------------------------------------------------------------------- properties

SCALARS = st.one_of(
    st.none(),
    INT64,
    st.floats(allow_nan=False),
    st.binary(),
    st.text(st.characters(exclude_characters="\0", codec="utf-8")),
    st.builds(tvm.Device, st.integers(0, 2**20), st.integers(0, 2**20)),
)


@given(SCALARS)
def test_any_scalar(value):
    result = identity(value)
    assert result == value
    assert type(result) is type(value)


@given(st.lists(SCALARS, max_size=30))
def test_any_scalars_together(values):
    seen = []
    tvm.convert(lambda *args: seen.append(args))(*values)
    assert seen == [tuple(values)]


ITEM = st.text(
    st.characters(codec="utf-8", exclude_characters="" if can("str with NULs as an object") else "\0"), max_size=20
)
CONTAINERS = st.recursive(
    st.none() | ITEM,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(ITEM, inner, max_size=4),
    max_leaves=12,
)


def as_python(value):
    if isinstance(value, tvm.Array):
        return [as_python(item) for item in value]
    return {key: as_python(item) for key, item in value.items()} if isinstance(value, tvm.Map) else value


@given(st.lists(CONTAINERS, max_size=4))
def test_any_container(value):
    assert as_python(identity(value)) == value


def test_subclasses_of_containers(echo):
    point = namedtuple("point", "x y")("1", "2")
    assert list(echo(point)) == ["1", "2"]
    assert dict(echo(OrderedDict(a="b"))) == {"a": "b"}
