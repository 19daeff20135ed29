"""DLPack from outside: objects that only have ``__dlpack__``, and what is in a capsule."""

from __future__ import annotations

import ctypes
from typing import Any

_api = getattr(ctypes, "pythonapi", None)


def _function(name: str, result: Any, *arguments: Any) -> Any:
    if _api is None:  # PyPy's: tests that need it are for CPython
        return None
    return ctypes.PYFUNCTYPE(result, *arguments)((name, _api))


_name = _function("PyCapsule_GetName", ctypes.c_char_p, ctypes.py_object)
_pointer = _function("PyCapsule_GetPointer", ctypes.c_void_p, ctypes.py_object, ctypes.c_char_p)
_rename = _function("PyCapsule_SetName", ctypes.c_int, ctypes.py_object, ctypes.c_char_p)
_new = _function("PyCapsule_New", ctypes.py_object, ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p)
_names: list[ctypes.Array[ctypes.c_char]] = []  # a capsule does not keep its name


class Tensor(ctypes.Structure):
    """DLTensor."""

    _fields_ = (
        ("data", ctypes.c_uint64), ("device_type", ctypes.c_int32), ("device_id", ctypes.c_int32),
        ("ndim", ctypes.c_int32), ("code", ctypes.c_uint8), ("bits", ctypes.c_uint8), ("lanes", ctypes.c_uint16),
        ("shape", ctypes.POINTER(ctypes.c_int64)), ("strides", ctypes.POINTER(ctypes.c_int64)),
        ("byte_offset", ctypes.c_uint64),
    )  # fmt: skip


class Legacy(ctypes.Structure):
    """DLManagedTensor."""

    _fields_ = (("tensor", Tensor), ("manager", ctypes.c_void_p), ("deleter", ctypes.c_void_p))


class Versioned(ctypes.Structure):
    """DLManagedTensorVersioned."""

    _fields_ = (
        ("major", ctypes.c_uint32), ("minor", ctypes.c_uint32), ("manager", ctypes.c_void_p),
        ("deleter", ctypes.c_void_p), ("flags", ctypes.c_uint64), ("tensor", Tensor),
    )  # fmt: skip


def name_of(capsule: Any) -> str:
    """The name of a capsule."""
    return _name(capsule).decode()


def rename(capsule: Any, name: str) -> Any:
    """Gives a capsule another name, and returns it."""
    _names.append(ctypes.create_string_buffer(name.encode()))
    _rename(capsule, ctypes.cast(_names[-1], ctypes.c_char_p))
    return capsule


def inside(capsule: Any) -> Any:
    """The managed tensor of a capsule that nobody has consumed."""
    kind = Versioned if name_of(capsule) == "dltensor_versioned" else Legacy
    return kind.from_address(_pointer(capsule, _name(capsule)))


def capsule_of(address: int, name: str) -> Any:
    """A capsule that holds an address under a name."""
    _names.append(ctypes.create_string_buffer(name.encode()))
    return _new(address, ctypes.cast(_names[-1], ctypes.c_char_p), None)


class Exporter:
    """An array of numpy's, of which nothing is seen but ``__dlpack__`` and ``__dlpack_device__``.

    Parameters
    ----------
    array : numpy.ndarray
    change : callable, optional
        What it does to the managed tensor before it is handed out.
    legacy : bool
        Whether it knows no ``max_version``, as libraries from before DLPack 1.0.
    """

    def __init__(self, array: Any, change: Any = None, legacy: bool = False) -> None:
        self.array = array
        self.change = change
        self.legacy = legacy

    def __dlpack_device__(self) -> tuple[int, int]:
        return 1, 0

    def __dlpack__(self, **options: Any) -> Any:
        if self.legacy and options:
            raise TypeError(f"unexpected keyword argument {next(iter(options))!r}")
        capsule = self.array.__dlpack__(**options)
        if self.change is not None:
            self.change(inside(capsule))
        return capsule
