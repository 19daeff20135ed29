"""``Handle``: the base of every wrapper of a native handle, and the only place that says who frees it."""

from __future__ import annotations

import os
import threading
import weakref
from typing import Any, Callable, Optional, TypeVar

from .._tvm import lib

Self = TypeVar("Self", bound="Handle")
# Held while a handle changes owner or is let go: two threads that did so at once would free it twice.
_changing_owner = threading.RLock()


def _after_fork() -> None:
    global _changing_owner
    _changing_owner = threading.RLock()  # another thread may have held it, and there is none in the child


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


class Call:
    """A call under way, or memory for one to come. It ends with the frame that holds it, however that one ends."""

    __slots__ = ("__weakref__", "args", "function", "result")

    def __init__(self, result: Any) -> None:
        self.result = result
        self.function: Any = None
        self.args: tuple[Any, ...] = ()
        calls.append(weakref.ref(self, calls.remove))

    def uses(self, closed: object) -> bool:
        """Whether it is of this function, or has this argument."""
        return self.function is closed or any(each is closed for each in self.args)


#: All there are. Weak, for a signal's handler may raise anywhere in a call.
calls: list[weakref.ref[Call]] = []
#: What was closed and is to be freed, once no call has it: object, handle, owner, and what a function keeps.
closed_late: list[tuple[Any, int, Optional[object], Any]] = []


def free_late() -> None:
    """Frees what was closed, except for what a call still has: another thread, or a callback of it, closed that."""
    for _ in range(len(closed_late)):
        try:
            entry = closed_late.pop(0)
        except IndexError:  # another thread was faster
            return
        found, handle, owner, _ = entry
        if any(call is not None and call.uses(found) for call in [each() for each in list(calls)]):
            closed_late.append(entry)
        elif owner is None:
            found._free(handle)


class Handle:
    """A native handle, as an integer address, with its owner.

    ``_handle`` is 0 once closed. ``_owner`` is None if this wrapper owns the handle and frees it, else the
    object that does, which is thereby kept alive.

    Every wrapper can be closed early, and works in a ``with``; otherwise it lets go when it is collected.
    """

    __slots__ = ("__weakref__", "_handle", "_owner")

    _handle: int
    _owner: Optional[object]
    # A C function, called with the handle; it does nothing once the interpreter is closing.
    _free: Callable[[int], None]

    def __init__(self) -> None:
        raise TypeError(f"a {type(self).__name__} is made by the functions of tvmbind, not by its class")

    @classmethod
    def _from_handle(cls: type[Self], handle: int, owner: Optional[object] = None) -> Self:
        """Wraps a handle. With no owner the wrapper takes over the caller's reference."""
        self = cls.__new__(cls)
        self._handle = handle
        self._owner = owner
        return self

    @property
    def closed(self) -> bool:
        """Whether the handle has been let go."""
        return not self._handle

    def close(self) -> None:
        """Lets go of the native object now; what else uses it keeps it alive. Twice does no harm."""
        with _changing_owner:
            handle, owner = self._handle, self._owner
            self._handle, self._owner = 0, None
        self._close_late(handle, owner)

    def _close_late(self, handle: int, owner: Optional[object]) -> None:
        if handle:
            closed_late.append((self, handle, owner, getattr(self, "_keep", None)))
            free_late()

    def _open_handle(self) -> int:
        if not self._handle:
            raise ValueError(f"this {type(self).__name__} has been closed")
        return self._handle

    def __enter__(self: Self) -> Self:
        return self

    def __exit__(self, *error: Any) -> None:
        self.close()

    def __del__(self) -> None:
        try:
            if self._handle and self._owner is None:
                self._free(self._handle)
        except AttributeError:  # never came to have a handle
            pass

    def __copy__(self: Self) -> Self:
        raise TypeError(f"a {type(self).__name__} cannot be copied or pickled: it lives in this process's runtime")

    def __reduce__(self) -> Any:
        self.__copy__()


class Lease:
    """Owns an array's handle on behalf of the views of its memory: it is freed with the last of them."""

    __slots__ = ("_handle",)

    _handle: int

    def keep(self, memory: Any) -> None:
        """Does nothing; holding this bound method is what keeps the lease."""

    def __del__(self, _free: Any = lib.tvmb_free_array) -> None:
        _free(getattr(self, "_handle", 0))


class ArrayHandle(Handle):
    """A `Handle` with room for what is known of an array; all of it is None until it is asked for."""

    __slots__ = ("_dtype", "_memory", "_shape", "_tensor")

    _dtype: Any
    _memory: Any
    _shape: Any
    _tensor: Any

    @classmethod
    def _from_handle(cls: type[Self], handle: int, owner: Optional[object] = None) -> Self:
        self = cls.__new__(cls)
        self._handle = handle
        self._owner = owner
        self._tensor = self._memory = self._shape = self._dtype = None  # type: ignore[attr-defined]
        return self

    def _again(self) -> Any:
        """Another object for the same array: either may be closed."""
        owner = self._leased()
        return type(self)._from_handle(self._open_handle(), owner)

    def _leased(self) -> Any:
        with _changing_owner:
            if self._owner is None:
                handle, lease = self._open_handle(), Lease()
                # Nothing between these two can be interrupted by a signal's handler: never two owners.
                self._owner = lease
                lease._handle = handle
            return self._owner

    def close(self) -> None:
        """Lets go of the array; its memory lives on while a view of it does."""
        with _changing_owner:
            handle, owner = self._handle, self._owner
            self._handle, self._owner, self._memory = 0, None, None
        self._close_late(handle, owner)


#: What `compare` tells: shapes and element types are the same; and the first array can be used where it is.
SAME, IN_PLACE = 1, 2


def compare(array: Any, other: Any) -> int:
    """What two arrays in the processor's memory have in common; 0 also where nobody looked."""
    return 0


def rebind(array: Any, own: Any, function: Any, number: int, pins: dict[Any, Any], key: Any) -> bool:
    """Whether an array now stands in for an executor's own one: here it is for slots.py to do."""
    return False


def copy_array(source: Any, target: Any) -> bool:
    """Whether the elements have been copied: here it is for ndarray.py to do."""
    return False


def make_shape(function: Any, extents: Any) -> int:
    """The handle of a new ShapeTuple; 0: here container.py makes it."""
    return 0


def lend(array: ArrayHandle) -> Any:
    """What ``numpy.ndarray`` makes a view of an array of; None: here ndarray.py does it."""
    return None


def is_handle(value: Any) -> bool:
    """Whether a value is a `Handle` of either core."""
    return hasattr(type(value), "_open_handle")
