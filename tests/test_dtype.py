"""DataType: TVM's names of element types, and numpy's."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tvmbind as tvm
from runtime_here import can, of_ml_dtypes
from tvmbind import DataType

CLASSIC = can("classic runtime")
# What classic TVM calls these, and their codes; tvm-ffi goes by DLPack 1.x.
BOOL = (1, 1) if CLASSIC else (6, 8)
E4M3, E5M2 = ("e4m3_float8", "e5m2_float8") if CLASSIC else ("float8_e4m3fn", "float8_e5m2")

NAMES = {
    "int8": (0, 8, 1), "int16": (0, 16, 1), "int32": (0, 32, 1), "int64": (0, 64, 1), "int4": (0, 4, 1),
    "uint8": (1, 8, 1), "uint16": (1, 16, 1), "uint32": (1, 32, 1), "uint64": (1, 64, 1),
    "float16": (2, 16, 1), "float32": (2, 32, 1), "float64": (2, 64, 1), "handle": (3, 64, 1),
    "bfloat16": (4, 16, 1), "complex64": (5, 64, 1), "complex128": (5, 128, 1), "bool": (*BOOL, 1),
    E4M3: (6 if CLASSIC else 10, 8, 1), E5M2: (7 if CLASSIC else 12, 8, 1),
    "int8x4": (0, 8, 4), "float32x65535": (2, 32, 65535),
    "boolx8": (*BOOL, 8), "bfloat16x2": (4, 16, 2), "complex64x2": (5, 64, 2),
}  # fmt: skip
NUMPY = [
    "bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float16", "float32",
    "float64", "complex64", "complex128",
]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_names(name):
    dtype = DataType(name)
    assert (dtype.type_code, dtype.bits, dtype.lanes) == NAMES[name]
    assert dtype == name
    assert str(dtype) == name
    assert hash(dtype) == hash(name)
    assert DataType.from_code(*NAMES[name]) is dtype
    assert DataType(dtype) is dtype
    assert repr(dtype) == f"DataType({name!r})"
    assert {name: 1}[dtype] == 1


@pytest.mark.parametrize(
    ("alias", "name"),
    [("int", "int32"), ("float", "float32"), ("uint", "uint32"),
     ("uint1", "bool" if CLASSIC else "uint1"), ("float8_e4m3fn", E4M3), ("e4m3_float8", E4M3),
     ("float8_e5m2", E5M2), ("e5m2_float8", E5M2), ("handle64", "handle"), ("int32x1", "int32")],
)  # fmt: skip
def test_aliases(alias, name):
    assert DataType(alias) == name


@pytest.mark.parametrize("name", NUMPY)
def test_from_numpy_and_back(name):
    for form in (np.dtype(name), np.dtype(name).type, np.dtype(name).newbyteorder(">")):
        assert DataType(form) == name
    assert DataType(name).numpy() == np.dtype(name)
    assert DataType(name).itemsize == np.dtype(name).itemsize


@pytest.mark.parametrize(
    ("name", "numpy_type"),
    [
        ("bfloat16", "bfloat16"),
        (E4M3, "float8_e4m3fn"),
        (E5M2, "float8_e5m2"),
    ],
)
def test_types_of_ml_dtypes(name, numpy_type):
    numpy_type = of_ml_dtypes(numpy_type)
    assert DataType(name).numpy() == np.dtype(numpy_type)
    assert DataType(np.dtype(numpy_type)) == name
    assert DataType(numpy_type) == name


def test_python_types():
    assert DataType(float) == "float64"
    assert DataType(bool) == "bool"
    assert DataType(complex) == "complex128"


def test_vector_types():
    assert DataType("int8x4").numpy() == np.dtype(("int8", (4,)))
    assert DataType(np.dtype(("float32", (4,)))) == "float32x4"
    assert DataType("int8x4").itemsize == 4
    assert DataType("float16x3").itemsize == 6


@pytest.mark.parametrize(
    ("name", "size"), [("bool", 1), ("int4", 1), ("int4x2", 1), ("int4x3", 2), ("boolx8", 1 if CLASSIC else 8)]
)
def test_types_of_less_than_a_byte(name, size):
    """An element is as large as what TVM allocates for it."""
    assert DataType(name).itemsize == size
    if "x" in name and DataType(name).bits < 8:
        with pytest.raises(TypeError, match=name):
            DataType(name).numpy()


@pytest.mark.parametrize(
    "name",
    ["", "x", "x4", "float32x", "float32x0", "float32x-1", "float32x99999", "int0", "int256", "int-8",
     " int8", "int8 ", "Int8", "int 8", "float32X4", "foo", "bfloat", "complex", "void", "int8x4x4", "int\u0663",
     "bool8", "int8\0", "8", "custom[9]8", "tfloat32", "boolx0", "boolx99999", "boolx\u0664"],
)  # fmt: skip
def test_no_names(name):
    with pytest.raises(TypeError, match="element type"):
        DataType(name)


@pytest.mark.parametrize(
    "value", ["U5", np.dtype("U5"), np.dtype("S3"), np.dtype("O"), np.dtype("V8"), np.dtype("M8[s]"),
              np.dtype("i4,f4"),
              np.longdouble, np.clongdouble, str, object, 5, ["int8"], np.dtype(("int8", (2, 2)))],
)  # fmt: skip
def test_what_is_no_element_type(value):
    with pytest.raises(TypeError):
        DataType(value)


@pytest.mark.parametrize("name", ["handle", "int3", "int128", "custom"])
def test_types_that_numpy_has_not(name):
    dtype = DataType.from_code(200, 8) if name == "custom" else DataType(name)
    with pytest.raises(TypeError, match="numpy has no type"):
        dtype.numpy()


def test_copies():
    dtype = DataType("float32")
    assert pickle.loads(pickle.dumps(dtype)) is dtype
    assert copy.copy(dtype) is dtype
    assert copy.deepcopy([dtype])[0] is dtype


@settings(max_examples=100, deadline=None)
@given(
    st.sampled_from(["int", "uint", "float", "handle", "bfloat", "complex"]),
    st.integers(1, 255),
    st.integers(1, 65535),
)
def test_any_name(base, bits, lanes):
    name = f"{base}{bits}" if lanes == 1 else f"{base}{bits}x{lanes}"
    dtype = DataType(name)
    assert (dtype.bits, dtype.lanes) == (bits, lanes)
    assert DataType(str(dtype)) is dtype
    assert DataType.from_code(dtype.type_code, bits, lanes) is dtype
    assert dtype.itemsize == -(-bits * lanes // 8)


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=12))
def test_any_text(text):
    try:
        dtype = DataType(text)
    except TypeError:
        return
    assert DataType(str(dtype)) is dtype


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(["int", "uint", "float"]), st.sampled_from([8, 16, 32, 64]), st.integers(1, 64))
def test_any_dtype_to_the_runtime_and_back(base, bits, lanes):
    name = f"{base}{bits}" if lanes == 1 else f"{base}{bits}x{lanes}"
    assert tvm.convert(lambda: DataType(name))() == name
    if lanes & (lanes - 1) == 0 and (base, bits) != ("float", 8):  # of others TVM cannot align the memory
        assert tvm.empty((2,), name).dtype == name
