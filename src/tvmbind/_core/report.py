"""Return codes of C functions, as exceptions. Where both cores get their errors from."""

from __future__ import annotations

import sys
from typing import Any, Optional

from .._tvm import ffi, lib
from ..errors import InternalError, TVMError, TVMMemoryError, TVMNotImplementedError, from_text
from ..library import known_runtime
from . import carry
from .handle import is_handle

_ALREADY_SET = -2  # from TVM 0.8 on: C++'s EnvErrorAlreadySet


def raise_error(
    code: int,
    function: Any = None,
    args: tuple[Any, ...] = (),
    default: type[TVMError] = TVMError,
) -> None:
    """Raises what a negative return code stands for; `default` is the class where TVM names no better one.

    Raises
    ------
    BaseException
        The very exception that a Python callback raised.
    TVMError
        Any other error, from the runtime's text.
    ValueError
        If an argument, or the function itself, has been closed.
    """
    if code == lib.TVMB_SWALLOWED:
        error: Optional[BaseException] = carry.claim_last()
    elif code == lib.TVMB_CLOSED:
        error = _closed(function, args)
    elif code == lib.TVMB_MISSING:
        error = _missing()
    elif code == _ALREADY_SET:  # what TVMGetLastError has is of some earlier call
        error = TVMError("a function that TVM called failed, and left the error to its own language (code -2)")
    elif code == lib.TVMB_MEMORY:
        error = TVMMemoryError("no memory to pass the arguments")
    else:
        text = last_error_text()
        error = carry.claim(text) if text else _of_tvms_python()
        if error is None and "[Python stack overflow]" in text:
            error = RecursionError("maximum recursion depth exceeded in a callback")
        elif error is None:
            error = from_text(carry.unmarked(text), default)
    try:
        raise error or InternalError("a Python callback failed, and its exception is gone")
    finally:
        # The exception's traceback holds this frame: no cycle.
        del error, function, args


def last_error_text() -> str:
    """The runtime's last error on this thread."""
    text = lib.TVMGetLastError()
    return ffi.string(text).decode("utf-8", "replace") if text else ""


def _of_tvms_python() -> Optional[BaseException]:
    """The exception that a callback of TVM's own Python in this process raised: it leaves the object, no text."""
    if sys.implementation.name != "cpython" or not lib.tvmb_has(b"TVMGetLastPythonError"):
        return None
    address = int(ffi.cast("uintptr_t", lib.TVMGetLastPythonError()))
    if not address:
        return None
    import ctypes  # here, not above: seldom needed

    error = ctypes.cast(address, ctypes.py_object).value
    lib.TVMDropLastPythonError()
    if not isinstance(error, BaseException):
        return None
    return carry.claim(str(error)) or error  # it may be ours, on its way back


def check(code: int) -> None:
    """Raises what a C function's return code stands for, unless it is 0."""
    if code:
        raise_error(code)


def _closed(function: Any, args: tuple[Any, ...]) -> Exception:
    if function is not None and function.closed:
        return ValueError(f"this {type(function).__name__} has been closed")
    places = [i for i, value in enumerate(args) if is_handle(value) and value.closed]
    what = f"argument {places[0]}" if places else "an argument"
    kind = type(args[places[0]]).__name__ if places else "object"
    return ValueError(f"{what}: this {kind} has been closed")


def _missing() -> TVMError:
    name = ffi.string(lib.tvmb_missing_name()).decode()
    info = known_runtime()
    if info is None:
        return TVMError(f"no TVM runtime is loaded yet, and {name} was called")
    return TVMNotImplementedError(f"the runtime {info.path} ({info.title}) has no function {name}")
