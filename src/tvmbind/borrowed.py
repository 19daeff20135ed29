"""``BorrowedNDArray``: a tensor argument of a callback, in memory that is the caller's for as long as the call lasts.

Source: ``kTVMDLTensorHandle`` in TVM's ``runtime/c_runtime_api.h``: such an argument has no owner that could be kept.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Optional

from . import _core
from ._core import check
from ._tvm import ffi, lib
from .device import cpu
from .errors import ZeroCopyError
from .ndarray import HOST, NDArray

if TYPE_CHECKING:
    import numpy as np

_DLTENSOR = 7  # kTVMDLTensorHandle


class BorrowedNDArray(NDArray):
    """A tensor that a caller lent to a callback: it is the caller's memory, to read and to write.

    When the callback returns and still keeps this object, it becomes a plain `NDArray` with a copy of the
    elements. A numpy view of it cannot be kept: that is an error of the callback's.
    """

    __slots__ = ()

    @property
    def is_view(self) -> bool:
        """True: the memory is the caller's."""
        return True

    def numpy(self) -> np.ndarray[Any, Any]:
        """A numpy view of the caller's memory, to be used before the callback returns."""
        if self._owner is _LENT:
            self._owner = _Lent() if _COUNTS else self._stand_in()
        return super().numpy()

    def _stand_in(self) -> _StandIn:
        """Makes this object a copy, which goes back when the callback returns: a view of it may be kept."""
        stand_in = _StandIn(self._to_owned(), self._handle)
        self._tensor = None
        self._handle = stand_in.copy._handle
        return stand_in

    def _capsule(self, max_version: Optional[tuple[int, int]], flags: int) -> Any:
        # Of a numpy view: that is what is counted when the callback ends.
        given: Any = {} if max_version is None else {"max_version": max_version}
        try:
            return self.numpy().__dlpack__(**given)
        except (TypeError, BufferError) as error:
            raise ZeroCopyError(f"numpy cannot lend {self.dtype} on: {error}; use x.copy()") from None

    def close(self) -> None:
        """Forgets the tensor; its memory is the caller's."""
        self._handle, self._memory = 0, None

    def _to_owned(self) -> NDArray:
        return self.copyto(cpu(0) if self.device.device_type in HOST else self.device)

    def _is_viewed(self) -> bool:
        self._memory = None
        return self._owner is not _LENT and _count(self._owner) > _UNSHARED

    def _end_borrow(self, kept: bool) -> bool:
        """Ends the loan: the object becomes a copy if it is kept, else a closed one. Whether a view outlives it.

        A signal's handler may raise anywhere in here, and this is called again: no step leaves the caller's memory
        with an owner that frees it, nor with an object that is no longer borrowed.
        """
        if isinstance(self._owner, _StandIn):
            self._owner.give_back()
            self.__class__ = NDArray  # type: ignore[assignment]
            return False
        exported = self._is_viewed()
        copy = self._to_owned() if self._handle and kept else None
        self._handle, self._tensor = 0, None
        if copy is not None:
            self._owner = copy._leased()
            self._handle = copy._handle
            self.__class__ = NDArray  # type: ignore[assignment]
        return exported


class _Lent:
    """Counts, by its references, the views of a lent tensor."""

    __slots__ = ()

    def keep(self, memory: Any) -> None:
        """Does nothing; holding this bound method is what counts."""


_LENT = _Lent()
#: PyPy does not count references, so that nobody could say whether a view was kept.
_COUNTS = hasattr(sys, "getrefcount")
# Called where no variable holds what is counted: a debugger makes a dict of each frame's variables, which would count.
_count = getattr(sys, "getrefcount", lambda owner: 0)


class _StandIn:
    """A copy in place of a lent tensor, where references are not counted."""

    __slots__ = ("_before", "_lent", "copy")

    def __init__(self, copy: NDArray, lent: int) -> None:
        self.copy = copy
        self._lent = lent
        self._before = copy._to_bytes()

    def keep(self, memory: Any) -> None:
        """Does nothing; holding this bound method is what keeps the copy."""

    def give_back(self) -> None:
        """Copies what was changed to the lent tensor: the memory may be another argument's too."""
        if self.copy._handle and self.copy._to_bytes() != self._before:
            check(lib.TVMArrayCopyFromTo(self.copy._dl(), ffi.cast("DLTensor *", self._lent), ffi.NULL))


class _Probe:
    __slots__ = ("_owner",)

    _owner: _Lent


def _measure_unshared() -> int:
    probe = _Probe()
    probe._owner = _Lent()
    return _count(probe._owner)


_UNSHARED = _measure_unshared()


def _borrowed(address: int) -> BorrowedNDArray:
    return BorrowedNDArray._from_handle(address, _LENT)  # type: ignore[no-any-return]


_core.register_codec(BorrowedNDArray, _DLTENSOR)
_core.register(_DLTENSOR, _borrowed)
