"""Arrays of numpy's of every layout, made the same way each time."""

from __future__ import annotations

from typing import Any

import numpy as np

import tvmbind as tvm

#: What can be done to the layout of an array: the values stay what they are for numpy, the memory does not.
LAYOUTS = {
    "plain": lambda x: x,
    "strided": lambda x: np.repeat(x, 2, axis=-1)[..., ::2] if x.ndim else x,
    "reversed": lambda x: x[::-1].copy()[::-1] if x.ndim else x,
    "Fortran": np.asfortranarray,
    "transposed": lambda x: x.T.copy().T,
    "broadcast": lambda x: np.broadcast_to(x[:1], x.shape).copy() if x.ndim and x.size else x,
    "big-endian": lambda x: x.astype(x.dtype.newbyteorder(">")) if x.dtype.kind in "iufc" else x,
    "middle": lambda x: np.pad(x, 1)[tuple(slice(1, -1) for _ in x.shape)] if x.ndim else x,
}


def at_offset(x: Any, offset: int) -> Any:
    """A C-contiguous copy, `offset` bytes behind an address that 128 divides."""
    raw = tvm.aligned_empty((x.nbytes + offset,), "uint8")
    made = raw[offset:].view(x.dtype).reshape(x.shape)
    made[...] = x
    return made


def make_array(
    dtype: str, shape: tuple[int, ...], seed: int, layout: str = "plain", offset: int = 0, writable: bool = True
) -> Any:
    """An array with values that every element type can hold, in a layout of `LAYOUTS`."""
    element = tvm.DataType(dtype).numpy()
    size = int(np.prod(shape))
    values = (np.arange(seed, seed + size) % (2 if dtype == "bool" else 50)).astype(element).reshape(shape)
    x = LAYOUTS[layout](values)
    if layout == "broadcast" and x.ndim and x.size and not writable:
        x = np.broadcast_to(values[:1], shape)
    if x.flags.c_contiguous:  # else where it is does not matter, and here it is not left to chance
        x = at_offset(x, offset)
    x.flags.writeable = writable
    return x
