"""numpy arrays as arguments: borrowed for the time of a call, without a copy where that is safe.

Kernels use aligned moves, so memory that is not aligned for this runtime never reaches one: csrc/call.c
copies it in, and back where the call changed it. What a DLTensor without strides cannot say (strides,
foreign byte order) is copied here, and back.
"""

from __future__ import annotations

import functools
import struct
import sys
import warnings
from typing import Any

import numpy as np

from .._tvm import ffi
from ..dtype import DataType
from ..errors import PerformanceWarning
from ..library import load_runtime
from . import callback, encode
from .encode import Copied, Restore, Unshared

_from_buffer = ffi.from_buffer
_cast = ffi.cast
_descriptions: dict[tuple[Any, tuple[int, ...], bool], Any] = {}
_alignment = 0

#: What to do about each problem of an array.
ADVICE = {
    "read-only": "a kernel could write to it: pass x.copy(), or set x.flags.writeable",
    "not C-contiguous": "pass numpy.ascontiguousarray(x), or make it with tvmbind.aligned_empty",
    "of a foreign byte order": 'pass x.astype(x.dtype.newbyteorder("="))',
    "not aligned": "make its memory with tvmbind.aligned_empty(shape, dtype), or use tvmbind.array(x)",
}


def aligned_memory(shape: tuple[int, ...], dtype: Any, to: int = 0) -> np.ndarray[Any, Any]:
    """A new array, C-contiguous, at an address that `to` divides: what this runtime needs, if not given."""
    nbytes = int(np.prod(shape, dtype=object)) * dtype.itemsize
    to = to or alignment()
    memory = np.empty(max(nbytes, 0) + to, np.uint8)
    return np.ndarray(shape, dtype, memory, -address_of(memory) % to)


def address_of(value: np.ndarray[Any, Any]) -> int:
    """Where the elements of a C-contiguous array begin."""
    return int(_cast("uintptr_t", _from_buffer(value)))


def alignment() -> int:
    """What the address of an argument of this runtime's kernels must be a multiple of, in bytes."""
    global _alignment
    if not _alignment:
        _alignment = load_runtime().alignment
    return _alignment


def problem_of(value: np.ndarray[Any, Any]) -> str:
    """Why an array cannot go to the runtime where it is: a key of `ADVICE`; empty if it can."""
    flags = value.flags
    if not flags.c_contiguous:
        return "not C-contiguous"
    if not value.dtype.isnative:
        return "of a foreign byte order"
    if not flags.writeable:
        return "read-only"
    return "not aligned" if value.nbytes and address_of(value) % alignment() else ""


def explain(what: str, value: np.ndarray[Any, Any], problem: str) -> str:
    """A sentence on an array that cannot go where it is, and what to do."""
    return _explain(what, value.dtype, value.shape, problem)


@functools.lru_cache(maxsize=256)
def _explain(what: str, dtype: Any, shape: tuple[int, ...], problem: str) -> str:
    DataType(dtype)  # where TVM has no such type, that is the error
    needs = f" to {alignment()} bytes" if problem == "not aligned" else ""
    return f"{what} ({dtype}{list(shape)}) is {problem}{needs}: {ADVICE[problem]}"


def warn(place: int, first: Copied, count: int) -> None:
    """Warns of copies in a call, at the line outside of tvmbind that made it; Python shows it once for each such line.

    Parameters
    ----------
    place : int
        Of the first argument that is copied.
    first : Copied
    count : int
        How many are.
    """
    others = f", and so {'is' if count == 2 else 'are'} {count - 1} more" if count > 1 else ""
    text = f"{explain(f'argument {place}', first.value, first.problem)}. It is copied for the call{others}"
    level, frame = 2, sys._getframe(1)
    while frame.f_back is not None and frame.f_globals.get("__name__", "").partition(".")[0] == "tvmbind":
        level, frame = level + 1, frame.f_back
    warnings.warn(text, PerformanceWarning, stacklevel=level)


def _warn_of_unaligned(place: int, value: np.ndarray[Any, Any], count: int) -> None:
    warn(place, Copied(value, "not aligned"), count)


def write_array(value: np.ndarray[Any, Any], texts: list[bytes], tensors: list[Any], keep: list[Any]) -> int:
    """Adds an array to a packet: its description and its memory."""
    flags = value.flags
    key = (value.dtype, value.shape, flags.writeable)
    description = _descriptions.get(key)
    if description is None:
        description = _describe(value, flags.writeable)
        _descriptions[key] = description
    problem = problem_of(value)
    if problem:
        keep.append(Copied(value, problem))
    if not flags.c_contiguous or not value.dtype.isnative:
        value = copied(value, flags.writeable, keep)
    tensors.append(description)
    tensors.append(_from_buffer(value))
    return 0


def write_shared(value: Any, keep: list[Any]) -> int:
    """The handle of an array with the memory of another library's, which is kept; of a copy where TVM cannot use it."""
    for kept in keep:
        if type(kept) is tuple and kept[0] is value:
            return kept[1]._handle  # type: ignore[no-any-return]
    found = encode.share(value)
    if type(found) is Unshared:
        view, found = found.view, callback.make_array(found.view)
        keep.append(Copied(view, problem_of(view)))
        if view.flags.writeable:
            keep.append(_put_back(view, np.asarray(found)))
    keep.append((value, found))
    return found._handle  # type: ignore[no-any-return]


def _put_back(value: np.ndarray[Any, Any], copy: np.ndarray[Any, Any]) -> Restore:
    before = copy.tobytes()

    def put_back() -> None:
        if copy.tobytes() != before:
            value[...] = copy

    return Restore(put_back)


def _describe(value: np.ndarray[Any, Any], writable: bool) -> Any:
    """A tvmb_tensor and its shape, as memory of C's."""
    dtype = DataType(value.dtype)
    if len(_descriptions) >= 4096:
        _descriptions.clear()
    packed = struct.pack(
        f"=qiiiBBH{value.ndim}q",
        value.nbytes, value.ndim, alignment(), writable,
        dtype.type_code, dtype.bits, dtype.lanes, *value.shape,
    )  # fmt: skip
    return ffi.new("char[]", packed)


def copied(value: np.ndarray[Any, Any], writable: bool, keep: list[Any]) -> np.ndarray[Any, Any]:
    """A C-contiguous copy; what the call changes in it goes back to where it came from."""
    # The same array given twice stays one piece of memory.
    for kept in keep:
        if type(kept) is tuple and kept[0] is value:
            return kept[1]  # type: ignore[no-any-return]
    copy = aligned_memory(value.shape, value.dtype.newbyteorder("="))
    copy[...] = value
    keep.append((value, copy))
    if writable:
        keep.append(_put_back(value, copy))
    return copy


def _tell_fast_core() -> None:
    from . import NAME

    if NAME == "fast":
        from . import _fast

        dtype = DataType("bool")
        _fast.register_ndarray(np.ndarray, alignment(), dtype.type_code, dtype.bits, _warn_of_unaligned)


_tell_fast_core()
