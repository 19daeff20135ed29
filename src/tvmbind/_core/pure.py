"""Calls and callbacks with CFFI alone: the core that runs everywhere, PyPy included.

One crossing carries all arguments of a call (see encode.py and csrc/call.c), and one brings back the
result. TVM calls Python through one C function; which callable is meant is an integer that TVM hands
back, so that a stale one is an error and not a crash.
"""

from __future__ import annotations

import itertools
import os
import struct
import sys
import threading
from typing import Any, Callable, Optional

from .._tvm import ffi, lib
from ..errors import InternalError, TVMError, TVMMemoryError, TVMNotImplementedError, from_text
from ..library import known_runtime
from . import carry, decode, encode
from .encode import Packet, Plan, plan_for
from .handle import Handle

_call = lib.tvmb_call
_plan_of = encode._plans.get
_decoders = decode.decoders
_new_result = ffi.typeof("int64_t[1]")
_NULL = ffi.NULL
# Memory for results. A list is a free list that threads can share: append and pop are atomic.
_results: list[Any] = [ffi.new(_new_result)]


class Function(Handle):
    """A packed function: calling it is calling TVM."""

    __slots__ = ("_keep", "_name")

    _free = lib.tvmb_free_function

    @classmethod
    def _from_handle(cls, handle: int, owner: Optional[object] = None, name: str = "", keep: Any = None) -> Any:
        self = cls.__new__(cls)
        self._handle = handle
        self._owner = owner
        self._name = name
        self._keep = keep
        return self

    def __call__(self, *args: Any) -> Any:
        types = tuple(map(type, args))
        plan = _plan_of(types) or plan_for(types, self._name)
        try:
            result = _results.pop()
        except IndexError:
            result = ffi.new(_new_result)
        try:
            if plan.writes is not None:
                code = self._call_with_packet(plan, args, result)
            elif plan.reads is None:
                code = _call(self._handle, plan.codes, len(args), plan.pack(*args), _NULL, result)
            else:
                slots = [read(value) for read, value in zip(plan.reads, args)]
                code = _call(self._handle, plan.codes, len(args), plan.pack(*slots), _NULL, result)
            if code == 4:  # kTVMNullptr
                return None
            if code >= 0:
                bits = result[0]
                return bits if code == 0 else _decoders[code](bits)
        except (struct.error, KeyError) as error:
            raise self._explain(error, args, code if "code" in locals() else 0) from None
        finally:
            _results.append(result)
        raise_error(code, self, args)

    def call_for_handle(self, *args: Any) -> int:
        """As a call, but the result is the handle itself, for an object that would arrive as something else."""
        plan = plan_for(tuple(map(type, args)), self._name)
        result = ffi.new(_new_result)
        code = self._call_with_packet(plan, args, result)
        if code < 0:
            raise_error(code, self, args)
        return int(result[0])

    def _call_with_packet(self, plan: Plan, args: tuple[Any, ...], result: Any) -> int:
        packet = Packet(len(args))
        slots = [write(value, packet) for write, value in zip(plan.writes or (), args)]
        data = plan.pack(*slots) + b"".join(packet.tail)
        code: int = _call(self._handle, plan.codes, len(args), data, packet.buffers or _NULL, result)
        for after in packet.after:
            after()
        return code

    def _explain(self, error: Exception, args: tuple[Any, ...], code: int) -> Exception:
        if isinstance(error, KeyError):
            return TypeError(f"{self!r} returned a value of type code {code}, which tvmbind does not know")
        for index, value in enumerate(args):
            if hasattr(value, "__index__") and not -(2**63) <= value.__index__() < 2**63:
                return OverflowError(f"argument {index} of {self!r}: {value!r} does not fit in TVM's int64")
        return TypeError(f"arguments of {self!r}: {error}")


