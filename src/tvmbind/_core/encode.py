"""Python values to arguments: the packet that csrc/call.c unpacks.

How a value goes is decided by its type, once for each combination of argument types: a `Plan` holds the
codes and how to fill the slots. What Python types mean is said in `_codec_for`; other modules add theirs
with `register_codec` (a wrapper of a handle) and `register_conversion` (made into such a wrapper first).
No runtime is asked here, and numpy is imported only where a value of numpy's has come by.
"""

from __future__ import annotations

import struct
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


class Packet:
    """A packet while it is being filled: what follows the slots, and what must live through the call."""

    __slots__ = ("after", "buffers", "keep", "size", "tail")

    def __init__(self, slots: int) -> None:
        self.size = 8 * slots
        self.tail: list[bytes] = []
        self.buffers: list[Any] = []
        self.keep: list[Any] = []
        self.after: list[Callable[[], None]] = []

    def append(self, data: bytes) -> int:
        """Adds data, padded to 8 bytes with at least one NUL; returns its offset."""
        offset = self.size
        padding = 8 - len(data) % 8
        self.tail.append(data)
        self.tail.append(b"\0" * padding)
        self.size += len(data) + padding
        return offset


Write = Callable[[Any, Packet], Any]


class Codec(NamedTuple):
    """How values of a type go: the code, the slot's struct format, and one of two ways to fill the slot."""

    code: int
    format: str = "q"
    read: Optional[Callable[[Any], Any]] = None  # the value alone says it; None: the value itself
    write: Optional[Write] = None  # needs room in the packet


class Plan(NamedTuple):
    """How arguments of certain types go."""

    codes: bytes
    pack: Callable[..., bytes]
    reads: Optional[tuple[Callable[[Any], Any], ...]]  # None: the values as they are
    writes: Optional[tuple[Write, ...]]  # if given, instead of reads


_plans: dict[tuple[type, ...], Plan] = {}
_codecs: dict[type, Codec] = {}
_conversions: dict[Any, tuple[int, Callable[[Any], Handle]]] = {}


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
    if any(codec.write for codec in codecs):
        plan = Plan(codes, pack, None, tuple(codec.write or _as_write(codec.read) for codec in codecs))
    elif any(codec.read for codec in codecs):
        plan = Plan(codes, pack, tuple(codec.read or _itself for codec in codecs), None)
    else:
        plan = Plan(codes, pack, None, None)
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


def register_conversion(type_: Any, code: int, convert: Callable[[Any], Handle]) -> None:
    """Declares a Python type whose values become a `Handle`, sent with this code, for the time of a call.

    ``collections.abc.Callable`` stands for every callable that has no other meaning.
    """
    _conversions[type_] = (code, convert)


def conversion_for(type_: type) -> Optional[tuple[int, Callable[[Any], Handle]]]:
    """The registered conversion of a type or of one of its bases: code and function."""
    found = next((_conversions[base] for base in type_.__mro__ if base in _conversions), None)
    if found is None and issubclass(type_, abc.Callable) and type_ not in _codecs:
        found = _conversions.get(abc.Callable)
    return found


def forget_plans() -> None:
    """Drops what was decided before the runtime was known."""
    _plans.clear()
    _codecs.pop(bool, None)


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
    if type_.__module__.partition(".")[0] in ("numpy", "ml_dtypes"):
        found, codec = _numpy_codec(type_)
        if found:
            return codec
    # The nearest base decides: a named tuple is a tuple, an IntEnum an int.
    for base in type_.__mro__:
        if base in _codecs:
            return _codecs[base]
        if base in _conversions:
            code, convert = _conversions[base]
            return Codec(code, write=_converting(convert))
    if issubclass(type_, ffi.CData):
        return Codec(HANDLE, read=_cdata_address)
    if type_.__module__ == "ctypes" and type_.__name__ == "c_void_p":
        return Codec(HANDLE, read=lambda value: value.value or 0)
    conversion = conversion_for(type_)
    if conversion is not None:
        return Codec(conversion[0], write=_converting(conversion[1]))
    return Codec(INT) if hasattr(type_, "__index__") else None


def _numpy_codec(type_: type) -> tuple[bool, Optional[Codec]]:
    """Whether numpy's types decide, and what they say."""
    import numpy as np

    if issubclass(type_, np.ndarray):
        from .tensor import write_array

        return True, Codec(TENSOR, write=write_array)
    if issubclass(type_, np.bool_):
        return True, _codec_for(bool)
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
    def write(value: Any, packet: Packet) -> int:
        made = convert(value)
        packet.keep.append(made)
        return made._handle

    return write


def _as_write(read: Optional[Callable[[Any], Any]]) -> Write:
    if read is None:
        return _write_itself
    return lambda value, packet: read(value)


def _write_itself(value: Any, packet: Packet) -> Any:
    return value


def _itself(value: Any) -> Any:
    return value


_handle_of = attrgetter("_handle")


def _write_str(value: str, packet: Packet) -> int:
    try:
        data = value.encode()
    except UnicodeEncodeError:
        data = value.encode("utf-8", "surrogateescape")
    if b"\0" in data:
        raise ValueError(
            f"the str {value[:40]!r} holds a NUL character, where TVM's strings end; pass it as bytes instead"
        )
    return packet.append(data)


def _write_bytes(value: Any, packet: Packet) -> int:
    data = bytes(value)
    return packet.append(len(data).to_bytes(8, "little" if _little else "big") + data)


_little = struct.pack("=H", 1) == b"\1\0"


def _cdata_address(value: Any) -> int:
    if ffi.typeof(value).kind not in ("pointer", "array", "function"):
        raise TypeError(f"expected a pointer, got {value!r}")
    return int(_cast("uintptr_t", value))


def _dtype_bits(value: DataType) -> int:
    return value.type_code | value.bits << 8 | value.lanes << 16


def _device_bits(value: Device) -> int:
    return (value.device_type & 0xFFFFFFFF) | value.device_id << 32


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
        OpaqueHandle: Codec(HANDLE),
    }
)
