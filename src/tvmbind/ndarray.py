"""``NDArray``: an n-dimensional array that the runtime owns, or lends.

Source: TVM's ``runtime/ndarray.h``, dlpack.h.
"""

from __future__ import annotations

from collections.abc import Sequence
from operator import index
from typing import TYPE_CHECKING, Any, Optional, Union

from . import _core
from ._core import ArrayHandle, check, lend
from ._core.capsule import AVAILABLE
from ._tvm import ffi, lib
from .device import Device, cpu
from .dtype import DataType, _code_of, to_dlpack
from .errors import TVMError, ZeroCopyError
from .library import load_runtime

if TYPE_CHECKING:
    import numpy as np

_NDARRAY = 13  # kTVMNDArrayHandle
_tensor_pointer = ffi.typeof("DLTensor *")
_char_pointer = ffi.typeof("char *")
HOST = (1, 3, 11)  # kDLCPU, kDLCUDAHost, kDLROCMHost: memory that the processor reads
_LARGEST = 2**62
_IS_COPIED, PADDED = 2, 4  # flags of DLPack's: IS_COPIED, IS_SUBBYTE_TYPE_PADDED
_CPU = cpu(0)


class NDArray(ArrayHandle):
    """An array of TVM's: shape, element type, device and memory.

    Made by `empty`, `array`, and the functions that return one. The memory lives as long as this object, or
    any view of it, does.
    """

    __slots__ = ()

    _dtype: Optional[DataType]
    _memory: Any  # a numpy array, of which each view is one
    _shape: Optional[tuple[int, ...]]
    _tensor: Any

    _free = lib.tvmb_free_array

    def _dl(self) -> Any:
        """The DLTensor, as cdata."""
        if self._tensor is None or not self._handle:
            self._tensor = ffi.cast(_tensor_pointer, self._open_handle())
        return self._tensor

    @property
    def shape(self) -> tuple[int, ...]:
        """The extent of each dimension."""
        if self._shape is None or not self._handle:
            tensor = self._dl()
            self._shape = tuple(ffi.unpack(tensor.shape, tensor.ndim)) if tensor.ndim else ()
        return self._shape

    @property
    def dtype(self) -> DataType:
        """The type of an element; compares equal to TVM's name of it."""
        if self._dtype is None or not self._handle:
            dtype = self._dl().dtype
            self._dtype = DataType.from_code(dtype.code, dtype.bits, dtype.lanes)
        return self._dtype

    @property
    def device(self) -> Device:
        """Where the memory is."""
        device = self._dl().device
        return Device(device.device_type, device.device_id)

    @property
    def ndim(self) -> int:
        """How many dimensions."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """How many elements."""
        size = 1
        for extent in self.shape:
            size *= extent
        return size

    @property
    def nbytes(self) -> int:
        """Bytes of all elements; a bool is one byte."""
        return self.size * self.dtype.itemsize

    @property
    def strides(self) -> Optional[tuple[int, ...]]:
        """Distance between neighbours in each dimension, in elements; None if C-contiguous (as in DLPack)."""
        tensor = self._dl()
        if not (tensor.strides and tensor.ndim):
            return None
        # tvm-ffi spells out what need not be said.
        strides = tuple(ffi.unpack(tensor.strides, tensor.ndim))
        return None if contiguous(self.shape, strides) else strides

    @property
    def byte_offset(self) -> int:
        """Where the first element is, in bytes from the start of the memory."""
        return int(self._dl().byte_offset)

    @property
    def is_view(self) -> bool:
        """Whether the memory is lent by a caller (a callback's tensor argument), not owned."""
        return False

    def numpy(self) -> np.ndarray[Any, Any]:
        """The elements as a numpy array: a view, not a copy, for arrays on the host.

        The view keeps the memory alive, also when this object is closed. For a device's array it is a copy.

        Returns
        -------
        numpy.ndarray
            Of `shape`; writing to it writes to this array. The dtype is numpy's counterpart of `dtype`;
            a vector type has its lanes as one more dimension.

        Raises
        ------
        TypeError
            If numpy has no such element type (``bfloat16`` needs the package ``ml_dtypes``).
        """
        import numpy as np

        known = self._memory
        if known is None:
            known = lend(self)
        if known is not None:
            return known[...]  # type: ignore[no-any-return]
        owner = self._leased()  # first of all: another thread may close this
        dtype = self.dtype.numpy()
        tensor = self._dl()
        if tensor.device.device_type not in HOST:
            return self._copy_to_host(np.empty(self.shape, dtype))
        start = ffi.cast(_char_pointer, tensor.data) + tensor.byte_offset
        # The buffer keeps this cdata, the cdata its destructor, and that the lease: no view dangles.
        memory = ffi.gc(start, owner.keep)
        if self.strides is not None:
            return self._strided(memory, dtype)
        self._memory = known = np.ndarray(self.shape, dtype, ffi.buffer(memory, self.nbytes))
        return known[...]

    def _strided(self, memory: Any, dtype: Any) -> np.ndarray[Any, Any]:
        import numpy as np

        strides = [stride * self.dtype.itemsize for stride in self.strides or ()]
        if any(stride < 0 for stride in strides):
            raise TVMError(f"an array with negative strides {self.strides} cannot be viewed")
        extent = sum((n - 1) * s for n, s in zip(self.shape, strides)) + self.dtype.itemsize if self.size else 0
        return np.ndarray(self.shape, dtype, ffi.buffer(memory, extent), strides=strides)

    def _copy_to_host(self, target: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        memory, kept = ffi.from_buffer(target, require_writable=True), self._leased()
        check(lib.TVMArrayCopyToBytes(self._dl(), memory, target.nbytes))
        check(lib.TVMSynchronize(*self.device, ffi.NULL))
        del kept
        return target

    def copyfrom(self, source: Any) -> NDArray:
        """Copies elements into this array.

        Parameters
        ----------
        source : NDArray or array_like
            Of the same shape. Of an NDArray also the element type must be the same; anything else is
            converted to this array's type as ``numpy.asarray`` would.

        Returns
        -------
        NDArray
            This array.

        Raises
        ------
        ValueError
            If the shapes differ.
        TypeError
            If the element types of two NDArrays differ.
        """
        if isinstance(source, NDArray):
            if _core.copy_array(source, self):
                return self
            self._check_same(source)
            return self._take(source)
        import numpy as np

        dtype = self.dtype.numpy()
        given = np.asarray(source)
        if given.dtype != dtype and not _convertible(given.dtype, dtype):
            raise TypeError(f"cannot copy elements of numpy's {given.dtype} into an array of {self.dtype}")
        shape = self.shape + dtype.shape
        if given.shape != shape:
            raise ValueError(f"cannot copy an array of shape {given.shape} into one of shape {self.shape}")
        if self._dl().device.device_type in HOST:
            np.copyto(self.numpy(), given, casting="unsafe")
            return self
        host = np.ascontiguousarray(given, dtype.base)
        check(lib.TVMArrayCopyFromBytes(self._dl(), ffi.from_buffer(host), host.nbytes))
        return self

    def copyto(self, target: Union[NDArray, Device]) -> NDArray:
        """Copies the elements to another array, or to a new one on a device.

        Parameters
        ----------
        target : NDArray or Device
            An array must have the same shape and element type.

        Returns
        -------
        NDArray
            The array copied to.
        """
        if isinstance(target, NDArray):
            return target.copyfrom(self)
        if isinstance(target, Device):
            return empty(self.shape, self.dtype, target)._take(self)
        raise TypeError(f"expected an NDArray or a Device to copy to, got {type(target).__name__}")

    def copy(self) -> NDArray:
        """A copy on the same device."""
        return self.copyto(self.device)

    def _take(self, source: NDArray) -> NDArray:
        """Copies from an array of the same shape and element type; returns this one."""
        kept = self._leased(), source._leased()  # another thread may close either
        theirs, mine = source._dl(), self._dl()
        check(lib.TVMArrayCopyFromTo(theirs, mine, ffi.NULL))
        if mine.device.device_type not in HOST or theirs.device.device_type not in HOST:
            check(lib.TVMSynchronize(*self.device, ffi.NULL))
        del kept
        return self

    def _fill(self, data: Any) -> None:
        """Copies raw bytes into the memory."""
        if self.nbytes:
            check(lib.TVMArrayCopyFromBytes(self._dl(), ffi.from_buffer(data), self.nbytes))

    def _to_bytes(self) -> bytes:
        """The raw bytes of the memory, in C order."""
        target, kept = bytearray(self.nbytes), self._leased()
        if target:
            check(lib.TVMArrayCopyToBytes(self._dl(), ffi.from_buffer(target), self.nbytes))
        del kept
        return bytes(target)

    def _check_same(self, other: NDArray) -> None:
        if other.shape != self.shape:
            raise ValueError(f"cannot copy an array of shape {other.shape} into one of shape {self.shape}")
        if other.dtype != self.dtype:
            raise TypeError(f"cannot copy an array of {other.dtype} into one of {self.dtype}; convert it in numpy")

    def __dlpack_device__(self) -> tuple[int, int]:
        """The device's type and number, as DLPack has them."""
        return tuple(self.device)  # type: ignore[return-value]

    def __dlpack__(
        self,
        *,
        stream: Optional[int] = None,
        max_version: Optional[tuple[int, int]] = None,
        dl_device: Optional[tuple[int, int]] = None,
        copy: Optional[bool] = None,
    ) -> Any:
        """A DLPack capsule, for ``numpy.from_dlpack``, ``torch.from_dlpack`` and the like, as the array API has it.

        Parameters
        ----------
        stream : int, optional
            Of the consumer's, on a device: what is under way on the device is waited for, unless it is -1.
        max_version : tuple of int, optional
            The consumer's newest version: from (1, 0) on the capsule is versioned.
        dl_device : tuple of int, optional
            Where the consumer wants the elements: here, or on the host.
        copy : bool, optional
            Whether to copy: None only where needed, False never, True always.

        Returns
        -------
        capsule
            Of this array's memory, which it keeps alive.

        Raises
        ------
        BufferError
            If that cannot be done.
        """
        here = self.__dlpack_device__()
        where = here if dl_device is None else tuple(map(index, dl_device))
        if where != here and (where != (1, 0) or copy is False):
            raise ZeroCopyError(f"an array on {self.device} cannot be given on device {where} without a copy")
        if here[0] not in HOST and stream != -1:
            check(lib.TVMSynchronize(*here, ffi.NULL))
        elif here[0] in HOST and stream is not None:
            raise ValueError(f"an array on the host knows no streams, got {stream!r}")
        if where != here or copy:
            return self.copyto(Device(*where))._capsule(max_version, _IS_COPIED)
        return self._capsule(max_version, 0)

    def _capsule(self, max_version: Optional[tuple[int, int]], flags: int) -> Any:
        self._open_handle()
        code, bits, lanes = to_dlpack(self.dtype)
        versioned = max_version is not None and max_version[0] >= 1
        if bits < 8:
            if not versioned:
                raise ZeroCopyError(f"{self.dtype} has less than a byte, which only DLPack 1.0 can tell")
            flags |= PADDED
        if not AVAILABLE:
            return self.numpy().__dlpack__()
        return _core.export_capsule(self, versioned, code, bits, lanes, flags)

    def __array__(self, dtype: Any = None, copy: Optional[bool] = None) -> np.ndarray[Any, Any]:
        import numpy as np

        view = self.numpy()
        if dtype is not None and np.dtype(dtype) != view.dtype:
            if copy is False:
                raise ValueError(f"an array of {self.dtype} cannot be seen as {np.dtype(dtype)} without a copy")
            return view.astype(dtype)
        return view.copy() if copy else view

    def __getitem__(self, index: Any) -> Any:
        return self.numpy()[index]

    def __setitem__(self, index: Any, value: Any) -> None:
        if self._dl().device.device_type in HOST:
            self.numpy()[index] = value
        elif isinstance(index, slice) and index == slice(None):
            self.copyfrom(value)
        else:
            raise IndexError(f"part of an array on {self.device} cannot be set; copy it whole")

    def __len__(self) -> int:
        if not self.shape:
            raise TypeError("len() of an array without dimensions")
        return self.shape[0]

    def __repr__(self) -> str:
        if self.closed:
            return f"<{type(self).__name__} (closed)>"
        head = f"<{type(self).__name__} shape={self.shape} dtype={str(self.dtype)!r} device={self.device}>"
        if self.size > 1000:
            return head
        try:
            return f"{head}\n{self.numpy()!r}"
        except (TypeError, ValueError, TVMError):
            return head


def contiguous(shape: tuple[int, ...], strides: tuple[int, ...]) -> bool:
    """Whether elements with these strides (in elements) lie one after the other in C order."""
    if 0 in shape:
        return True
    expected = 1
    for extent, stride in zip(reversed(shape), reversed(strides)):
        if extent != 1 and stride != expected:
            return False
        expected *= extent
    return True


def readable(value: NDArray) -> bool:
    """Whether a kernel can read an array: C-contiguous, from the start of aligned memory. A device's always is."""
    given = value._dl()
    if given.device.device_type != 1:
        return True
    address = int(ffi.cast("uintptr_t", given.data))
    return value.strides is None and not given.byte_offset and address % load_runtime().alignment == 0


def _convertible(given: Any, wanted: Any) -> bool:
    return (given.kind in "biufc" and (given.kind != "c" or wanted.kind == "c")) or given.kind == "V"


def _shape(shape: Any) -> tuple[int, ...]:
    if type(shape) is not tuple and hasattr(shape, "__index__"):
        shape = (shape,)
    try:
        extents = tuple(map(index, shape))
    except TypeError:
        raise TypeError(f"expected a shape as a sequence of ints, got {shape!r}") from None
    if extents and min(extents) < 0:
        raise ValueError(f"a shape has no negative extents, got {extents}")
    return extents


def empty(
    shape: Union[int, Sequence[int]], dtype: Any = "float32", device: Optional[Device] = None
) -> NDArray:
    """A new array with whatever is in its memory.

    Parameters
    ----------
    shape : sequence of int, or int
        None negative. ``()`` has one element.
    dtype : str or DataType or numpy.dtype
    device : Device, optional
        The host if not given.

    Returns
    -------
    NDArray
        C-contiguous, aligned for this runtime and for zero copy.

    Raises
    ------
    TypeError
        If shape or dtype are none.
    ValueError
        If an extent is negative, or the array is larger than any memory.
    TVMError
        If the device is not there or has not that much memory.
    """
    if device is None:
        where = _CPU
    elif isinstance(device, Device):
        where = device
        where._check()
    else:
        raise TypeError(f"expected a Device, such as cpu(0), got {type(device).__name__}")
    extents = _shape(shape)
    load_runtime()
    code, bits, lanes = _code_of(DataType(dtype))
    nbytes = (bits * lanes + 7) // 8
    for extent in extents:
        nbytes *= extent
    if nbytes > _LARGEST or (nbytes == 0 and max(extents) > _LARGEST):
        raise ValueError(f"an array of shape {extents} and type {dtype} is larger than any memory")
    if type(dtype) is str:
        _core.note_dtype(dtype, code, bits, lanes)
    return _core.alloc_array(NDArray, extents, code, bits, lanes, *where)  # type: ignore[no-any-return]


empty = _core.quicken(empty, '(shape, dtype="float32", device=None)')


def array(x: Any, device: Optional[Device] = None) -> NDArray:
    """A new array with a copy of the elements.

    Parameters
    ----------
    x : NDArray or array_like
        Anything ``numpy.asarray`` takes; keeps its element type.
    device : Device, optional
        The host if not given; for an NDArray, where it is.

    Returns
    -------
    NDArray

    Raises
    ------
    TypeError
        If the elements are of a type that TVM has not.
    """
    if isinstance(x, NDArray):
        return x.copyto(device or x.device)
    import numpy as np

    given = np.asarray(x)
    dtype = DataType(given.dtype if given.dtype.isnative else given.dtype.newbyteorder("="))
    return empty(given.shape, dtype, device).copyfrom(given)


_core.quicken_method(NDArray, "numpy", "($self)")
_core.quicken_method(NDArray, "copy", "($self)")
_core.quicken_method(NDArray, "__dlpack_device__", "($self)")
_core.quicken_method(NDArray, "__dlpack__", "($self, *, stream=None, max_version=None, dl_device=None, copy=None)")
_core.register_codec(NDArray, _NDARRAY)
_core.register_class(_NDARRAY, NDArray)
_core.set_array_maker(array)