def raise_error(
    code: int,
    function: Optional[Handle] = None,
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
    elif code == lib.TVMB_MEMORY:
        error = TVMMemoryError("no memory to pass the arguments")
    else:
        text = last_error_text()
        error = carry.claim(text) or from_text(carry.unmarked(text), default)
    try:
        raise error or InternalError("a Python callback failed, and its exception is gone")
    finally:
        # The exception's traceback holds this frame: no cycle.
        del error, function, args


def last_error_text() -> str:
    """The runtime's last error on this thread."""
    text = lib.TVMGetLastError()
    return ffi.string(text).decode("utf-8", "replace") if text else ""


def check(code: int) -> None:
    """Raises what a C function's return code stands for, unless it is 0."""
    if code:
        raise_error(code)


def _closed(function: Optional[Handle], args: tuple[Any, ...]) -> Exception:
    if function is not None and function.closed:
        return ValueError(f"this {type(function).__name__} has been closed")
    places = [i for i, value in enumerate(args) if isinstance(value, Handle) and value.closed]
    what = f"argument {places[0]}" if places else "an argument"
    kind = type(args[places[0]]).__name__ if places else "object"
    return ValueError(f"{what}: this {kind} has been closed")


def _missing() -> TVMError:
    name = ffi.string(lib.tvmb_missing_name()).decode()
    info = known_runtime()
    if info is None:
        return TVMError(f"no TVM runtime is loaded yet, and {name} was called")
    return TVMNotImplementedError(f"the runtime {info.path} (TVM {info.version}) has no function {name}")


# ------------------------------------------------------------------------------------------------ callbacks

_callables: dict[int, Callable[..., Any]] = {}
_ids = itertools.count(1)
_decode_plans: dict[bytes, Optional[tuple[Callable[[int], Any], ...]]] = {}
_unpack = ffi.unpack


class Registration:
    """Keeps a callable that TVM never lets go of itself for as long as this object lives."""

    __slots__ = ("_id",)

    def __init__(self, id_: int) -> None:
        self._id = id_

    def __del__(self, _pop: Any = _callables.pop) -> None:
        _pop(self._id, None)


def make_function(func: Callable[..., Any]) -> tuple[int, int]:
    """Makes a packed function of a callable.

    Returns
    -------
    handle : int
        A new reference to the function. When the last is gone the callable is let go.
    id : int
        What TVM knows the callable by.
    """
    id_ = next(_ids)
    out = ffi.new("TVMFunctionHandle *")
    _callables[id_] = func
    code = lib.tvmb_make_function(id_, out)
    if code:
        del _callables[id_]
        raise_error(code)
    return int(ffi.cast("uintptr_t", out[0])), id_


def _park(error: BaseException) -> int:
    lib.TVMAPISetLastError(carry.park(error))
    return -1


def _on_error(kind: type[BaseException], error: BaseException, traceback: Any) -> int:
    # A signal's handler raised outside of the try in _on_call.
    return _park(error.with_traceback(traceback))


@ffi.def_extern(name="tvmb_on_call", error=-1, onerror=_on_error)  # type: ignore[untyped-decorator]
def _on_call(id_: int, count: int, codes: Any, values: Any, ret: int) -> int:
    borrowed: Any = ()
    try:
        args: Any = ()
        if count:
            key = _unpack(codes, count)
            args = _unpack(values, count)
            try:
                plan = _decode_plans[key]
            except KeyError:
                plan = _decode_plan(key)
            if plan is not None:
                args = [decoder(bits) for decoder, bits in zip(plan, args)]
                if encode.TENSOR_POINTER in key:
                    borrowed = [value for value, code in zip(args, key) if code == encode.TENSOR_POINTER]
        try:
            func = _callables[id_]
        except KeyError:
            raise RuntimeError(
                "the Python function behind this packed function was removed from the registry, or replaced"
            ) from None
        value = func(*args)
        if value is not None:
            code = lib.tvmb_return_int(ret, value) if type(value) is int else _give(ret, value)
            if code:
                raise_error(code)
        if borrowed:
            del args, value
            _end_borrowing(borrowed)
        return 0
    except BaseException as error:
        if borrowed:
            args = value = None
            _end_borrowing(borrowed, quiet=True)
        return _park(error)


def _decode_plan(codes: bytes) -> Optional[tuple[Callable[[int], Any], ...]]:
    plan = None
    if any(codes):
        unknown = [code for code in codes if code not in _decoders]
        if unknown:
            raise TypeError(f"TVM passed a value of type code {unknown[0]}, which tvmbind does not know")
        plan = tuple(_decoders[code] for code in codes)
    if len(_decode_plans) >= 4096:
        _decode_plans.clear()
    _decode_plans[codes] = plan
    return plan


def _give(ret: int, value: Any) -> int:
    """Makes a value the result of a callback."""
    if isinstance(value, Handle):
        value._open_handle()
    own = getattr(value, "_to_owned", None)  # a borrowed tensor cannot be returned
    if own is not None:
        value = own()
    types = (type(value),)
    try:
        plan = _plan_of(types) or plan_for(types)
    except TypeError:
        raise TypeError(f"the callback's result: {encode.unsupported(types[0])}") from None
    if plan.codes[0] == encode.TENSOR:
        return _give(ret, make_array(value))
    packet = Packet(1)
    if plan.writes is not None:
        slot = plan.writes[0](value, packet)
    else:
        slot = plan.reads[0](value) if plan.reads is not None else value
    try:
        data = plan.pack(slot)
    except struct.error:
        raise OverflowError(f"the callback's result {value!r} does not fit in TVM's int64") from None
    code: int = lib.tvmb_return(ret, plan.codes, data + b"".join(packet.tail))
    return code


make_array: Callable[[Any], Handle]


def set_array_maker(make: Callable[[Any], Handle]) -> None:
    """Declares how a numpy array that a callback returns becomes TVM's own."""
    global make_array
    make_array = make


# References to an object that only a list holds, while it is asked for: measured, for it is the
# interpreter's affair. PyPy does not count, so there every borrowed tensor is taken to be kept.
_count = getattr(sys, "getrefcount", None)
_UNKEPT = [_count(item) for item in [object()]][0] if _count else -1


def _end_borrowing(borrowed: list[Any], quiet: bool = False) -> None:
    """Tensors that the callback keeps are copied: their memory is the caller's."""
    while borrowed:
        kept = _count is None or _count(borrowed[-1]) > _UNKEPT - 1
        borrowed.pop()._end_borrow(kept, quiet)


@ffi.def_extern(name="tvmb_on_finalize")  # type: ignore[untyped-decorator]
def _on_finalize(id_: int) -> None:
    _callables.pop(id_, None)


# ----------------------------------------------------------------------------------------------------- fork


class _FreshThread:
    """Makes calls on a thread of its own.

    A thread that has run a parallel kernel has a pool of workers, and after fork() the child's copy of that
    thread waits for workers that are not there, for ever. The pool belongs to the thread, so another thread
    gets one that works.
    """

    def __init__(self) -> None:
        from concurrent.futures import ThreadPoolExecutor

        self._stale = threading.get_ident()
        self._executor = ThreadPoolExecutor(1, "tvmbind-after-fork")

    def wrap(self, function: Callable[..., int]) -> Callable[..., int]:
        def call(*args: Any) -> int:
            if threading.get_ident() != self._stale:
                return function(*args)
            code, text = self._executor.submit(self._call, function, args).result()
            if code == -1:
                lib.TVMAPISetLastError(text)
            return code

        return call

    @staticmethod
    def _call(function: Callable[..., int], args: tuple[Any, ...]) -> tuple[int, bytes]:
        code = function(*args)
        return code, last_error_text().encode("utf-8", "replace") if code == -1 else b""


def _after_fork() -> None:
    global _call
    if known_runtime() is not None:
        _call = _FreshThread().wrap(lib.tvmb_call)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
