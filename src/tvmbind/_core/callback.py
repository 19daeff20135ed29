"""Callbacks with CFFI alone; and, for both cores, results of callbacks and the end of a borrowed tensor.

TVM calls Python through one C function; which callable is meant is an integer that TVM hands back, so that
a stale one is an error and not a crash.
"""

from __future__ import annotations

import itertools
import struct
import sys
import traceback
from typing import Any, Callable, Optional

from .._tvm import ffi, lib
from . import carry, decode, encode
from .encode import plan_for
from .handle import Handle, is_handle
from .report import raise_error

_plan_of = encode._plans.get
_decoders = decode.decoders
_callables: dict[int, Callable[..., Any]] = {}
_names: dict[int, str] = {}
_ids = itertools.count(1)
_decode_plans: dict[bytes, Optional[tuple[Callable[[int], Any], ...]]] = {}
_unpack = ffi.unpack
_DONE: int = lib.TVMB_DONE
_NO_STACK: int = lib.TVMB_NO_STACK
_LOST: int = lib.TVMB_LOST


class Registration:
    """Keeps the callable of a global function, which TVM never lets go of itself, while this object lives."""

    __slots__ = ("_id", "func")

    func: Callable[..., Any]

    def __init__(self, id_: int) -> None:
        self._id = id_
        self.func = _callables[id_]  # TVM may let go of the function before this object does

    def __del__(self, _pop: Any = _callables.pop) -> None:
        _pop(self._id, None)


def make_function(func: Callable[..., Any], name: str = "") -> tuple[int, int]:
    """Makes a packed function of a callable.

    Parameters
    ----------
    func : callable
    name : str, optional
        Of a global function: once the callable has been let go of, calls go to what has the name then.

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
    if name:
        _names[id_] = name
    code = lib.tvmb_make_function(id_, out)
    if code:
        _on_finalize(id_)
        raise_error(code)
    return int(ffi.cast("uintptr_t", out[0])), id_


def find(name: Optional[str]) -> Callable[..., Any]:
    """The callable that a global function goes on as when its own is gone.

    Compiled code keeps for ever what it once looked up by name.
    """
    registration = _registry.get(name)
    if registration is None:
        raise RuntimeError(
            "the Python function behind this packed function was removed from the registry, or replaced"
        )
    return registration.func  # type: ignore[no-any-return]


_registry: dict[Any, Any] = {}


def set_registry(registry: dict[str, Any]) -> None:
    """Declares where the registrations of Python's global functions are, by name."""
    global _registry
    _registry = registry


def _park(error: BaseException) -> int:
    lib.TVMAPISetLastError(carry.park(error))
    return -1


def _on_error(kind: type[BaseException], error: BaseException, traceback: Any) -> int:
    # A signal's handler raised outside of the try in _on_call, or there was no stack left for _park.
    error = error.with_traceback(traceback)
    for _ in range(9):
        try:
            return _park(error)
        except RecursionError:
            return _NO_STACK
        except BaseException as another:  # a signal's handler again
            error = another
    return _LOST


#: What a call gives where `_on_error` did not even run: PyPy does not try where there is no stack left.
_NOT_RUN = _NO_STACK if sys.implementation.name == "pypy" else _LOST


@ffi.def_extern(name="tvmb_on_call", error=_NOT_RUN, onerror=_on_error)  # type: ignore[untyped-decorator]
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
        func = _callables.get(id_) or find(_names.get(id_))
        value = func(*args)
        if value is not None:
            give(ret, value)
        if borrowed:
            del args, value
            end_borrowing(borrowed)
        return _DONE
    except BaseException as error:
        if borrowed:
            args = value = None
            end_borrowing(borrowed, error)
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


def give(ret: int, value: Any) -> None:
    """Makes a value the result of a callback.

    Raises
    ------
    TypeError
        If TVM has no kind for it.
    OverflowError
        If it is an int outside of int64.
    ValueError
        If it is closed.
    """
    small = type(value) is int and -(2**63) <= value < 2**63
    code = lib.tvmb_return_int(ret, value) if small else _give(ret, value)
    if code:
        raise_error(code)


def _give(ret: int, value: Any) -> int:
    if is_handle(value):
        value._open_handle()
    own = getattr(value, "_to_owned", None)  # a borrowed tensor cannot be returned
    if own is not None:
        value = own()
    types = (type(value),)
    try:
        _, codes, pack, reads, writes = _plan_of(types) or plan_for(types)
    except TypeError:
        raise TypeError(f"the callback's result: {encode.unsupported(types[0])}") from None
    if codes[0] == encode.TENSOR:
        return _give(ret, make_array(value))
    texts: list[bytes] = []
    keep: list[Any] = []
    slot = value
    if writes is not None:
        slot = writes[0](value, texts, [], keep)
    elif reads is not None:
        slot = reads[0](value)
    try:
        packet = pack(slot)
    except struct.error:
        raise OverflowError(f"the callback's result {value!r} does not fit in TVM's int64") from None
    code: int = lib.tvmb_return(ret, codes, packet + b"".join(texts) + b"\0")
    return code


make_array: Callable[[Any], Handle]


def set_array_maker(make: Callable[[Any], Handle]) -> None:
    """Declares how a numpy array that a callback returns becomes TVM's own."""
    global make_array
    make_array = make


# References to an object that only a list holds, while it is asked for: measured, for it is the
# interpreter's affair. PyPy does not count, so there every borrowed tensor is taken to be kept.
_count = getattr(sys, "getrefcount", None)
_UNKEPT = [_count(item) for item in [object()]][0] if _count else -1  # noqa: RUF015 - a generator would be one more holder


def end_borrowing(borrowed: list[Any], error: Optional[BaseException] = None) -> None:
    """Tensors that the callback keeps are copied: their memory is the caller's.

    Parameters
    ----------
    borrowed : list
        The tensors; left empty, but by an exception of a signal's handler: then it is to be called again. Nothing
        else that is not the callback's may hold them.
    error : BaseException, optional
        What the callback raised.

    Raises
    ------
    BufferError
        If the callback, which returned, keeps a numpy view of one.
    """
    if error is not None and any(_is_lent(tensor) and tensor._is_viewed() for tensor in borrowed):
        _clear_frames(error)
    outlived = False
    while borrowed:
        kept = _count is None or _count(borrowed[-1]) > _UNKEPT - 1
        if _is_lent(borrowed[-1]):
            outlived |= borrowed[-1]._end_borrow(kept)
        borrowed.pop()
    if outlived and error is None:
        raise BufferError(
            "a numpy view of a tensor argument outlived its callback, and the memory is the caller's: "
            "keep a copy (x.numpy().copy()), or the argument itself"
        )


def _is_lent(tensor: Any) -> bool:
    """Whether a tensor is borrowed still: it was done with, perhaps, before a signal's handler raised."""
    return hasattr(tensor, "_end_borrow")


def _clear_frames(error: BaseException) -> None:
    """Drops the variables of the frames that an error came through: a numpy view among them would dangle."""
    errors: list[Optional[BaseException]] = [error]
    seen: set[int] = set()
    while errors:
        each = errors.pop()
        if each is not None and id(each) not in seen:
            seen.add(id(each))
            traceback.clear_frames(each.__traceback__)
            errors += [each.__cause__, each.__context__]


@ffi.def_extern(name="tvmb_on_finalize")  # type: ignore[untyped-decorator]
def _on_finalize(id_: int) -> None:
    _callables.pop(id_, None)
    _names.pop(id_, None)
