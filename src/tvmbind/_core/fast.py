"""The fast core: `_fast` does what is common in C, and comes back to CFFI's way for the rest."""

from __future__ import annotations

import os
from types import BuiltinFunctionType, FunctionType, MethodType
from typing import Any, Callable

from .._tvm import lib
from ..device import Device
from ..dtype import DataType
from ..library import known_runtime
from . import _fast, callback, carry, decode, encode, pure, report
from ._fast import (
    ArrayHandle,
    Handle,
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

__all__ = [
    "ArrayHandle", "Function", "Handle", "Registration", "adopt", "adopt_capsule", "alloc_array", "compare",
    "copy_array", "export_capsule", "find_global", "lend", "make_function", "make_shape", "quicken",
    "rebind",
]  # fmt: skip


class Function(_fast.Function):
    """A packed function: calling it is calling TVM."""

    __slots__ = ()

    _free = lib.tvmb_free_function


class Registration:
    """Keeps the callable of a global function, which TVM never lets go of itself, while this object lives."""

    __slots__ = ("_closure",)

    def __init__(self, closure: _fast.Closure) -> None:
        self._closure = closure

    @property
    def func(self) -> Callable[..., Any]:
        """The callable."""
        return self._closure.func

    def __del__(self) -> None:
        self._closure.forget()


def _numpy_type(code: int, bits: int, lanes: int) -> Any:
    """numpy's type of an element; None if it has none."""
    try:
        return DataType.from_code(code, bits, lanes).numpy()
    except TypeError:
        return None


def _bool_code() -> int:
    return encode.plan_for((bool,))[1][0]


_fast.setup(
    lib.tvmb_functions_address(),
    {
        "call": pure.Function.__call__,
        "for_handle": pure.Function.call_for_handle,
        "in_place": pure.Function._in_place,
        "decode": decode.decode,
        "give": callback.give,
        "end_borrowing": callback.end_borrowing,
        "raise_error": report.raise_error,
        "park": carry.park,
        "numbers": carry._numbers,
        "waiting": carry._waiting,
        "parked": carry._Parked,
        "find": callback.find,
        "bool_code": _bool_code,
        "numpy_type": _numpy_type,
    },
)
_fast.register_device(Device)
decode.tell_classes(_fast.register_object)
_fast.register_callables((FunctionType, MethodType, BuiltinFunctionType))


def _after_fork() -> None:
    if known_runtime() is not None:
        _fast.after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
