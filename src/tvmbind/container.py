"""TVM's containers, as Python has them: ``Array``, ``Map``, ``ShapeTuple``, ``ADT``; and ``Object``.

A ``String`` of TVM's arrives as ``str``. Source: TVM's ``runtime/container/*.h``; items come through the
global functions that ``runtime/container.cc`` registers.
"""

from __future__ import annotations

import operator
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Callable

from . import _core
from ._core import Handle, OpaqueHandle, check
from ._tvm import ffi, lib
from .device import Device
from .dtype import DataType
from .errors import TVMError, TVMNotImplementedError, TVMTypeError
from .function import PackedFunc, get_global_func
from .library import load_runtime

_OBJECT = 8  # kTVMObjectHandle
_functions: dict[str, PackedFunc] = {}


def _call(name: str, *args: Any) -> Any:
    return _function(name)(*args)


def _function(name: str) -> PackedFunc:
    func = _functions.get(name)
    if func is None:
        func = get_global_func(f"runtime.{name}", allow_missing=True)
        if func is None:
            since = "0.8 has the first arrays, maps and shapes, 0.7 the first strings"
            raise TVMNotImplementedError(f"{load_runtime().title} has no such objects (runtime.{name}): TVM {since}")
        _functions[name] = func
    return func


class Object(Handle):
    """An object of the runtime's that has no more to say in Python than its type."""

    __slots__ = ()

    _free = lib.tvmb_free_object

    @property
    def type_index(self) -> int:
        """The number of its type in this process."""
        index = ffi.new("unsigned *")
        check(lib.TVMObjectGetTypeIndex(ffi.cast("void *", self._open_handle()), index))
        return int(index[0])

    @property
    def type_key(self) -> str:
        """The name of its type, such as ``"relax.Closure"``; empty where the runtime does not tell (before 0.8)."""
        info = load_runtime()
        if not info.has("TVMObjectTypeIndex2Key"):
            return ""
        text, index = ffi.new("char[256]"), self.type_index
        check(lib.tvmb_type_key(index, text, 256))
        key: bytes = ffi.string(text)
        if not info.has("type keys that end"):
            starts = (key[:size] for size in range(1, len(key) + 1))
            found = ffi.new("unsigned *")
            key = next((k for k in starts if not lib.TVMObjectTypeKey2Index(k, found) and found[0] == index), key)
        return key.decode(errors="replace")

    def same_as(self, other: object) -> bool:
        """Whether both are the very same object of the runtime's."""
        return isinstance(other, Object) and self._handle == other._handle != 0

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.type_key if self._handle else '(closed)'}>"


class Array(Object, Sequence[Any]):
    """A sequence of the runtime's. Cannot be changed.

    Parameters
    ----------
    items : iterable
        What a packed function takes as an argument. Before TVM 0.18 an Array holds objects only: str, arrays,
        modules, functions, containers, None; for ints there is `ShapeTuple`.
    """

    __slots__ = ()

    def __init__(self, items: Iterable[Any] = ()) -> None:
        self._owner = None
        if not isinstance(items, (list, tuple)):
            items = list(items)
        self._handle = _core.make_array(items)
        if not self._handle:
            _take(self, _make("Array", "Array", items))
            _quicken()

    def __len__(self) -> int:
        return _call("ArraySize", self)  # type: ignore[no-any-return]

    def __getitem__(self, index: Any) -> Any:
        return _item(self, index, lambda i: _call("ArrayGetItem", self, i))

    def __iter__(self) -> Iterator[Any]:
        return (_call("ArrayGetItem", self, index) for index in range(len(self)))

    def __eq__(self, other: object) -> bool:
        return _equal(self, other)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"Array({list(self)!r})" if self._handle else "<Array (closed)>"


class ShapeTuple(Object, Sequence[int]):
    """A shape of the runtime's: a sequence of ints that cannot be changed.

    Parameters
    ----------
    items : iterable of int
    """

    __slots__ = ()

    def __init__(self, items: Iterable[int] = ()) -> None:
        self._owner = None
        make = _function("ShapeTuple")
        self._handle = _core.make_shape(make, items) or make.call_for_handle(*map(operator.index, items))

    def __len__(self) -> int:
        return len(self._extents())

    def __getitem__(self, index: Any) -> Any:
        return self._extents()[index]

    def __iter__(self) -> Iterator[int]:
        return iter(self._extents())

    def _extents(self) -> list[int]:
        size = ffi.new("size_t *")
        extents = lib.tvmb_extents(self._open_handle(), size)
        return ffi.unpack(extents, size[0]) if size[0] else []

    def __eq__(self, other: object) -> bool:
        return _equal(self, other)

    def __hash__(self) -> int:
        return hash(tuple(self))

    def __repr__(self) -> str:
        return f"ShapeTuple({list(self)!r})" if self._handle else "<ShapeTuple (closed)>"


