"""Calls with CFFI alone: the core that runs everywhere, PyPy included.

One crossing carries all arguments of a call (see encode.py and csrc/call.c), and one brings back the result.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from math import prod
from typing import Any, Callable, Optional, TypeVar

from .._tvm import ffi, lib
from ..errors import ZeroCopyError
from ..library import known_runtime
from . import callback, decode, encode
from .callback import Registration, make_function
from .encode import Copied, Restore, Unshared, Write, plan_for
from .fork import FreshThread
from .handle import ArrayHandle, Call, Handle, closed_late, free_late
from .report import raise_error

__all__ = ["ArrayHandle", "Function", "Handle", "Registration", "alloc_array", "find_global", "make_function"]

F = TypeVar("F", bound=Callable[..., Any])

_call = lib.tvmb_call
_call_ints = lib.tvmb_call_ints
_call_str = lib.tvmb_call_str
_ONE_STR = bytes([encode.STR])
_plan_of = encode._plans.get
_new_result = ffi.typeof("int64_t[1]")
_NULL = ffi.NULL
try:
    # PyPy collects when its own memory grows, and does not see the runtime's.
    from __pypy__ import add_memory_pressure as _tell_of_memory  # type: ignore[import-not-found]
except ImportError:
    _tell_of_memory = None


def _new_call() -> Call:
    return Call(ffi.new(_new_result))


# A list is a free list that threads can share: append and pop are atomic.
_over = [_new_call()]
_take, _give_back = _over.pop, _over.append


class Function(Handle):
    """A packed function: calling it is calling TVM."""

    __slots__ = ("_keep", "_name", "_tensors")

    _keep: Any
    _name: str
    #: Bits: a kernel takes this argument for an array, and does not look whether it is one.
    _tensors: int

    _free = lib.tvmb_free_function

    @classmethod
    def _from_handle(
        cls,
        handle: int,
        owner: Optional[object] = None,
        name: str = "",
        keep: Any = None,
        direct: bool = False,
        tensors: int = 0,
    ) -> Any:
        self = cls.__new__(cls)
        self._handle = handle
        self._owner = owner
        self._name = name
        self._keep = keep
        self._tensors = tensors
        return self

    def __call__(self, *args: Any, copy: Optional[bool] = None) -> Any:
        if copy is not None:
            return _call_with_copies(self, args, copy)
        try:
            call = _take()
        except IndexError:
            call = _new_call()
        call.function, call.args = self, args  # neither is freed before the call ends
        result = call.result
        try:
            if not args:
                code = _call_ints(self._handle, 0, _NULL, result)
            else:
                types = tuple(map(type, args))
                ints, codes, pack, reads, writes = _plan_of(types) or plan_for(types, self._name)
                if self._tensors:
                    _check_tensors(self, codes, args)
                if ints:
                    code = _call_ints(self._handle, len(args), args, result)
                elif codes == _ONE_STR and (text := args[0].encode("utf-8", "surrogateescape")).find(0) < 0:
                    code = _call_str(self._handle, text, result)
                elif writes is not None:
                    code = _call_with_extras(self._handle, codes, pack, writes, args, result)
                elif reads is None:
                    code = _call(self._handle, codes, len(args), pack(*args), _NULL, result)
                else:
                    slots = [read(value) for read, value in zip(reads, args)]
                    code = _call(self._handle, codes, len(args), pack(*slots), _NULL, result)
            if code == 4:  # kTVMNullptr
                return None
            if code >= 0:
                bits = result[0]
                return bits if code == 0 else decode.decode(code, bits)
        except (struct.error, OverflowError) as error:
            raise _explain(error, self, args) from None
        finally:
            call.function, call.args = None, ()
            _give_back(call)
            if closed_late:
                free_late()
        raise_error(code, self, args)

    def close(self) -> None:
        """Lets go of the function, and of what it kept."""
        super().close()
        self._keep = None

    def _again(self) -> Any:
        """The same function as another object, which may be closed by itself."""
        return self._from_handle(self._handle, self, self._name, self._keep, tensors=self._tensors)

    def _in_place(self, *args: Any) -> Any:
        """The call, if every argument can go as it is; else NotImplemented, and nothing has been called."""
        return NotImplemented if next(_not_in_place(args), None) else self(*args)

    def call_for_handle(self, *args: Any) -> int:
        """As a call, but the result is the handle itself, for an object that would arrive as something else."""
        _, codes, pack, reads, writes = plan_for(tuple(map(type, args)), self._name)
        result = ffi.new(_new_result)
        try:
            if writes is not None:
                code = _call_with_extras(self._handle, codes, pack, writes, args, result)
            else:
                slots = args if reads is None else [read(value) for read, value in zip(reads, args)]
                code = _call(self._handle, codes, len(args), pack(*slots), _NULL, result)
        except (struct.error, OverflowError) as error:
            raise _explain(error, self, args) from None
        if code < 0:
            raise_error(code, self, args)
        return int(result[0])


_ARRAYS = (encode.TENSOR, encode.TENSOR_POINTER, encode.NDARRAY)


def _check_tensors(function: Any, codes: bytes, args: tuple[Any, ...]) -> None:
    for place, code in enumerate(codes):
        if function._tensors >> place & 1 and code not in _ARRAYS:
            raise TypeError(
                f"argument {place} of {function!r} is an array: got {args[place]!r:.60}; pass an NDArray, a numpy "
                "array, or what has DLPack"
            )


def check_tensors(function: Any, args: tuple[Any, ...]) -> None:
    """That a kernel's arguments are arrays where it does not look, for who calls it in another way.

    Raises
    ------
    TypeError
        Names the argument that is none.
    """
    if function._tensors:
        _check_tensors(function, plan_for(tuple(map(type, args)), function._name)[1], args)


def _not_in_place(args: tuple[Any, ...]) -> Iterator[tuple[int, Any, str]]:
    """The numpy arrays among arguments that would be copied: their places, themselves, and why."""
    if any(hasattr(type(value), "__array_interface__") for value in args):  # of the value itself: numpy would make it
        import numpy as np

        from .tensor import problem_of

        for place, value in enumerate(args):
            problem = problem_of(value) if isinstance(value, np.ndarray) else ""
            if problem:
                yield place, value, problem


def _call_with_copies(function: Any, args: tuple[Any, ...], copy: bool) -> Any:
    from .tensor import copied, explain

    given = [encode.share(value) if encode.is_shared(value) else value for value in args]
    if not copy:
        for place, value in enumerate(given):
            if type(value) is Unshared:
                raise ZeroCopyError(f"argument {place} of {function!r}: {value.problem}, or allow a copy")
        for place, value, problem in _not_in_place(args):
            raise ZeroCopyError(f"{explain(f'argument {place} of {function!r}', value, problem)}, or allow a copy")
        return function(*given)
    import numpy as np

    keep: list[Any] = []
    for place, (value, found) in enumerate(zip(args, given)):
        if found is not value:  # another library's
            found = found.view if type(found) is Unshared else found.numpy()
        if isinstance(found, np.ndarray) and not found.dtype.hasobject:  # the call says that those cannot go
            given[place] = copied(found, found.flags.writeable, keep)
    result = function(*given)
    _restore(keep)
    return result


def _restore(keep: list[Any]) -> None:
    for kept in keep:
        if type(kept) is Restore:
            kept.run()


def _explain(error: Exception, function: Any, args: tuple[Any, ...]) -> Exception:
    for index, value in enumerate(args):
        is_int = hasattr(value, "__index__") and not hasattr(value, "__len__")  # an array has both
        if is_int and not -(2**63) <= value.__index__() < 2**63:
            return OverflowError(f"argument {index} of {function!r}: {value!r} does not fit in TVM's int64")
    return error if isinstance(error, OverflowError) else TypeError(f"arguments of {function!r}: {error}")


def _call_with_extras(
    handle: int, codes: bytes, pack: Callable[..., bytes], writes: tuple[Write, ...], args: tuple[Any, ...], result: Any
) -> int:
    texts: list[bytes] = []
    tensors: list[Any] = []
    keep: list[Any] = []
    slots: list[Any] = []
    copied: list[tuple[int, Any]] = []
    for write, value in zip(writes, args):
        kept = len(keep)
        try:
            slots.append(write(value, texts, tensors, keep))
            if kept < len(keep) and type(keep[kept]) is Copied:
                copied.append((len(slots) - 1, keep[kept]))
        except TypeError as error:
            if codes[len(slots)] != encode.TENSOR:
                raise
            raise TypeError(f"argument {len(slots)}: {error}") from None
    if copied:
        from .tensor import warn

        warn(*copied[0], len(copied))
    packet = pack(*slots)
    if texts:
        texts.append(b"")
        packet += b"\0".join(texts)
    code: int = _call(handle, codes, len(args), packet, tensors or _NULL, result)
    _restore(keep)
    return code


def find_global(kind: type[Any], name: str) -> Any:
    """A global function, as an object of this class; None if there is none, or no runtime yet."""
    if not isinstance(name, str) or not name or "\0" in name:
        return None
    handle = lib.tvmb_get_global(name.encode())
    if handle in (0, lib.TVMB_MISSING):
        return None
    if handle < 0:
        raise_error(handle)
    return kind._from_handle(handle, None, name, callback._registry.get(name))


def quicken(function: F, signature: str) -> F:
    """The function itself: the fast core has some of them in C."""
    return function


def alloc_array(kind: type[ArrayHandle], shape: tuple[int, ...], *numbers: int) -> Any:
    """A new array, as an object of this class; the numbers: type code, bits, lanes, device type, device index."""
    handle = lib.tvmb_array_alloc(shape, len(shape), *numbers)
    if handle < 0:
        raise_error(handle)
    if _tell_of_memory is not None:
        _tell_of_memory(prod(shape) * numbers[1] * numbers[2] // 8)
    return kind._from_handle(handle)


def _after_fork() -> None:
    global _call, _call_ints, _call_str
    if known_runtime() is not None:
        fresh = FreshThread()
        _call, _call_ints = fresh.wrap(lib.tvmb_call), fresh.wrap(lib.tvmb_call_ints)
        _call_str = fresh.wrap(lib.tvmb_call_str)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
