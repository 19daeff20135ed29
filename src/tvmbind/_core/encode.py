"""Python values to arguments: the packet that csrc/call.c unpacks.

How a value goes is decided by its type, once for each combination of argument types: a `Plan` holds the
codes and how to fill the slots. What Python types mean is said in `_codec_for`; other modules add theirs
with `register_codec` (a wrapper of a handle) and `register_conversion` (made into such a wrapper first).
No runtime is asked here, and numpy is imported only where a value of numpy's has come by.
"""

from __future__ import annotations

import operator
import struct
import sys
from collections import abc
from operator import attrgetter
from typing import Any, Callable, NamedTuple, Optional

from .._tvm import ffi
from ..device import Device
from ..dtype import DataType
from ..library import known_runtime
from .handle import Handle

INT, FLOAT, HANDLE, NULL, DTYPE, DEVICE, TENSOR_POINTER, OBJECT, MODULE, FUNCTION, STR, BYTES, NDARRAY = (
    0, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13,
)  # fmt: skip
BOOL = 15
TENSOR = 64  # TVMB_TENSOR

_cast = ffi.cast


class OpaqueHandle(int):
    """An address that TVM passes on without looking at it (``void *``). The caller says what it means."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"OpaqueHandle({int(self):#x})"


# How a value fills its slot when that takes more than the value: adds to the packet's texts (bytes), to its
# tensors (two cdata each: description, memory), to what is kept until the call is over. Returns the slot.
Write = Callable[[Any, list[bytes], list[Any], list[Any]], Any]


class Restore(NamedTuple):
    """Something kept until a call is over, and then run."""

    run: Callable[[], None]


class Copied(NamedTuple):
    """Kept of a numpy array that goes as a copy: which one, and why."""

    value: Any
    problem: str


class Unshared(NamedTuple):
    """Memory that TVM cannot use where it is, as numpy sees it, and why: "a float32[3] array is not aligned ..."."""

    view: Any
    problem: str


class Codec(NamedTuple):
    """How values of a type go: the code, the slot's struct format, and one of two ways to fill the slot."""

    code: int
    format: str = "q"
    read: Optional[Callable[[Any], Any]] = None  # the value alone says it; None: the value itself
    write: Optional[Write] = None


#: How arguments of certain types go: whether they are nothing but a few ints; the codes; the slots' packer; one of
#: two ways to fill them: a read for each (None: the values as they are), or, if any needs more, a write for each.
#: A plain tuple, which unpacks faster than a named one.
Plan = tuple[
    bool,
    bytes,
    Callable[..., bytes],
    Optional[tuple[Callable[[Any], Any], ...]],
    Optional[tuple[Write, ...]],
]

_plans: dict[tuple[type, ...], Plan] = {}
_codecs: dict[type, Codec] = {}
_conversions: dict[Any, tuple[int, Callable[[Any], Handle]]] = {}
_classic_only: set[Any] = set()


def plan_for(types: tuple[type, ...], name: str = "") -> Plan:
    """The plan for these argument types.

    Raises
    ------
    TypeError
        If one of them cannot be an argument; names it by its place.
    """
    codecs = []
    for index, type_ in enumerate(types):
        codec = _codec_for(type_)
        if codec is None:
            where = f" of {name}" if name else ""
            raise TypeError(f"argument {index}{where}: {unsupported(type_)}")
        codecs.append(codec)
    codes = bytes(codec.code for codec in codecs)
    pack = struct.Struct("=" + "".join(codec.format for codec in codecs)).pack
    ints, reads, writes = False, None, None
    if any(codec.write for codec in codecs):
        writes = tuple(codec.write or _as_write(codec.read) for codec in codecs)
    elif any(codec.read for codec in codecs):
        reads = tuple(codec.read or _itself for codec in codecs)
    else:
        ints = not any(codes) and len(codes) <= 12
    plan = (ints, codes, pack, reads, writes)
    if len(_plans) >= 4096:
        _plans.clear()
    _plans[types] = plan
    return plan


def unsupported(type_: type) -> str:
    """Why a value of this type cannot go to TVM."""
    name = f"{type_.__module__}.{type_.__qualname__}" if type_.__module__ != "builtins" else type_.__qualname__
    return (
        f"a value of type {name} cannot be passed to TVM; expected None, bool, int, float, str, bytes, a numpy "
        "scalar or array, a callable, a Device or DataType, a list, tuple or dict of these, or an object of tvmbind"
    )


def register_codec(type_: type, code: int) -> None:
    """Declares a `Handle` class whose objects go as their handle, with this code."""
    _codecs[type_] = Codec(code, read=_handle_of)


def register_conversion(
    type_: Any, code: int, convert: Callable[[Any], Handle], classic_only: bool = False
) -> None:
    """Declares a Python type whose values become a `Handle`, sent with this code, for the time of a call.

    ``collections.abc.Callable`` stands for every callable that has no other meaning. What is for classic
    runtimes only goes as its base type on others.
    """
    _conversions[type_] = (code, convert)
    if classic_only:
        _classic_only.add(type_)


#: An object with ``__dlpack__`` as an array of TVM's with its memory, or else as an `Unshared`.
share: Callable[[Any], Any]


def set_sharer(take: Callable[[Any], Any]) -> None:
    """Declares how objects of other libraries that have ``__dlpack__`` become arrays."""
    global share
    share = take


def is_shared(value: Any) -> bool:
    """Whether a value is an array of another library than numpy, which goes by DLPack."""
    return _codec_for(type(value)) is _SHARED