class ADT(Object, Sequence[Any]):
    """An algebraic data type's value of the Relay VM: a tag, and fields as a sequence.

    Parameters
    ----------
    tag : int
    fields : iterable
        Objects: arrays, containers, str.

    Raises
    ------
    TVMNotImplementedError
        If this runtime has none: TVM 0.21 and later.
    """

    __slots__ = ()

    def __init__(self, tag: int, fields: Iterable[Any] = ()) -> None:
        self._owner = None
        info = load_runtime()
        if not info.has("ADT"):
            raise TVMNotImplementedError(f"{info.title} has no ADT: it went with the Relay VM, after TVM 0.20")
        _take(self, _call("ADT", int(tag), *(_item_of(field) for field in fields)))

    @property
    def tag(self) -> int:
        """Which constructor made it; 0 for a tuple."""
        return _call("GetADTTag", self)  # type: ignore[no-any-return]

    def __len__(self) -> int:
        return _call("GetADTSize", self)  # type: ignore[no-any-return]

    def __getitem__(self, index: Any) -> Any:
        return _item(self, index, lambda i: _call("GetADTFields", self, i))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ADT) and self.tag == other.tag and _equal(self, other)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"ADT({self.tag}, {list(self)!r})" if self._handle else "<ADT (closed)>"


class Map(Object, Mapping[Any, Any]):
    """A mapping of the runtime's. Cannot be changed; its order is the runtime's.

    Parameters
    ----------
    items : mapping
        Keys are str, or objects. Values as the items of an `Array`.
    """

    __slots__ = ()

    def __init__(self, items: Mapping[Any, Any] = {}) -> None:
        self._owner = None
        flat = [part for key, value in items.items() for part in (key, value)]
        _take(self, _make("Map", "Map", flat))

    def __len__(self) -> int:
        return _call("MapSize", self)  # type: ignore[no-any-return]

    def __contains__(self, key: object) -> bool:
        if isinstance(key, str) and "\0" in key and load_runtime().abi != "classic":
            return False  # what cannot be asked for, nor put in
        if isinstance(key, _IN_NO_CONTAINER):  # the runtime would take bytes for text
            return False
        if self._compares_numbers(key):
            return key in list(self)
        try:
            return bool(_call("MapCount", self, _boxed(key)))
        except (TypeError, TVMError):  # of a kind that no key has
            return False

    def __getitem__(self, key: Any) -> Any:
        if key not in self:
            raise KeyError(key)
        if self._compares_numbers(key):
            return dict(zip(*[iter(_call("MapItems", self))] * 2))[key]
        return _call("MapGetItem", self, _boxed(key))

    def _compares_numbers(self, key: object) -> bool:
        """Whether a key must be looked for here: TVM 0.18 to 0.20 find a number by its object's address."""
        return _is_number(key) and load_runtime().has("number keys by address")

    def __iter__(self) -> Iterator[Any]:
        if load_runtime().abi == "classic":
            return iter(list(_call("MapItems", self))[::2])
        return iter(list(self._walk()))

    def _walk(self) -> Iterator[Any]:
        step = get_global_func("ffi.MapForwardIterFunctor")(self)  # type: ignore[misc]
        for _ in range(len(self)):
            yield step(0)
            step(2)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Mapping) and dict(self.items()) == dict(other.items())

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"Map({dict(self.items())!r})" if self._handle else "<Map (closed)>"


class String(str):
    """A str that goes to TVM as an object (``runtime.String``), where a plain one goes as ``const char *``.

    Objects of that type arrive as ``str``. Unlike a plain str it may hold NULs.
    """

    __slots__ = ()


class _StringObject(Object):
    """A runtime.String while it is an argument."""

    __slots__ = ()


def _string_object(value: str) -> _StringObject:
    handle = _function("String").call_for_handle(value.encode("utf-8", "surrogateescape"))
    return _StringObject._from_handle(handle)


