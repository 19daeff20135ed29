"""Functions of modules that the runtime does not guard itself: what they are given would crash it, or dangle."""

from __future__ import annotations

from typing import Any, Optional

from .borrowed import BorrowedNDArray
from .device import Device
from .errors import ZeroCopyError
from .function import PackedFunc
from .interchange import asarray


class ExecutorMaker(PackedFunc):
    """``lib["default"]`` of a factory: without a device, or with none that TVM has, the runtime would crash."""

    __slots__ = ()

    def __call__(self, *devices: Any, copy: Optional[bool] = None) -> Any:
        """Makes an executor for these devices; ``debug_create`` takes the model's name before them."""
        name: tuple[Any, ...] = ()
        if self._name == "debug_create":
            name, devices = devices[:1], devices[1:]
            if not name or not isinstance(name[0], str):
                raise TypeError(f"'debug_create' takes the model's name, such as 'default', and devices; got {name}")
        if not devices:
            raise TypeError(f"{self._name!r} makes an executor and takes a device, such as cpu(0); got none")
        for each in devices:
            if not isinstance(each, Device):
                raise TypeError(f"{self._name!r} makes an executor and takes devices, got {each!r}")
            each._check()
        made = super().__call__(*name, *devices)
        # An executor does not tell which of its inputs are weights that the factory has set, nor what it runs.
        get_json, get_params, made._main, library = self._keep
        weights = frozenset(get_params() if get_params else ())
        made._graph = (get_json() if get_json else None, weights, (library, devices))
        return made


# Functions of an executor that keep the address of what they are given, and not its owner.
BINDING = ("set_input_zero_copy", "set_output_zero_copy")


class Binder(PackedFunc):
    """``executor["set_input_zero_copy"]``: the memory lives as long as the executor's functions do."""

    __slots__ = ()

    def __call__(self, *args: Any, copy: Optional[bool] = None) -> Any:
        """As the runtime's, of an NDArray or what has memory that can be used where it is: else a ZeroCopyError."""
        if len(args) != 2:
            raise TypeError(f"{self._name!r} takes a name or number, and an array; got {len(args)} arguments")
        key, value = args
        memory = asarray(value, copy=False)
        if isinstance(memory, BorrowedNDArray):
            raise ZeroCopyError("a tensor that is lent to a callback ends with it, and cannot be bound: bind a copy")
        memory = memory._again()  # the caller may close the other
        result = super().__call__(key, memory)
        self._keep.given[self._name, key] = memory
        return result