def conversion_for(type_: type) -> Optional[tuple[int, Callable[[Any], Handle]]]:
    """The registered conversion of a type or of one of its bases: code and function."""
    found = next((_conversions[base] for base in type_.__mro__ if base in _conversions), None)
    if found is None and issubclass(type_, abc.Callable):  # type: ignore[arg-type]
        found = _conversions.get(abc.Callable)
    return found


def _codec_for(type_: type) -> Optional[Codec]:
    codec = _codecs.get(type_)
    if codec is None:
        codec = _find_codec(type_)
        if codec is not None:
            _codecs[type_] = codec
    return codec


def _find_codec(type_: type) -> Optional[Codec]:
    if type_ is bool:
        # An unknown code aborts the process, and bool has one only from TVM 0.18 on.
        info = known_runtime()
        return Codec(BOOL if info is not None and info.has("bool arguments") else INT)
    if any(base.__module__.partition(".")[0] in ("numpy", "ml_dtypes") for base in type_.__mro__):
        found, codec = _numpy_codec(type_)
        if found:
            return codec
    # The nearest base decides: a named tuple is a tuple, an IntEnum an int.
    info = known_runtime()
    for base in type_.__mro__:
        if base in _codecs:
            return _codecs[base]
        if base in _conversions and not (base in _classic_only and info and info.abi != "classic"):
            code, convert = _conversions[base]
            return Codec(code, write=_converting(convert))
    if issubclass(type_, ffi.CData):
        return Codec(HANDLE, read=_cdata_address)
    if type_.__module__ == "ctypes" and type_.__name__ == "c_void_p":
        return Codec(HANDLE, read=lambda value: _signed(value.value or 0))
    if hasattr(type_, "__dlpack__"):
        return _SHARED
    conversion = conversion_for(type_)
    if conversion is not None:
        return Codec(conversion[0], write=_converting(conversion[1]))
    return Codec(INT, read=operator.index) if hasattr(type_, "__index__") else None


def _numpy_codec(type_: type) -> tuple[bool, Optional[Codec]]:
    """Whether numpy's types decide, and what they say."""
    import numpy as np

    if issubclass(type_, np.ndarray):
        from .tensor import write_array

        return True, Codec(TENSOR, write=write_array)
    if issubclass(type_, np.bool_):
        codec = _codec_for(bool)  # a bool for struct, which takes no numpy.bool for an int
        return True, codec and codec._replace(read=bool)
    if issubclass(type_, np.dtype):
        return True, Codec(DTYPE, read=lambda value: _dtype_bits(DataType(value)))
    if issubclass(type_, (np.datetime64, np.timedelta64, np.complexfloating, np.void, np.object_)):
        return True, None
    if issubclass(type_, np.integer):
        return True, Codec(INT)
    if issubclass(type_, np.generic) and not issubclass(type_, np.flexible):
        return True, Codec(FLOAT, "d", read=float)
    return False, None


def _converting(convert: Callable[[Any], Handle]) -> Write:
    def write(value: Any, texts: list[bytes], tensors: list[Any], keep: list[Any]) -> int:
        made = convert(value)
        keep.append(made)
        return made._handle

    return write


def _as_write(read: Optional[Callable[[Any], Any]]) -> Write:
    if read is None:
        return _write_itself
    return lambda value, texts, tensors, keep: read(value)


def _write_itself(value: Any, texts: list[bytes], tensors: list[Any], keep: list[Any]) -> Any:
    return value


def _itself(value: Any) -> Any:
    return value


_handle_of = attrgetter("_handle")


def _write_shared(value: Any, texts: list[bytes], tensors: list[Any], keep: list[Any]) -> int:
    from .tensor import write_shared

    return write_shared(value, keep)


_SHARED = Codec(NDARRAY, write=_write_shared)


def _write_str(value: str, texts: list[bytes], tensors: list[Any], keep: list[Any]) -> int:
    try:
        data = value.encode()
    except UnicodeEncodeError:
        data = value.encode("utf-8", "surrogateescape")
    if b"\0" in data:
        raise ValueError(
            f"the str {value[:40]!r} holds a NUL character, where TVM's strings end; pass it as bytes instead"
        )
    texts.append(data)
    return len(data)


def _write_bytes(value: Any, texts: list[bytes], tensors: list[Any], keep: list[Any]) -> int:
    data = bytes(value)
    texts.append(data)
    return len(data)


def _cdata_address(value: Any) -> int:
    if ffi.typeof(value).kind not in ("pointer", "array", "function"):
        raise TypeError(f"expected a pointer, got {value!r}")
    return int(_cast("intptr_t", value))


def _signed(address: int) -> int:
    # A slot is an int64, and an address may have its top bit set.
    return address - (1 << 64) if 1 << 63 <= address < 1 << 64 else address


def _dtype_bits(value: DataType) -> int:
    return value.type_code | value.bits << 8 | value.lanes << 16


_pack_device = struct.Struct("=ii").pack


def _device_bits(value: Device) -> int:
    try:
        return int.from_bytes(_pack_device(*value), sys.byteorder, signed=True)
    except struct.error:
        raise TypeError(f"{value!r} is no device: its type and index are no 32-bit ints") from None


_codecs.update(
    {
        type(None): Codec(NULL, read=lambda value: 0),
        int: Codec(INT),
        float: Codec(FLOAT, "d"),
        str: Codec(STR, write=_write_str),
        bytes: Codec(BYTES, write=_write_bytes),
        bytearray: Codec(BYTES, write=_write_bytes),
        memoryview: Codec(BYTES, write=_write_bytes),
        DataType: Codec(DTYPE, read=_dtype_bits),
        Device: Codec(DEVICE, read=_device_bits),
        OpaqueHandle: Codec(HANDLE, read=_signed),
    }
)
