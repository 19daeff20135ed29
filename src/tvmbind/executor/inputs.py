"""What a model takes and gives, and the check that a value fits: the runtime checks almost nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Optional, Union

from ..dtype import DataType
from ..interchange import asarray, memory_of
from ..ndarray import NDArray

if TYPE_CHECKING:
    import numpy as np


class TensorInfo(NamedTuple):
    """An input or output of a model.

    Attributes
    ----------
    name : str
        Empty for an output without one.
    shape : tuple of int or str
        A dimension that is known only at run time has its name, or ``"?"``. None where nothing tells the
        shape (a virtual machine's may not), or it is no tensor but a tuple, a shape, a number.
    dtype : DataType
        None where nothing tells, as for the shape.
    """

    name: str
    shape: Optional[tuple[Union[int, str], ...]]
    dtype: Optional[DataType]

    def __str__(self) -> str:
        extents = "[...]" if self.shape is None else f"[{', '.join(map(str, self.shape))}]"
        what = f"{self.dtype}{extents}" if self.dtype else "?"
        return f"{self.name}: {what}" if self.name else what


def fitting(value: Any, info: TensorInfo, what: str = "input", copy: Optional[bool] = None) -> Any:
    """The value, if it fits an input (or what it is called): an NDArray as it is, else a numpy array.

    Python numbers and lists have no element type of their own and take the input's. If `copy` is False, only what has
    memory of its own fits.

    Raises
    ------
    ZeroCopyError
        If `copy` is False, and there would be one already here.
    TypeError
        If the element type differs; of Python numbers, if they are no ints and the input's are.
    OverflowError
        If Python ints do not fit the input's element type.
    ValueError
        If the shape differs.
    """
    if isinstance(value, NDArray):
        dtype: str = value.dtype
    else:
        if value is None or isinstance(value, (str, bytes)):
            raise TypeError(f"{what} {info.name!r} takes an array of {info.dtype}, got {type(value).__name__}")
        import numpy as np

        if not isinstance(value, (np.ndarray, np.generic)):
            plain = isinstance(value, (list, tuple, int, float))
            if not plain and hasattr(value, "__dlpack__"):
                return fitting(asarray(value, copy=False if copy is False else None), info, what)
            if copy is False:
                value = asarray(value, copy=False).numpy()
            value = _plain(np.asarray(value), info, what) if plain and info.dtype else np.asarray(value)
        dtype = _dtype_name(value)
    if info.dtype is not None and dtype != info.dtype:
        advice = "" if isinstance(value, NDArray) else f"; use x.astype({str(info.dtype)!r})"
        raise TypeError(f"{what} {info.name!r} takes {info.dtype}, got {dtype}{advice}")
    shape = tuple(value.shape)
    if info.shape is not None and (
        len(shape) != len(info.shape)
        or any(isinstance(wanted, int) and wanted != given for wanted, given in zip(info.shape, shape))
    ):
        raise ValueError(f"{what} {info.name!r} takes shape {info.shape}, got {shape}")
    return value


def _plain(found: np.ndarray[Any, Any], info: TensorInfo, what: str) -> np.ndarray[Any, Any]:
    """Python's numbers, of numpy's choice of type, in an input's element type: numpy would cut them off to fit."""
    import numpy as np

    assert info.dtype is not None
    dtype = info.dtype.numpy()
    if dtype.kind in "iu":
        if found.dtype.kind not in "biu" and found.size:
            numbers = "ints that fit in no type of numpy's" if found.dtype.kind == "O" else f"numbers of {found.dtype}"
            raise TypeError(f"{what} {info.name!r} takes {info.dtype}, got {numbers}")
        limits = np.iinfo(dtype)
        if found.size and (found.min() < limits.min or found.max() > limits.max):
            wanted = f"{info.dtype}: {limits.min} to {limits.max}"
            raise OverflowError(f"{what} {info.name!r} takes {wanted}, got {found!r:.80}")
    return found.astype(dtype)


def _dtype_name(value: Any) -> str:
    try:
        return DataType(value.dtype if value.dtype.isnative else value.dtype.newbyteorder("="))
    except TypeError:
        return str(value.dtype)


def copied(found: NDArray, out: Any) -> NDArray:
    """Copies an array to another, or to a numpy array, of the same shape and element type; returns that."""
    if isinstance(out, NDArray):
        return out.copyfrom(found)
    import numpy as np

    if hasattr(out, "__dlpack__") and not isinstance(out, (np.ndarray, np.generic)):
        copied(found, memory_of(out))
        return out  # type: ignore[no-any-return]
    if not isinstance(out, np.ndarray):
        raise TypeError(f"expected an NDArray or a numpy array to copy to, got {type(out).__name__}")
    view = found.numpy()
    if out.shape != view.shape or out.dtype != view.dtype:
        raise ValueError(f"cannot copy {found.dtype}{list(found.shape)} into {out.dtype}{list(out.shape)}")
    out[...] = view
    return out  # type: ignore[return-value]


def target(value: Any, info: TensorInfo) -> Any:
    """Where an output may go, if it fits: an NDArray, or a numpy array that can be written to.

    Another library's array becomes one of those, with its memory.
    """
    import numpy as np

    if hasattr(value, "__dlpack__") and not isinstance(value, (NDArray, np.ndarray, np.generic)):
        value = memory_of(value)
    if not isinstance(value, (NDArray, np.ndarray)):
        raise TypeError(f"expected an NDArray or a numpy array for an output, got {type(value).__name__}")
    if not isinstance(value, NDArray) and not value.flags.writeable:
        raise ValueError("the array for an output is read-only")
    return fitting(value, info, "output")
