"""``PackedFunc`` and the registry of global functions: what TVM calls by name, from any language.

Source: TVM's ``runtime/packed_func.h`` and ``runtime/registry.h``.
"""

from __future__ import annotations

import os
import threading
from collections import abc
from typing import TYPE_CHECKING, Any, Callable, Literal, Optional, TypeVar, Union, overload

from . import _core
from ._core import Handle, OpaqueHandle, check, find_global
from ._tvm import ffi, lib
from .device import Device
from .dtype import DataType
from .errors import TVMAttributeError, TVMValueError
from .facts import name_in
from .library import known_runtime, load_runtime

F = TypeVar("F", bound=Callable[..., Any])

_FUNCTION = 10  # kTVMPackedFuncHandle


class PackedFunc(_core.Function):
    """A function behind TVM's calling convention: a compiled kernel, a function of the runtime's, a closure.

    Call it with None, bool, int, float, str, bytes, numpy scalars and arrays, `NDArray`, `Module`,
    `PackedFunc`, Python callables, `Device`, `DataType`, lists, tuples and dicts. A numpy array goes without
    a copy where its memory is aligned for this runtime, else it is copied in, and back if it was changed.
    It is the caller's: the function must not keep it after the call.

    Raises
    ------
    TypeError
        For an argument that TVM has no kind for; names it.
    OverflowError
        For an int outside of int64.
    TVMError
        For an error inside; an exception of a Python callback comes out as it was raised.
    """

    __slots__ = ()

    _name: str
    _keep: Any

    def __repr__(self) -> str:
        state = " (closed)" if self.closed else ""
        return f"<PackedFunc {self._name}{state}>" if self._name else f"<PackedFunc at {self._handle:#x}{state}>"

    @property
    def name(self) -> str:
        """The name it was looked up by; empty if by none."""
        return self._name


if not TYPE_CHECKING:
    PackedFunc = _core.vectorcalled(PackedFunc)

# What keeps the Python callables of global functions: the registry of most versions never lets go.
_registered: dict[str, _core.Registration] = {}
# TVM's registry and this one change together. What is let go of may register something itself.
_changing_registry = threading.RLock()


def _after_fork() -> None:
    global _changing_registry
    _changing_registry = threading.RLock()  # another thread may have held it, and there is none in the child


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


@overload
def get_global_func(name: str, allow_missing: Literal[False] = False) -> PackedFunc: ...
@overload
def get_global_func(name: str, allow_missing: bool) -> Optional[PackedFunc]: ...


def get_global_func(name: str, allow_missing: bool = False) -> Optional[PackedFunc]:
    """A global function by name.

    Parameters
    ----------
    name : str
        For example ``"runtime.SystemLib"``.
    allow_missing : bool
        Whether to return None instead of raising if there is none.

    Returns
    -------
    PackedFunc or None
        Look it up once and keep it: a look-up costs more than a call.

    Raises
    ------
    TVMAttributeError
        If there is no such function; also an ``AttributeError``.
    """
    found = find_global(PackedFunc, name)
    if found is None:
        _name_bytes(name)
        # Most often there is a runtime and it has the name: only now is it asked which one it is.
        other_name = name_in(load_runtime().minor, name)
        found = find_global(PackedFunc, name) or find_global(PackedFunc, other_name)
    if found is not None:
        return found  # type: ignore[no-any-return]
    if allow_missing:
        return None
    raise TVMAttributeError(f"there is no global function {name!r}{_alike(name)}")


get_global_func = _core.quicken(get_global_func, "(name, allow_missing=False)")


def list_global_func_names() -> list[str]:
    """The names of all global functions, sorted."""
    load_runtime()
    size, names = ffi.new("int *"), ffi.new("const char ***")
    check(lib.TVMFuncListGlobalNames(size, names))
    return sorted(ffi.string(names[0][i]).decode() for i in range(size[0]))


@overload
def register_func(name_or_func: Union[str, None] = None, *, override: bool = False) -> Callable[[F], F]: ...
@overload
def register_func(name_or_func: F) -> F: ...
@overload
def register_func(name_or_func: str, func: F, override: bool = False) -> F: ...


def register_func(name_or_func: Any = None, func: Any = None, override: bool = False) -> Any:
    """Registers a function under a name, for TVM and every language in this process to call.

    Works as a decorator, ``@register_func("my.name")`` or ``@register_func`` (under the function's own
    name), and as a plain call, ``register_func("my.name", func)``.

    Parameters
    ----------
    name_or_func : str or callable, optional
        The name; or the function, whose ``__name__`` it then is.
    func : callable, optional
        The function; left out, a decorator is returned. A `PackedFunc` is registered as it is.
    override : bool
        Whether to replace a function that has the name. The one replaced is let go of.

    Returns
    -------
    callable
        The function, or the decorator.

    Raises
    ------
    TVMValueError
        If the name is taken and `override` is not given.
    """
    if callable(name_or_func):
        return _register(_own_name(name_or_func), name_or_func, override)
    if func is not None:
        return _register(name_or_func, func, override)

    def decorator(decorated: F) -> F:
        return _register(_own_name(decorated) if name_or_func is None else name_or_func, decorated, override)

    return decorator


