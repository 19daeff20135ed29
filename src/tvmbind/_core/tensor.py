"""numpy arrays as arguments: borrowed for the time of a call, without a copy where that is safe.

Kernels use aligned moves, so memory that is not aligned for this runtime never reaches one: csrc/call.c
copies it in, and back where the call changed it. What a DLTensor without strides cannot say (strides,
foreign byte order) is copied here, and back.
"""

from __future__ import annotations

import struct
from typing import Any

import numpy as np

from .._tvm import ffi
from ..dtype import DataType
from ..library import load_runtime
from .encode import Restore

_from_buffer = ffi.from_buffer
_descriptions: dict[tuple[Any, tuple[int, ...], bool], Any] = {}


def write_array(value: np.ndarray[Any, Any], texts: list[bytes], tensors: list[Any], keep: list[Any]) -> int:
    """Adds an array to a packet: its description and its memory."""
    flags = value.flags
    key = (value.dtype, value.shape, flags.writeable)
    description = _descriptions.get(key)
    if description is None:
        description = _describe(value, flags.writeable)
        _descriptions[key] = description
    if not flags.c_contiguous or not value.dtype.isnative:
        value = _contiguous(value, flags.writeable, keep)
    tensors.append(description)
    tensors.append(_from_buffer(value))
    return 0


def _describe(value: np.ndarray[Any, Any], writable: bool) -> Any:
    """A tvmb_tensor and its shape, as memory of C's."""
    dtype = DataType(value.dtype)
    if len(_descriptions) >= 4096:
        _descriptions.clear()
    packed = struct.pack(
        f"=qiiiBBH{value.ndim}q",
        value.nbytes, value.ndim, load_runtime().alignment, writable,
        dtype.type_code, dtype.bits, dtype.lanes, *value.shape,
    )  # fmt: skip
    return ffi.new("char[]", packed)


def _contiguous(value: np.ndarray[Any, Any], writable: bool, keep: list[Any]) -> np.ndarray[Any, Any]:
    # The same array given twice stays one piece of memory.
    for kept in keep:
        if type(kept) is tuple and kept[0] is value:
            return kept[1]  # type: ignore[no-any-return]
    copy = np.array(value, dtype=value.dtype.newbyteorder("="), order="C")
    keep.append((value, copy))
    if writable:
        before = copy.tobytes()

        def put_back() -> None:
            if copy.tobytes() != before:
                value[...] = copy

        keep.append(Restore(put_back))
    return copy
