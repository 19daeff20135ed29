"""``from_dlpack``, ``asarray``: arrays of other libraries as TVM's, without a copy where their memory allows it.

Sources: DLPack's Python specification, the array API standard (``from_dlpack``, ``asarray``), numpy 2 (``copy``).
What TVM asks of memory: TVM's ``NDArray::FromDLPack`` (runtime/ndarray.cc): C-contiguous, aligned; and one thing that
it does not ask, and kernels do not know: that it may be written to.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Optional, Union

from . import _core
from ._core.capsule import AVAILABLE, Foreign, consume, export, look
from ._core.encode import Unshared
from ._tvm import ffi, lib
from .borrowed import BorrowedNDArray
from .device import Device
from .dtype import DataType, _code_of, of_dlpack, to_dlpack
from .errors import TVMError, ZeroCopyError
from .library import load_runtime
from .ndarray import HOST, PADDED, NDArray, array, contiguous

if TYPE_CHECKING:
    import numpy as np

_READ_ONLY = 1  # DLPACK_FLAG_BITMASK_READ_ONLY
_ALIGNMENT = 128  # what every runtime is content with, in bytes


def from_dlpack(x: Any) -> NDArray:
    """An array with the memory of another library's: never a copy.

    Parameters
    ----------
    x : object with ``__dlpack__`` or the buffer protocol, or a DLPack capsule
        numpy's, torch's, jax's, ...; an NDArray too.

    Returns
    -------
    NDArray
        Writing to either is writing to both. It keeps the memory alive, wherever the runtime still uses it.

    Raises
    ------
    ZeroCopyError
        If TVM cannot use the memory where it is (strided, not aligned, read-only); also a ``BufferError``.
    TypeError
        If it is no such object, or of an element type that TVM has not.
    TVMError
        If it is on a device that this runtime has not.
    """
    if not isinstance(x, NDArray) and not _shares_memory(x):
        raise TypeError(f"a {type(x).__name__} has no memory to share: expected an object with __dlpack__ or a buffer")
    found = _take(x)
    if isinstance(found, NDArray):
        return found
    raise ZeroCopyError(f"{found.problem}; array(x) copies it")


from_dlpack = _core.quicken(from_dlpack, "(x)")


def asarray(x: Any, copy: Optional[bool] = None) -> NDArray:
    """The values as an array of TVM's.

    Parameters
    ----------
    x : NDArray, or object with ``__dlpack__`` or the buffer protocol, or array_like
    copy : bool, optional
        As numpy 2 has it. None: the memory itself where TVM can use it (C-contiguous, aligned as `runtime_info`
        says, writable, of a type that TVM has), else a copy. False: never a copy. True: always one.

    Returns
    -------
    NDArray
        `x` itself, if it is one and need not be copied.

    Raises
    ------
    ZeroCopyError
        If `copy` is False and a copy would be needed; says why. Also a ``ValueError``.
    TypeError
        If the elements are of a type that TVM has not.
    """
    if isinstance(x, NDArray):
        return x.copy() if copy else x
    if _shares_memory(x):
        found = _take(x)
        if isinstance(found, NDArray):
            return found.copy() if copy else found
        if copy is not False:
            return array(found.view)
        raise ZeroCopyError(f"{found.problem}, or allow a copy")
    if copy is False:
        raise ZeroCopyError(f"a {type(x).__name__} has no memory that TVM could use: make a numpy array of it")
    return array(x)


asarray = _core.quicken(asarray, "(x, copy=None)")


def memory_of(x: Any) -> Any:
    """The memory of an object with ``__dlpack__``, to write to: an NDArray, or numpy's view where TVM cannot use it."""
    found = _take(x)
    return found.view if isinstance(found, Unshared) else found