def _own_name(func: Any) -> str:
    name = func.name if isinstance(func, PackedFunc) else getattr(func, "__name__", "")
    if not name:
        raise TypeError(f"{func!r} has no name of its own to be registered under: give one")
    return str(name)


def _register(name: str, func: F, override: bool) -> F:
    encoded = _name_bytes(name)
    if not callable(func):
        raise TypeError(f"expected a callable to register as {name!r}, got {type(func).__name__}")
    load_runtime()
    if isinstance(func, PackedFunc):
        # A global function of Python's under a second name: the callable now stays for both.
        keep = func._keep if isinstance(func._keep, _core.Registration) else None
        _put(name, encoded, func._open_handle(), keep, override)
        return func
    handle, token = _core.make_function(func, name)
    try:
        _put(name, encoded, handle, _core.Registration(token), override)
    finally:
        lib.tvmb_free_function(handle)
    return func


def _put(name: str, encoded: bytes, handle: int, keep: Optional[_core.Registration], override: bool) -> None:
    with _changing_registry:
        # The runtime's refusal differs by version, and 0.5 to 0.7 print a warning: ask first.
        if not override and get_global_func(name, allow_missing=True) is not None:
            raise TVMValueError(
                f"the global function {name!r} is already registered; pass override=True to replace it"
            )
        check(lib.TVMFuncRegisterGlobal(encoded, ffi.cast("void *", handle), override))
        replaced = _registered.pop(name, None)
        if keep is not None:
            _registered[name] = keep
    del replaced  # what its end runs finds the new one


def remove_global_func(name: str) -> None:
    """Takes a global function out of the registry. If it is a Python callable, it is let go of.

    A `PackedFunc` of it that was looked up before still works.

    Raises
    ------
    TVMAttributeError
        If there is no such function.
    TVMNotImplementedError
        If this runtime cannot (before 0.8).
    """
    with _changing_registry:
        if get_global_func(name, allow_missing=True) is None:
            raise TVMAttributeError(f"there is no global function {name!r}{_alike(name)}")
        check(lib.TVMFuncRemoveGlobal(_name_bytes(name)))
        removed = _registered.pop(name, None)
    del removed


def convert(value: Any) -> Any:
    """The value as TVM would hold it.

    A callable becomes a `PackedFunc`, a list or tuple an `Array`, a dict a `Map`, a numpy array an
    `NDArray` (a copy), another library's array one too (of its own memory, where TVM can use that). Numbers, str,
    bytes, None and objects of tvmbind are returned as they are.

    Raises
    ------
    TypeError
        If TVM has no kind for it.
    """
    if value is None or isinstance(value, (Handle, bool, int, float, str, bytes, Device, DataType, OpaqueHandle)):
        return value
    conversion = _core.conversion_for(type(value))
    if conversion is not None:
        load_runtime()
        return conversion[1](value)
    if hasattr(value, "__dlpack__") and not hasattr(value, "__array_interface__"):
        from .interchange import asarray

        return asarray(value)
    if type(value).__module__ == "numpy":
        import numpy as np

        if isinstance(value, np.ndarray):
            from .ndarray import array

            return array(value)
        if isinstance(value, np.generic):
            return convert(value.item())
    raise TypeError(f"cannot convert a {type(value).__name__} to a value of TVM's")


convert = _core.quicken(convert, "(value)")


def _from_callable(func: Callable[..., Any]) -> PackedFunc:
    handle, _ = _core.make_function(func)
    name = getattr(func, "__qualname__", "")
    return PackedFunc._from_handle(handle, name=name, direct=True)  # type: ignore[no-any-return]


def _name_bytes(name: str) -> bytes:
    if not isinstance(name, str):
        raise TypeError(f"expected a function's name, got {type(name).__name__}")
    encoded = name.encode()
    if not encoded or b"\0" in encoded:
        raise ValueError(f"{name!r} is no function's name: it is empty or holds a NUL")
    return encoded


def _alike(name: str) -> str:
    import difflib

    close = difflib.get_close_matches(name, list_global_func_names(), 3)
    info = known_runtime()
    return f" in {info.title if info else 'TVM'}" + (f"; did you mean {' or '.join(close)}?" if close else "")


_core.register_codec(PackedFunc, _FUNCTION)
_core.register_conversion(abc.Callable, _FUNCTION, _from_callable)
_core.register_class(_FUNCTION, PackedFunc)
# TVM 0.9 has functions in containers, and gives them as objects of no more than that.
_core.register_object("runtime.PackedFunc", lambda handle: PackedFunc._from_handle(handle))
_core.set_registry(_registered)
