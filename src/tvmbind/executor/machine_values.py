"""Arguments and results of virtual machines: arrays that a machine can keep, and tuples.

A machine may keep an argument, or return it, so an array of numpy's becomes an `NDArray` first, of its own memory where
a kernel can read that (see `asarray`), else of a copy: memory that is only lent for a call never reaches one.
"""

from __future__ import annotations

from typing import Any, Optional

from ..borrowed import BorrowedNDArray
from ..container import ADT, Array
from ..errors import ZeroCopyError
from ..interchange import asarray
from ..ndarray import NDArray, array, readable
from .inputs import TensorInfo, fitting


def is_array(value: Any) -> bool:
    """Whether a value is a tensor: an NDArray, numpy's, or what says that it can be one."""
    return any(hasattr(value, each) for each in ("__dlpack__", "__array_interface__", "__array__"))


def tensor(value: Any, info: Optional[TensorInfo] = None, copy: Optional[bool] = None) -> NDArray:
    """An array that a machine can keep: the caller's memory where kernels can read it, else a copy.

    Parameters
    ----------
    value : NDArray or array_like
    info : TensorInfo, optional
        What it has to fit.
    copy : bool, optional
        As `asarray` has it.

    Raises
    ------
    TypeError, ValueError
        If it does not fit what is known of the input.
    ZeroCopyError
        If `copy` is False, and one is needed.
    """
    fit = value if info is None else fitting(value, info, copy=copy)
    if not isinstance(fit, NDArray) or copy:
        return asarray(fit, copy)
    usable = not isinstance(fit, BorrowedNDArray) and readable(fit)
    if not usable and copy is False:
        why = "is lent to a callback and ends with it" if fit.is_view else "is not C-contiguous, or not aligned"
        raise ZeroCopyError(f"the array for {info.name!r} {why}" if info else f"the array {why}")
    return fit if usable else array(fit.numpy())


def as_tuples(result: Any) -> Any:
    """A function's result with Python's tuples for those of TVM's."""
    if isinstance(result, Array) or (isinstance(result, ADT) and result.tag == 0):
        return tuple(as_tuples(each) for each in result)
    return result


def tensors_of(result: Any) -> list[Any]:
    """The parts of a result, those of tuples in tuples one after the other."""
    return [each for part in result for each in tensors_of(part)] if isinstance(result, tuple) else [result]


__all__ = ["as_tuples", "is_array", "tensor", "tensors_of"]