def aligned_empty(shape: Union[int, Sequence[int]], dtype: Any = "float32") -> np.ndarray[Any, Any]:
    """A new numpy array that every runtime can use where it is: C-contiguous, at an address that 128 divides.

    numpy's own arrays nearly never are.

    Parameters
    ----------
    shape : sequence of int, or int
    dtype : str or DataType or numpy.dtype

    Returns
    -------
    numpy.ndarray
        With whatever is in its memory.
    """
    from ._core.tensor import aligned_memory

    extents: Any = (shape,) if hasattr(shape, "__index__") else tuple(shape)  # type: ignore[arg-type]
    return aligned_memory(extents, DataType(dtype).numpy(), _ALIGNMENT)


def _shares_memory(x: Any) -> bool:
    import numpy as np

    if isinstance(x, np.generic):  # it shows memory too, each time another copy
        return False
    if hasattr(x, "__dlpack__") or hasattr(x, "__array_interface__") or _is_capsule(x):
        return True
    try:
        memoryview(x).release()
        return True
    except (TypeError, BufferError, ValueError):
        return False


def _is_capsule(x: Any) -> bool:
    return type(x).__name__ == "PyCapsule"


def _take(x: Any) -> Union[NDArray, Unshared]:
    """An array with the memory of `x`, or else a numpy view of it with the reason."""
    import numpy as np

    if isinstance(x, NDArray):
        if isinstance(x, BorrowedNDArray):
            raise ZeroCopyError("a tensor that is lent to a callback ends with it; x.copy() does not")
        return _take_capsule(x.__dlpack__(max_version=(1, 0))) if AVAILABLE else _again(x)
    if isinstance(x, np.ndarray):
        return _take_numpy(x)
    if _is_capsule(x):
        return _take_capsule(x)
    if AVAILABLE and hasattr(x, "__dlpack__"):
        return _take_capsule(_capsule_of(x))
    seen = hasattr(x, "__array_interface__") or hasattr(x, "__dlpack__")  # else bytes are text for numpy
    return _take_numpy(np.asarray(x if seen else memoryview(x)))


def _again(x: NDArray) -> NDArray:
    """Another object of the runtime's for the memory of an array, where no capsule can carry it."""
    x._open_handle()
    foreign = export(x, True, *to_dlpack(x.dtype), 0)
    return _core.adopt_foreign(NDArray, foreign, *_code_of(x.dtype))  # type: ignore[no-any-return]


def _take_numpy(x: np.ndarray[Any, Any]) -> Union[NDArray, Unshared]:
    from ._core.tensor import explain, problem_of

    made = _core.adopt(NDArray, x)
    if made is not NotImplemented:
        return made  # type: ignore[no-any-return]
    dtype = DataType(x.dtype if x.dtype.isnative else x.dtype.newbyteorder("="))
    problem = problem_of(x)
    if problem:
        return Unshared(x, explain("a numpy array", x, problem))
    if not x.size:  # nothing is shared, and where it is does not matter
        return array(x)
    load_runtime()
    memory = ffi.from_buffer(x, require_writable=True)
    shape = x.shape[: x.ndim - len(dtype.numpy().shape)] if dtype.lanes > 1 else x.shape
    return _core.adopt_memory(NDArray, memory, shape, *_code_of(dtype))  # type: ignore[no-any-return]


def _capsule_of(x: Any) -> Any:
    device = Device(*map(int, x.__dlpack_device__())) if hasattr(x, "__dlpack_device__") else None
    if device is not None and device.device_type not in HOST and not device.exist:
        raise TVMError(f"the array is on {device}, which this runtime has not; move it to the host first")
    try:
        return x.__dlpack__(max_version=(1, 0))
    except TypeError:  # of a library from before DLPack 1.0
        return x.__dlpack__()


