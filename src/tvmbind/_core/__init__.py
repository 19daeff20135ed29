"""The seam for speed: Python values to TVM and back, calls and callbacks.

What is above imports from here, and does not care which core it is. ``TVMBIND_CORE`` chooses one: ``fast``,
which is C for CPython, or ``pure``, which is CFFI alone. Left out: ``fast`` where it was built.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Optional, TypeVar

from . import callback, decode, encode
from .callback import set_array_maker
from .capsule import adopt_foreign, adopt_memory
from .carry import claim
from .decode import register, register_object
from .encode import OpaqueHandle, conversion_for, register_conversion, set_sharer
from .handle import IN_PLACE, SAME
from .pure import check_tensors
from .report import check, last_error_text, raise_error

H = TypeVar("H")


def _choose() -> str:
    name = os.environ.get("TVMBIND_CORE", "")
    if name not in ("", "fast", "pure"):
        raise ImportError(f"TVMBIND_CORE={name}: there is no such core; expected 'fast' or 'pure'")
    if name != "pure":
        try:
            from . import _fast  # noqa: F401
        except ImportError:
            if name:
                raise
            name = "pure"
    return name or "fast"


NAME = _choose()

if TYPE_CHECKING or NAME == "pure":
    from .capsule import adopt, adopt_capsule, export_capsule
    from .handle import compare, copy_array, lend, make_shape, rebind
    from .pure import ArrayHandle, Function, Handle, Registration, alloc_array, find_global, make_function, quicken
else:
    from .fast import (
        ArrayHandle,
        Function,
        Handle,
        Registration,
        adopt,
        adopt_capsule,
        alloc_array,
        compare,
        copy_array,
        export_capsule,
        find_global,
        lend,
        make_function,
        make_shape,
        quicken,
        rebind,
    )  # fmt: skip
if TYPE_CHECKING or NAME == "fast":
    from . import _fast


def set_registry(registry: dict[str, Any]) -> None:
    """Declares where the registrations of Python's global functions are, by name."""
    callback.set_registry(registry)
    if NAME == "fast":
        _fast.set_registry(registry)


def quicken_method(kind: type, name: str, signature: str) -> None:
    """Puts a method in C in place of one in Python, where the fast core has it."""
    if NAME == "fast":
        _fast.quicken_method(kind, name, signature)


def note_dtype(name: str, code: int, bits: int, lanes: int) -> None:
    """Declares what an element type's name means to this runtime."""
    if NAME == "fast":
        _fast.note_dtype(name, code, bits, lanes)


def vectorcalled(kind: type[H]) -> type[H]:
    """A class of functions that is called as quickly as can be: a subclass of the one given, under its name."""
    return _fast.vectorcalled(kind) if NAME == "fast" else kind


def set_list_maker(array: Handle, string: Optional[Handle], functions: bool, numbers: bool) -> None:
    """Declares the runtime's function that makes an Array of its arguments, and what such an Array holds.

    The other function makes a String, where an Array holds objects only.
    """
    if NAME == "fast":
        _fast.set_list_maker(array._open_handle(), string._open_handle() if string else 0, functions, numbers)


def make_array(items: Any) -> int:
    """The handle of a new Array of plain values; 0 where `container` has to make it, or to say why it cannot be."""
    return _fast.make_array(items) if NAME == "fast" else 0


def problem_of(value: Any) -> str:
    """Why a numpy array cannot go to the runtime where it is; empty if it can."""
    from . import tensor  # here, not above: it needs numpy

    return tensor.problem_of(value)


def register_codec(kind: type[Handle], code: int) -> None:
    """Declares a `Handle` class whose objects go as their handle, with this code."""
    encode.register_codec(kind, code)
    if NAME == "fast":
        _fast.register_type(kind, code)


def register_class(code: int, kind: type[Handle]) -> None:
    """Declares a `Handle` class that values of a type code become; it adds nothing to how a handle is wrapped."""
    decode.register(code, kind._from_handle)
    if NAME == "fast":
        _fast.register_class(code, kind)


__all__ = [
    "IN_PLACE",
    "NAME",
    "SAME",
    "ArrayHandle",
    "Function",
    "Handle",
    "OpaqueHandle",
    "Registration",
    "adopt",
    "adopt_capsule",
    "adopt_foreign",
    "adopt_memory",
    "alloc_array",
    "check",
    "check_tensors",
    "claim",
    "compare",
    "conversion_for",
    "copy_array",
    "export_capsule",
    "find_global",
    "last_error_text",
    "lend",
    "make_array",
    "make_function",
    "make_shape",
    "note_dtype",
    "problem_of",
    "quicken",
    "quicken_method",
    "raise_error",
    "rebind",
    "register",
    "register_class",
    "register_codec",
    "register_conversion",
    "register_object",
    "set_array_maker",
    "set_list_maker",
    "set_registry",
    "set_sharer",
    "vectorcalled",
]