_IN_NO_CONTAINER = (bytes, bytearray, memoryview, Device, DataType, OpaqueHandle)


def _boxed(value: Any) -> Any:
    """What a container can hold: a str only as an object."""
    return String(value) if type(value) is str else value


def _make(name: str, kind: str, values: Sequence[Any]) -> Object:
    info = load_runtime()
    for index, value in enumerate(values):
        if isinstance(value, _IN_NO_CONTAINER):
            raise TVMTypeError(f"item {index} of the {kind} is {value!r}, a kind that no container of TVM's holds")
        if _is_number(value) and not info.has("numbers in containers"):
            hint = "; a ShapeTuple holds ints" if hasattr(value, "__index__") else ""
            raise TVMTypeError(
                f"item {index} of the {kind} is {value!r}: before TVM 0.18 a container holds objects only, and "
                f"this is {info.title}{hint}"
            )
        function = isinstance(value, PackedFunc) or (callable(value) and not isinstance(value, Handle))
        if function and not info.has("functions in containers"):
            raise TVMTypeError(
                f"item {index} of the {kind} is {value!r}: before TVM 0.9 no container holds functions, and "
                f"this is {info.title}"
            )
        if value is None and kind == "Map" and index % 2 == 0:
            raise TVMTypeError("a Map's key cannot be None")  # to list the keys would be a segfault
    return _call(name, *(_item_of(value) for value in values))  # type: ignore[no-any-return]


def _is_number(value: Any) -> bool:
    if isinstance(value, (bool, int, float)):
        return True
    return isinstance(value, _numpys("generic")) and not isinstance(value, (str, bytes))


def _numpys(name: str) -> Any:
    """A class of numpy's; the empty tuple where there is none yet: another thread may be importing numpy."""
    return getattr(sys.modules.get("numpy"), name, ())


def _item_of(value: Any) -> Any:
    from .borrowed import BorrowedNDArray
    from .ndarray import array

    if isinstance(value, _numpys("ndarray")):  # also a subclass's, also one without dimensions
        return array(value)  # a container outlives the call, so it cannot borrow
    if isinstance(value, BorrowedNDArray):
        return value.copy()
    return _boxed(value)


def _take(target: Object, made: Object) -> None:
    # Lent, not moved: between two assignments a signal's handler may raise, and both would free it.
    target._owner = made
    target._handle = made._handle


def _item(sequence: Sequence[Any], index: Any, get: Callable[[int], Any]) -> Any:
    size = len(sequence)
    if isinstance(index, slice):
        return [get(i) for i in range(*index.indices(size))]
    place = operator.index(index)
    if not -size <= place < size:
        raise IndexError(f"index {place} is out of range: there are {size} items")
    return get(place + size if place < 0 else place)


def _equal(one: Sequence[Any], other: object) -> bool:
    if not isinstance(other, Sequence) or isinstance(other, (str, bytes)):
        return NotImplemented
    return len(one) == len(other) and all(a is b or a == b for a, b in zip(one, other))


_quickened: list[bool] = []


def _quicken() -> None:
    """From the second array on the core makes those of plain values."""
    if not _quickened:
        _quickened.append(True)
        info = load_runtime()
        string = _function("String") if info.abi == "classic" else None
        numbers, functions = info.has("numbers in containers"), info.has("functions in containers")
        _core.set_list_maker(_function("Array"), string, functions, numbers)


def _make_kind(kind: type[Object]) -> Callable[[int], Any]:
    return lambda handle: kind._from_handle(handle)


for _kind in (Object, Array, Map, ShapeTuple, ADT, _StringObject):
    _core.register_codec(_kind, _OBJECT)
_core.register_conversion(list, _OBJECT, Array)
_core.register_conversion(tuple, _OBJECT, Array)
_core.register_conversion(dict, _OBJECT, Map)
_core.register_conversion(String, _OBJECT, _string_object, classic_only=True)
_core.register_object("", _make_kind(Object), Object)
_classes: dict[str, Any] = {
    "Array": Array, "Map": Map, "runtime.ShapeTuple": ShapeTuple, "runtime.ADT": ADT,
    "ffi.Array": Array, "ffi.Map": Map, "ffi.Shape": ShapeTuple,
}  # fmt: skip
for _key, _class in _classes.items():
    _core.register_object(_key, _make_kind(_class), _class)