def _take_capsule(capsule: Any) -> Union[NDArray, Unshared]:
    load_runtime()
    if not AVAILABLE:
        raise TypeError("this Python has no DLPack capsules: pass the object itself")
    made = _core.adopt_capsule(NDArray, capsule)
    if made is not NotImplemented:
        return made  # type: ignore[no-any-return]
    foreign = look(capsule)
    if foreign is None:
        raise ValueError(f"{capsule!r} is no DLPack capsule, or it was used before: each serves once")
    managed = foreign.managed
    if foreign.versioned and managed.version.major != 1:
        raise ZeroCopyError(f"the array comes as DLPack {managed.version.major}, and tvmbind knows 0 and 1")
    tensor = managed.dl_tensor
    if tensor.ndim < 0 or any(extent < 0 for extent in _extents(tensor.shape, tensor.ndim)):
        raise ValueError("the capsule's tensor has a negative extent or number of dimensions: its producer erred")
    dtype = of_dlpack(tensor.dtype.code, tensor.dtype.bits, tensor.dtype.lanes)
    if tensor.dtype.bits * tensor.dtype.lanes % 8 and not (foreign.versioned and managed.flags & PADDED):
        raise TypeError(f"the array packs several elements of {dtype} into a byte, and TVM gives each its own")
    problem = _problem(tensor, dtype, bool(foreign.versioned and managed.flags & _READ_ONLY))
    if not problem:
        numbers = _code_of(dtype)
        consume(capsule, foreign)  # first: whatever is raised in between, there are never two owners
        return _core.adopt_foreign(NDArray, foreign, *numbers)  # type: ignore[no-any-return]
    if tensor.device.device_type not in HOST:
        raise ZeroCopyError(problem)
    consume(capsule, foreign)
    view = _Owned(foreign).view(dtype)
    return Unshared(view, problem) if view.size else array(view)


def _problem(tensor: Any, dtype: DataType, read_only: bool) -> str:
    from ._core.tensor import ADVICE, alignment

    shape = _extents(tensor.shape, tensor.ndim)
    what, needs = "", ""
    if read_only:
        what = "read-only"
    elif tensor.strides and not contiguous(shape, _extents(tensor.strides, tensor.ndim)):
        what = "not C-contiguous"
    elif tensor.device.device_type in HOST and _start(tensor) % alignment():
        what, needs = "not aligned", f" to {alignment()} bytes"
    return f"a {dtype}{list(shape)} array is {what}{needs}: {ADVICE[what]}" if what else ""


def _extents(numbers: Any, ndim: int) -> tuple[int, ...]:
    return tuple(ffi.unpack(numbers, ndim)) if ndim else ()


def _start(tensor: Any) -> int:
    return int(ffi.cast("uintptr_t", tensor.data)) + int(tensor.byte_offset)


class _Owned:
    """A managed tensor that is ours to delete; views of its memory keep it."""

    __slots__ = ("_foreign",)

    def __init__(self, foreign: Foreign) -> None:
        self._foreign = foreign

    def keep(self, memory: Any) -> None:
        """Does nothing; holding this bound method is what keeps the tensor."""

    def __del__(self, _delete: Any = lib.tvmb_delete_managed) -> None:
        _delete(*self._foreign)

    def view(self, dtype: DataType) -> np.ndarray[Any, Any]:
        """The elements, as a numpy array that keeps this object."""
        import numpy as np

        tensor = self._foreign.managed.dl_tensor
        shape, element = _extents(tensor.shape, tensor.ndim), dtype.numpy()
        steps = _extents(tensor.strides, tensor.ndim) if tensor.strides else None
        low = high = 0
        for extent, step in zip(shape, steps or ()):
            reach = (extent - 1) * step * element.itemsize
            low, high = low + min(reach, 0), high + max(reach, 0)
        nbytes = high - low + element.itemsize if steps else int(np.prod(shape, dtype=object)) * element.itemsize
        if 0 in shape:
            return np.empty(shape, element)
        memory = ffi.gc(ffi.cast("char *", _start(tensor) + low), self.keep)
        strides = None if steps is None else tuple(step * element.itemsize for step in steps)
        made = np.ndarray(shape, element, ffi.buffer(memory, nbytes), -low, strides)
        made.flags.writeable = not (self._foreign.versioned and self._foreign.managed.flags & _READ_ONLY)
        return made


_core.set_sharer(_take)

__all__ = ["aligned_empty", "asarray", "from_dlpack"]
