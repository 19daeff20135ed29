"""DLPack capsules and memory that is lent to the runtime, with CFFI alone; also what the fast core leaves to Python.

PyPy has no capsules that CFFI could reach: there all of this is refused, and numpy is the way between libraries.
"""

from __future__ import annotations

import itertools
import sys
from typing import Any, Callable, NamedTuple, Optional

from .._tvm import ffi, lib
from .handle import ArrayHandle
from .report import raise_error

NAMES = (b"dltensor", b"dltensor_versioned")
_USED = (b"used_dltensor", b"used_dltensor_versioned")
#: Whether this Python has capsules for us.
AVAILABLE = sys.implementation.name == "cpython"

_lent: dict[int, Any] = {}
_ids = itertools.count(1)
_functions: dict[str, Callable[..., Any]] = {}


class Foreign(NamedTuple):
    """What is in a capsule that nobody has consumed: the address of the managed tensor, and its form."""

    address: int
    versioned: bool

    @property
    def managed(self) -> Any:
        """The managed tensor, as cdata."""
        return ffi.cast("DLManagedTensorVersioned *" if self.versioned else "DLManagedTensor *", self.address)


def _function(name: str, result: str, *arguments: str) -> Callable[..., Any]:
    """A function of CPython's C API; made for us alone, for what others declare is theirs."""
    found = _functions.get(name)
    if found is None:
        import ctypes  # here, not above: seldom needed

        types = [getattr(ctypes, each) for each in (result, *arguments)]
        found = _functions[name] = ctypes.PYFUNCTYPE(*types)((name, ctypes.pythonapi))
    return found


def look(capsule: Any) -> Optional[Foreign]:
    """What is in a capsule; None if it is no DLPack capsule, or was consumed."""
    is_valid = _function("PyCapsule_IsValid", "c_int", "py_object", "c_char_p")
    pointer = _function("PyCapsule_GetPointer", "c_void_p", "py_object", "c_char_p")
    for versioned, name in enumerate(NAMES):
        if is_valid(capsule, name):
            return Foreign(pointer(capsule, name), bool(versioned))
    return None


def consume(capsule: Any, foreign: Foreign) -> None:
    """Marks a capsule as consumed: its managed tensor is ours to delete."""
    _function("PyCapsule_SetName", "c_int", "py_object", "c_char_p")(capsule, _USED[foreign.versioned])


def export(array: ArrayHandle, versioned: bool, code: int, bits: int, lanes: int, flags: int) -> Foreign:
    """A managed tensor of an array, with this element type and these flags (of the versioned form)."""
    managed, kept = ffi.new("uintptr_t *"), array._leased()  # another thread may close it
    rc = lib.tvmb_export(array._handle, versioned, (code, bits, lanes), flags, managed)
    del kept
    if rc:
        raise_error(rc)
    return Foreign(int(managed[0]), versioned)


def export_capsule(array: ArrayHandle, versioned: bool, code: int, bits: int, lanes: int, flags: int) -> Any:
    """A capsule of an array, as above."""
    foreign = export(array, versioned, code, bits, lanes, flags)
    make = _function("PyCapsule_New", "py_object", "c_void_p", "c_char_p", "c_void_p")
    return make(foreign.address, NAMES[versioned], lib.tvmb_capsule_destructor())


def adopt_capsule(kind: type[ArrayHandle], capsule: Any) -> Any:
    """An array with the memory of a capsule; NotImplemented: here interchange.py looks at each of them."""
    return NotImplemented


def adopt_foreign(kind: type[ArrayHandle], foreign: Foreign, code: int, bits: int, lanes: int) -> Any:
    """A new array with the memory of a managed tensor, which has no other owner; deletes it on failure."""
    handle = lib.tvmb_adopt_managed(foreign.address, foreign.versioned, (code, bits, lanes))
    if handle < 0:
        try:
            raise_error(handle)
        finally:
            lib.tvmb_delete_managed(*foreign)
    return kind._from_handle(handle)


def adopt_memory(
    kind: type[ArrayHandle], memory: Any, shape: tuple[int, ...], code: int, bits: int, lanes: int
) -> Any:
    """A new array with memory (a cdata of ``from_buffer``), which is kept until the runtime needs it no more."""
    id_ = next(_ids)
    _lent[id_] = memory
    handle = lib.tvmb_adopt_memory(memory, (code, bits, lanes), shape, len(shape), id_)
    if handle < 0:
        del _lent[id_]
        raise_error(handle)
    return kind._from_handle(handle)


def adopt(kind: type[ArrayHandle], value: Any) -> Any:
    """An array with the memory of numpy's; NotImplemented: here interchange.py looks at each of them."""
    return NotImplemented


@ffi.def_extern(name="tvmb_on_release")  # type: ignore[untyped-decorator]
def _on_release(id_: int) -> None:
    _lent.pop(id_, None)
