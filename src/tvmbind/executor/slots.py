"""``Slot``: an input or output of an executor, its own array, and the memory that stands in for it.

The runtime binds memory for good: it keeps the address, never the owner, and forgets nothing. What happens when
something is set after that differs by version (before 0.14 the copy goes where no kernel reads it, from then on into
the memory that was bound). So the slot keeps the owner, and binds the executor's own array again before it copies.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, Optional

from .._core import IN_PLACE, compare, copy_array, problem_of
from ..borrowed import BorrowedNDArray
from ..errors import ZeroCopyError
from ..function import PackedFunc
from ..interchange import asarray, from_dlpack
from ..ndarray import HOST, NDArray, readable
from ..pins import Pins
from .inputs import TensorInfo, fitting

#: Makes the runtime use this memory; False if it cannot be used where it is, and nothing has changed.
Bind = Callable[[Any], bool]


#: What stands in for an executor's own array: that array; what the runtime uses, by an object that nobody else can
#: close; and what the caller gave.
Bound = tuple[NDArray, Any, Any]


class Slot:
    """An input or output.

    Parameters
    ----------
    info : TensorInfo
        Name, shape and element type.
    array : NDArray
        The executor's own memory, by an object that is not the runtime's: that one, from 0.14 on, comes to point to
        whatever is bound.
    pins : Pins
        A `Bound` for each slot where the runtime uses other memory: that lives as long as the executor's functions
        do, not as this object, and another object for the same executor finds it.
    bind : callable, optional
        How other memory is bound; None if it cannot be.
    refusal : str
        Why it cannot be.
    setter : PackedFunc, optional
        The function that `bind` calls, with the number of the input or output and the memory, if that is all it does.
    """

    __slots__ = (
        "_bind", "_dtype", "_key", "_ndarray", "_pins", "_shape", "_shown", "_view", "array", "info", "quick",
        "refusal",
    )  # fmt: skip

    def __init__(
        self,
        info: TensorInfo,
        array: NDArray,
        pins: Pins,
        key: tuple[str, int],
        bind: Optional[Bind],
        refusal: str = "",
        setter: Optional[PackedFunc] = None,
    ) -> None:
        self.info = info
        self.array = array
        self._shown: Optional[NDArray] = None
        self.refusal = refusal
        self._pins = pins
        self._key = key
        self._bind = bind
        #: The arguments of the core's `rebind`, but for the array.
        self.quick = None if bind is None or setter is None else (array, setter, key[1], pins, key)
        # numpy's: taken once there is a reason to import it.
        self._ndarray: Any = None
        self._view: Any = None
        self._dtype = self._shape = None

    def shown(self) -> NDArray:
        """The memory that the runtime uses, as an array for a caller, who may close it."""
        bound = self._pins.get(self._key)
        if bound is not None:
            memory = bound[1]
            return memory._again() if isinstance(memory, NDArray) else asarray(memory, copy=False)  # type: ignore[no-any-return]
        found = self._shown
        if found is None or found.closed:
            found = self._shown = from_dlpack(self.array)
        return found

    def _know_numpy(self) -> None:
        import numpy as np

        try:
            view = self.array.numpy() if self.array.device.device_type in HOST else None
        except TypeError:  # an element type that numpy has not
            view = None
        if view is not None:
            self._view, self._dtype, self._shape = view, view.dtype, view.shape
        self._ndarray = np.ndarray

    def check(self, value: Any, copy: Optional[bool]) -> Any:
        """The value, if it fits; what `fitting` makes of it, and raises."""
        if type(value) is self._ndarray and value.dtype is self._dtype and value.shape == self._shape:
            return value
        if compare(value, self.array):
            return value
        if self._ndarray is None and "numpy" in sys.modules:
            self._know_numpy()
        return fitting(value, self.info, copy=copy)

    def put(self, value: Any, copy: Optional[bool]) -> None:
        """Sets a value that fits: binds its memory, or copies it, as numpy 2's `copy` says.

        Raises
        ------
        ZeroCopyError
            If `copy` is False and the memory cannot be used where it is.
        """
        if copy is not True:
            bound = self._pins.get(self._key)
            if (bound is not None and value is bound[2]) or self.bind(value):
                return
            if copy is False:
                raise ZeroCopyError(f"{self.info.name or 'it'!r} cannot be set without a copy: {self.why_not(value)}")
        self.unbind()
        if copy_array(value, self.array):
            return
        if self._view is None or isinstance(value, NDArray):
            self.array.copyfrom(value)
        else:
            self._view[...] = value

    def bind(self, value: Any) -> bool:
        """Uses the memory of a value that fits, where that can be done."""
        if self._bind is None:
            return False
        memory = value
        if isinstance(value, NDArray):
            if isinstance(value, BorrowedNDArray) or not _is_usable(value, self.array):
                return False
            memory = value._again()
        elif self.array.device.device_type not in HOST:
            return False
        if not self._bind(memory):
            return False
        self._pins[self._key] = (self.array, memory, value)
        return True

    def unbind(self) -> None:
        """Uses the executor's own array again."""
        if self._key in self._pins:
            assert self._bind is not None
            self._bind(self.array)
            self._pins.pop(self._key, None)

    def why_not(self, value: Any) -> str:
        """Why the memory of a value cannot be used where it is."""
        if self.refusal:
            return self.refusal
        if isinstance(value, BorrowedNDArray):
            return "a tensor that is lent to a callback ends with it"
        if isinstance(value, NDArray):
            if value.device != self.array.device:
                return f"it is on {value.device}, not {self.array.device}"
            return "it is not C-contiguous, or not aligned"
        from .._core.tensor import explain

        problem = problem_of(value)
        return explain("a numpy array", value, problem) if problem else f"the input is on {self.array.device}"


def _is_usable(array: NDArray, own: NDArray) -> bool:
    return compare(array, own) & IN_PLACE != 0 or (array.device == own.device and readable(array))


__all__ = ["Bound", "Slot"]
