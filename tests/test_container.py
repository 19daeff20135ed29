"""Array, Map, ShapeTuple, ADT, String: TVM's containers as Python has them."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tvmbind as tvm
from runtime_here import INFO, can, need

pytestmark = pytest.mark.needs("containers")
# tvm-ffi takes the text of an item by its address, up to a NUL.
NO_NUL = "" if can("str with NULs as an object") else "\0"
TEXT = st.text(st.characters(codec="utf-8", exclude_characters=NO_NUL), max_size=8)


# --------------------------------------------------------------------------------------------------- Array


def test_array_is_a_sequence():
    array = tvm.Array(["a", "b", "c"])
    assert isinstance(array, Sequence)
    assert len(array) == 3
    assert list(array) == ["a", "b", "c"]
    assert (array[0], array[2], array[-1], array[-3]) == ("a", "c", "c", "a")
    assert array[1:] == ["b", "c"]
    assert array[::-1] == ["c", "b", "a"]
    assert array[5:] == []
    assert "b" in array
    assert "x" not in array
    assert array.index("c") == 2
    assert array.count("a") == 1
    assert list(reversed(array)) == ["c", "b", "a"]


def test_an_array_takes_any_iterable():
    assert list(tvm.Array()) == []
    assert list(tvm.Array(str(i) for i in range(3))) == ["0", "1", "2"]
    assert list(tvm.Array("abc")) == ["a", "b", "c"]
    assert list(tvm.Array(tvm.Array(["x"]))) == ["x"]
    assert list(tvm.Array({"key": "value"})) == ["key"]


@pytest.mark.parametrize("index", [3, -4, 2**62, -(2**62), 2**70])
def test_array_index_out_of_range(index):
    with pytest.raises(IndexError, match="3 items"):
        tvm.Array(["a", "b", "c"])[index]


@pytest.mark.parametrize("index", ["0", 1.0, None, (0,)])
def test_array_index_of_a_wrong_type(index):
    with pytest.raises(TypeError):
        tvm.Array(["a"])[index]


def test_array_equality_and_repr():
    array = tvm.Array(["a", None])
    assert array == ["a", None]
    assert array == ("a", None)
    assert array == tvm.Array(["a", None])
    assert array != ["a"]
    assert array != "a"
    assert array != 5
    assert repr(array) == "Array(['a', None])"
    with pytest.raises(TypeError, match="unhashable"):
        hash(array)


def test_array_of_everything(models):
    tensor = tvm.array(np.arange(3))
    module = tvm.load_module(models / "myadd" / "libdeploy.so")
    array = tvm.Array([None, "text", tensor, module, [], {}, tvm.ShapeTuple([1]), np.arange(2.0)])
    tensor.close()
    module.close()
    none, text, tensor, module, items, mapping, shape, copied = array
    assert (none, text, list(items), dict(mapping), tuple(shape)) == (None, "text", [], {}, (1,))
    assert tensor.numpy().tolist() == [0, 1, 2]
    assert module.implements_function("myadd")
    assert copied.numpy().tolist() == [0, 1]


def test_functions_in_containers():
    if can("functions in containers"):
        func = tvm.Array([lambda x: x + 1])[0]
        assert type(func) is tvm.PackedFunc
        assert func(1) == 2
        assert tvm.Map({"f": tvm.convert(len)})["f"](b"four") == 4
    else:
        for make in (lambda: tvm.Array([len]), lambda: tvm.Map({"f": tvm.convert(len)}), lambda: tvm.convert([len])):
            with pytest.raises(TypeError, match=r"before TVM 0\.9 no container holds functions"):
                make()


def test_array_copies_numpy():
    source = np.zeros(3)
    array = tvm.Array([source])
    source[:] = 1
    assert not array[0].numpy().any()


@pytest.mark.parametrize(
    "item", [1, 1.5, True, np.float32(1), np.int8(1), np.bool_(True)], ids=lambda v: type(v).__name__
)
def test_numbers_in_an_array(item):
    if tvm.runtime_info().has("numbers in containers"):
        assert list(tvm.Array([item])) == [item]
    else:
        with pytest.raises(TypeError, match=r"item 1 of the Array.*0\.18") as caught:
            tvm.Array(["text", item])
        assert isinstance(caught.value, tvm.TVMError)
        with pytest.raises(TypeError, match="item 0"):
            tvm.convert(lambda x: x)([item])


@pytest.mark.parametrize("item", [b"bytes", bytearray(1), tvm.cpu(), tvm.DataType("int8"), tvm.OpaqueHandle(5)])
def test_what_no_array_holds(item):
    with pytest.raises(TypeError, match="item 0"):
        tvm.Array([item])


def test_an_unsupported_item():
    for item in (object(), {1}, 1j):
        with pytest.raises(TypeError, match=type(item).__name__):
            tvm.Array([item])


def test_a_list_in_itself():
    items: list = []
    items.append(items)
    with pytest.raises(RecursionError):
        tvm.convert(lambda x: x)(items)


def test_a_long_array():
    assert list(tvm.Array(map(str, range(5000)))) == [str(i) for i in range(5000)]


def test_deep_nesting():
    value: list = []
    for _ in range(50):
        value = [value]
    depth, array = 0, tvm.convert(value)
    while len(array):
        array, depth = array[0], depth + 1
    assert depth == 50


# --------------------------------------------------------------------------------------------------- Map


def test_map_is_a_mapping():
    mapping = tvm.Map({"a": "1", "b": None, "c": ["x"]})
    assert isinstance(mapping, Mapping)
    assert len(mapping) == 3
    assert mapping["a"] == "1"
    assert mapping["b"] is None
    assert list(mapping["c"]) == ["x"]
    assert sorted(mapping) == sorted(mapping.keys()) == ["a", "b", "c"]
    assert "a" in mapping
    assert "x" not in mapping
    assert mapping.get("x", 5) == 5
    assert mapping == {"a": "1", "b": None, "c": ["x"]}
    assert mapping != {"a": "1"}
    assert tvm.Map() == {}
    assert repr(tvm.Map({"a": "1"})) == "Map({'a': '1'})"


@pytest.mark.parametrize(
    "key",
    ["x", "", 5, 1.5, b"a", None, object(), tvm.cpu(), (), "a\0", "\udcff", np.int8(1), np.zeros(2)],
    ids=repr,
)
def test_map_without_the_key(key):
    mapping = tvm.Map({"a": "1"})
    assert key not in mapping
    with pytest.raises(KeyError):
        mapping[key]


def test_map_keys():
    key = tvm.ShapeTuple([1])
    mapping = tvm.Map({key: "shape", "text": "str"})
    assert mapping[key] == "shape"
    assert mapping["text"] == "str"


def test_a_key_with_a_nul():
    if can("str with NULs as an object"):
        assert tvm.Map({tvm.String("a\0b"): "nul"})[tvm.String("a\0b")] == "nul"
    else:
        with pytest.raises(ValueError, match="NUL"):
            tvm.Map({tvm.String("a\0b"): "nul"})


def test_a_key_of_none_is_refused():
    with pytest.raises(TypeError, match="None"):
        tvm.Map({None: "value"})
    with pytest.raises(TypeError, match="None"):
        tvm.convert(lambda x: x)({None: "value"})


@pytest.mark.parametrize("items", [{"a": 1}, {"a": 1.5}, {1: "a"}])
def test_numbers_in_a_map(items):
    if tvm.runtime_info().has("numbers in containers"):
        mapping = tvm.Map(items)
        assert mapping == items
        assert all(mapping[key] == value for key, value in items.items())
        assert 2 not in mapping
    else:
        with pytest.raises(TypeError, match=r"of the Map.*0\.18"):
            tvm.Map(items)


@settings(max_examples=40, deadline=None)
@given(st.dictionaries(TEXT, st.none() | TEXT, max_size=20))
def test_any_map(items):
    mapping = tvm.Map(items)
    assert dict(mapping) == items
    assert {key: mapping[key] for key in items} == items
    assert len(mapping) == len(items)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.none() | TEXT, max_size=20), st.slices(20))
def test_any_array(items, part):
    array = tvm.Array(items)
    assert list(array) == items
    assert array == items
    assert array[part] == items[part]


# ---------------------------------------------------------------------------------------- ShapeTuple and ADT


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(-(2**63), 2**63 - 1), max_size=20))
def test_any_shape(items):
    shape = tvm.ShapeTuple(items)
    assert list(shape) == items
    assert shape == tuple(items)
    assert hash(shape) == hash(tuple(items))
    assert len(shape) == len(items)


def test_shape_tuple():
    shape = tvm.ShapeTuple([2, np.int8(3)])
    assert shape[-1] == 3
    assert shape[:1] == [2]
    assert repr(shape) == "ShapeTuple([2, 3])"
    assert {shape: 1}[tvm.ShapeTuple((2, 3))] == 1
    for wrong in ([1.5], ["1"], [None]):
        with pytest.raises(TypeError):
            tvm.ShapeTuple(wrong)
    with pytest.raises(OverflowError):
        tvm.ShapeTuple([2**63])
    with pytest.raises(IndexError):
        shape[2]


@pytest.mark.needs("ADT")
def test_adt():
    adt = tvm.ADT(3, [tvm.array([1.0]), "text", tvm.ADT(0)])
    assert adt.tag == 3
    assert len(adt) == 3
    assert adt[0].numpy().tolist() == [1]
    assert adt[1] == "text"
    assert list(adt[-1]) == []
    assert tvm.ADT(1, ["a"]) == tvm.ADT(1, ["a"])
    assert tvm.ADT(1, ["a"]) != tvm.ADT(2, ["a"])
    assert repr(tvm.ADT(1, ["a"])) == "ADT(1, ['a'])"
    with pytest.raises(IndexError):
        adt[3]
    if tvm.runtime_info().has("numbers in containers"):
        assert list(tvm.ADT(0, [5, 1.5, True])) == [5, 1.5, True]
    else:
        with pytest.raises(tvm.TVMError):
            tvm.ADT(0, [5])


@pytest.mark.needs("modern runtime")
def test_no_adt_says_so():
    with pytest.raises(tvm.TVMNotImplementedError, match=r"tvm-ffi .* has no ADT"):
        tvm.ADT(0)


@pytest.mark.needs("ADT")
def test_adt_of_numpy():
    source = np.arange(3)
    adt = tvm.ADT(0, [source])
    source[:] = 9
    assert adt[0].numpy().tolist() == [0, 1, 2]


# --------------------------------------------------------------------------------------------------- Object

KINDS = {
    ("Array", "ffi.Array"): lambda: tvm.Array(["a"]),
    ("Map", "ffi.Map"): lambda: tvm.Map({"a": "b"}),
    ("runtime.ShapeTuple", "ffi.Shape"): lambda: tvm.ShapeTuple([1]),
    ("runtime.ADT", ""): lambda: tvm.ADT(1, []),
}


@pytest.mark.parametrize("keys", KINDS, ids=lambda keys: keys[0])
def test_objects(echo, keys):
    if keys[0] == "runtime.ADT":
        need("ADT")
    value = KINDS[keys]()
    assert isinstance(value, tvm.Object)
    assert value.type_key == keys[INFO.abi != "classic"]
    assert value.type_index > 0
    same = echo(value)
    assert type(same) is type(value)
    assert same.same_as(value)
    assert not value.same_as(KINDS[keys]())
    with pytest.raises(TypeError, match="cannot be copied"):
        copy.copy(value)
    value.close()
    assert same == KINDS[keys]()
    assert "closed" in repr(value)
    for use in (len, list, lambda v: v.type_key, lambda v: v.type_index, lambda v: v[0]):
        with pytest.raises(ValueError, match="closed"):
            use(value)


def test_a_closed_object_is_the_same_as_nothing():
    one, other = tvm.Array(), tvm.Array()
    one.close()
    other.close()
    assert not one.same_as(other)


def test_the_results_own_themselves():
    array = tvm.convert(lambda: [["inner"], tvm.empty((2,))])()
    inner, tensor = array[0], array[1]
    array.close()
    assert list(inner) == ["inner"]
    assert tensor.shape == (2,)


class OfNumpy(np.ndarray):
    """A subclass of numpy's."""


@pytest.mark.needs("containers")
@pytest.mark.parametrize("make", [lambda: np.array(2.5), lambda: np.arange(3.0).view(OfNumpy)], ids=["0-d", "subclass"])
def test_an_array_of_numpy_s_is_never_borrowed(make):
    """Borrowed, it would be memory that is gone by the time that it is read."""
    items = [tvm.Array([make()])[0], tvm.Map({"k": make()})["k"], tvm.convert(lambda x: x[0].copy())([make()])]
    junk = [np.full(make().shape, 7.0) for _ in range(1000)]
    for item in items:
        assert isinstance(item, tvm.NDArray)
        assert item.numpy().tolist() == make().tolist()
    assert len(junk) == 1000
