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
from .encode import Packet

_from_buffer = ffi.from_buffer
_descriptions: dict[tuple[Any, tuple[int, ...], bool], bytes] = {}


def write_array(value: np.ndarray[Any, Any], packet: Packet) -> int:
    """Adds an array to a packet; returns the offset of its description."""
    flags = value.flags
    writable = flags.writeable
    key = (value.dtype, value.shape, writable)
    description = _descriptions.get(key)
    if description is None:
        description = _describe(value, writable)
        _descriptions[key] = description
    if not flags.c_contiguous or not value.dtype.isnative:
        value = _contiguous(value, writable, packet)
    packet.buffers.append(_from_buffer(value))
    offset = packet.size
    packet.tail.append(description)
    packet.size += len(description)
    return offset


def _describe(value: np.ndarray[Any, Any], writable: bool) -> bytes:
    dtype = DataType(value.dtype)
    if len(_descriptions) >= 4096:
        _descriptions.clear()
    return struct.pack(
        f"=qiiiBBH{value.ndim}q",
        value.nbytes, value.ndim, load_runtime().alignment, writable,
        dtype.type_code, dtype.bits, dtype.lanes, *value.shape,
    )  # fmt: skip


def _contiguous(value: np.ndarray[Any, Any], writable: bool, packet: Packet) -> np.ndarray[Any, Any]:
    # The same array given twice stays one piece of memory.
    for kept in packet.keep:
        if type(kept) is tuple and kept[0] is value:
            return kept[1]  # type: ignore[no-any-return]
    copy = np.array(value, dtype=value.dtype.newbyteorder("="), order="C")
    packet.keep.append((value, copy))
    if writable:
        before = copy.tobytes()

        def put_back() -> None:
            if copy.tobytes() != before:
                value[...] = copy

        packet.after.append(put_back)
    return copy
