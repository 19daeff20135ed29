"""TVM's values to Python: results of calls and arguments of callbacks alike.

A value comes as its type code and its 8 bytes, taken as an integer. Whoever hands it over has made us
its owner where it is a handle, except for a tensor's address (kTVMDLTensorHandle), which is borrowed.
"""

from __future__ import annotations

import struct
import sys
from typing import Any, Callable, Optional

from .._tvm import ffi, lib
from ..device import Device
from ..dtype import DataType
from ..library import load_runtime
from . import encode
from .encode import OpaqueHandle

_cast = ffi.cast
_string = ffi.string
_char_pointer = ffi.typeof("char *")
_byte_array_pointer = ffi.typeof("TVMByteArray *")

#: Type code -> the function that makes the Python value. Wrapper classes put theirs in with `register`.
decoders: dict[int, Callable[[int], Any]] = {}
#: Type key of an object -> the function that makes the Python value, and the value's class; "" for all other keys.
_object_keys: dict[str, tuple[Callable[[int], Any], Optional[type]]] = {}
_object_indices: dict[int, Callable[[int], Any]] = {}


def register(code: int, make: Callable[[int], Any]) -> None:
    """Declares how values of a type code become Python values."""
    decoders[code] = make


def register_object(type_key: str, make: Callable[[int], Any], kind: Optional[type] = None) -> None:
    """Declares how objects of a type become Python values; ``""`` for all that have none of their own.

    The class is for the fast core, if it is str or a class of handles that is no more than wrapped.
    """
    _object_keys[type_key] = make, kind
    _object_indices.clear()


def _ignore(index: int, kind: type) -> None:
    pass


#: Hears of each type index whose class is known.
_tell: Callable[[int, type], None] = _ignore


def tell_classes(hear: Callable[[int, type], None]) -> None:
    """Declares who hears of the classes of objects, by their type's index."""
    global _tell
    _tell = hear


def decode(code: int, bits: int) -> Any:
    """The Python value of a type code and 8 bytes."""
    decoder = decoders.get(code)
    if decoder is None:
        raise TypeError(f"TVM gave a value of type code {code}, which tvmbind does not know")
    return decoder(bits)


def _int(bits: int) -> int:
    return bits


def _none(bits: int) -> None:
    return None


def _opaque(bits: int) -> Any:
    return OpaqueHandle(bits & 0xFFFFFFFFFFFFFFFF) if bits else None


def _dtype(bits: int) -> DataType:
    return DataType.from_code(bits & 0xFF, bits >> 8 & 0xFF, bits >> 16 & 0xFFFF)


_unpack_device = struct.Struct("=ii").unpack


def _device(bits: int) -> Device:
    return Device(*_unpack_device(bits.to_bytes(8, sys.byteorder, signed=True)))


def _text(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data.decode("utf-8", "surrogateescape")


def _str(bits: int) -> str:
    return _text(_string(_cast(_char_pointer, bits)))


def _bytes(bits: int) -> bytes:
    array = _cast(_byte_array_pointer, bits)
    return bytes(ffi.buffer(array.data, array.size))


def _object(bits: int) -> Any:
    if not bits:
        return None
    index = ffi.new("unsigned *")
    lib.TVMObjectGetTypeIndex(_cast("void *", bits), index)
    make = _object_indices.get(index[0])
    if make is None:
        make, kind = _object_keys[_key_of(index[0])]
        _object_indices[index[0]] = make
        if kind is not None:
            _tell(index[0], kind)
    return make(bits)


def _key_of(index: int) -> str:
    """The key that objects of a type are registered under.

    The runtime is asked for this type's key, not for the indices of all known keys: for one that it does not know it
    writes a stack trace, which takes 200 ms and 40 MB.
    """
    info = load_runtime()
    keys = list(_object_keys)
    if info.has("TVMObjectTypeIndex2Key"):
        text = ffi.new("char[256]")
        key = _string(text).decode(errors="replace") if lib.tvmb_type_key(index, text, 256) == 0 else ""
        if info.has("type keys that end"):
            return key if key in _object_keys else ""
        keys = [known for known in keys if key.startswith(known)]
    found = ffi.new("unsigned *")
    for key in filter(None, keys):
        if lib.TVMObjectTypeKey2Index(key.encode(), found) == 0 and found[0] == index:
            return key
    return ""


def string_object(handle: int) -> str:
    """The text of a String object, which is then freed. It may hold NULs."""
    size = ffi.new("size_t *")
    text = lib.tvmb_text(handle, size)
    data = bytes(ffi.buffer(text, size[0]))
    lib.tvmb_free_object(handle)
    return _text(data)


decoders.update(
    {
        encode.INT: _int,
        encode.FLOAT: lib.tvmb_as_double,
        encode.HANDLE: _opaque,
        encode.NULL: _none,
        encode.DTYPE: _dtype,
        encode.DEVICE: _device,
        encode.OBJECT: _object,
        encode.STR: _str,
        encode.BYTES: _bytes,
        encode.BOOL: bool,
    }
)
for _key in ("runtime.String", "ffi.String"):
    register_object(_key, string_object, str)
