"""What a model takes and gives, and the check that a value fits: the runtime checks almost nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Union

from ..dtype import DataType
from ..ndarray import NDArray


@dataclass(frozen=True)
class TensorInfo:
    """An input or output of a model.

    Attributes
    ----------
    name : str
        Empty for an output without one.
    shape : tuple of int or str
        A dimension that is known only at run time has its name, or ``"?"``.
    dtype : DataType
    """

    name: str
    shape: tuple[Union[int, str], ...]
    dtype: DataType

    def __str__(self) -> str:
        return f"{self.name}: {self.dtype}[{', '.join(map(str, self.shape))}]"


def fitting(value: Any, info: TensorInfo) -> Any:
    """The value, if it fits an input: an NDArray as it is, else a numpy array.

    Python numbers and lists have no element type of their own and take the input's.

    Raises
    ------
    TypeError
        If the element type differs.
    ValueError
        If the shape differs.
    """
    if isinstance(value, NDArray):
        dtype: str = value.dtype
    else:
        import numpy as np

        if not isinstance(value, (np.ndarray, np.generic)):
            plain = isinstance(value, (list, tuple, int, float))
            value = np.asarray(value, info.dtype.numpy() if plain else None)
        dtype = _dtype_name(value)
    if dtype != info.dtype:
        advice = "" if isinstance(value, NDArray) else f"; use x.astype({str(info.dtype)!r})"
        raise TypeError(f"input {info.name!r} takes {info.dtype}, got {dtype}{advice}")
    shape = tuple(value.shape)
    if len(shape) != len(info.shape) or any(
        isinstance(wanted, int) and wanted != given for wanted, given in zip(info.shape, shape)
    ):
        raise ValueError(f"input {info.name!r} takes shape {info.shape}, got {shape}")
    return value


def _dtype_name(value: Any) -> str:
    try:
        return DataType(value.dtype.newbyteorder("=") if value.dtype.kind != "V" else value.dtype)
    except TypeError:
        return str(value.dtype)

