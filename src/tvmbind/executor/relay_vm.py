"""``VirtualMachine``: TVM's machine for Relay executables, with TVM's own method names.

Source: TVM's ``runtime/vm/vm.cc``, ``runtime/vm/executable.cc`` and ``runtime/vm.py``. In TVM 0.7 to 0.19; an
executable loads only in the version of TVM that compiled it.
"""

from __future__ import annotations

import operator
from collections.abc import Mapping, Sequence
from typing import Any, Optional, Union

from ..container import ADT, Array, Object
from ..device import Device
from ..errors import TVMAttributeError, TVMNotImplementedError, TVMTypeError, TVMValueError
from ..function import get_global_func
from ..library import load_runtime
from ..module import Module
from ..profiling import Report
from .inputs import TensorInfo
from .machine_values import as_tuples, is_array, tensor
from .relay_code import Signature, functions, kernel_checks
from .virtual_machine import Machine

_PROFILER = "runtime._VirtualMachineDebug"


class VirtualMachine(Machine):
    """Runs the functions of a Relay executable: ``vm.run(x)``, or ``vm["main"](x)``.

    Parameters
    ----------
    module : Module
        What `load_module` gave for a library of ``relay.vm.compile``.
    device : Device or sequence of Device, optional
        Where to compute; the host if not given. The host is added as the last, where shapes are computed.
    memory : str
        ``"pooled"`` keeps memory for the next run, ``"naive"`` gives it back each time.
    profile : bool
        Whether to make the machine that can `profile`, where the runtime was built with it.

    Notes
    -----
    Arguments are NDArrays, numpy arrays (see `asarray` for which are copied), numbers, and tuples of these. What a
    function returns is an NDArray, or a tuple, or an `ADT`. An argument may be returned as it is, with its memory.
    An executable does not know the extents of its arguments, and not all kernels check them: give what the model was
    compiled for.
    Not for several threads at a time: give each its own.
    """

    _kind = "Relay's virtual machine"
    _executables = ("VMExecutable",)
    _questions = ("get_bytecode", "get_primitives", "get_function_arity", "get_function_param_name")

    def __init__(
        self,
        module: Module,
        device: Union[Device, Sequence[Device], None] = None,
        memory: str = "pooled",
        profile: bool = False,
    ) -> None:
        super().__init__(module, device, memory, _PROFILER if profile else "vm_load_executable", "init")
        self._file = module._file
        self._profiles = profile
        self._known: Optional[dict[str, Signature]] = None
        self._infos: dict[str, list[TensorInfo]] = {}
        self._set: dict[str, set[int]] = {}
        self._result: Any = None
        self._has_result = False

    def _load(self, loader: str) -> Module:
        if loader != _PROFILER:
            return super()._load(loader)
        make = get_global_func(loader, allow_missing=True)
        if make is None:
            raise TVMNotImplementedError(f"{load_runtime().title} has no machine of Relay's that profiles")
        return make(self._executable)  # type: ignore[no-any-return]

    def _of_bytecode(self) -> dict[str, Signature]:
        if self._known is None:
            bytecode, primitives = (self._asks[name] for name in self._questions[:2])
            checks = kernel_checks(_contents(self._file))
            self._known = functions(bytecode(), primitives(), checks) if bytecode and primitives else {}
        return self._known

    def function_names(self) -> list[str]:
        """The names of the functions."""
        return sorted(self._of_bytecode())

    def _ask_arity(self, func_name: str) -> int:
        return self._ask("get_function_arity", func_name)  # type: ignore[no-any-return]

    def _ask_param_name(self, func_name: str, index: int) -> str:
        return self._ask("get_function_param_name", func_name, index)  # type: ignore[no-any-return]

    def _ask(self, question: str, *args: Any) -> Any:
        ask = self._asks[question]
        if ask is None:
            raise TVMNotImplementedError(f"this executable has no {question!r}")
        return ask(*args)

    def inputs(self, func_name: str = "main") -> list[TensorInfo]:
        """What a function takes, as far as the kernels check it: element type and number of dimensions.

        Extents are ``"?"``. Shape and dtype are None for what no kernel takes.
        """
        found = self._infos.get(func_name)
        if found is None:
            names = self.get_function_param_names(func_name)
            known = self._of_bytecode().get(func_name, Signature({}, None)).inputs
            found = [known.get(i, TensorInfo(name, None, None)) for i, name in enumerate(names)]
            self._infos[func_name] = found
        return list(found)

    def outputs(self, func_name: str = "main") -> Optional[list[TensorInfo]]:
        """The tensors that a function gives, those in tuples one after the other; None if that cannot be told.

        A shape is None where it is known only at run time.
        """
        self.get_function_arity(func_name)
        signature = self._of_bytecode().get(func_name)
        return list(signature.outputs) if signature and signature.outputs is not None else None

    def get_input_index(self, input_name: str, func_name: str = "main") -> int:
        """The number of a function's parameter; -1 if there is none of that name."""
        names = self.get_function_param_names(func_name)
        return names.index(input_name) if input_name in names else -1

    def _call(self, name: str, *args: Any, **named: Any) -> Any:
        self.set_input(name, *args, **named)
        return self.invoke(name)

    def set_input(self, func_name: str, *args: Any, copy: Optional[bool] = None, **named: Any) -> None:
        """Sets a function's arguments, which are kept until they are set again; `copy` as `asarray` has it."""
        given = self._arguments(func_name, args, named, copy)
        self._function("set_input")(func_name, *given)
        self._set[func_name] = set(range(len(given)))

    def set_one_input(self, func_name: str, *args: Any, **named: Any) -> None:
        """Sets one argument of a function: ``set_one_input("main", "x", value)``, by number, or ``x=value``."""
        pairs = [args] if args else list(named.items())
        if len(pairs) != 1 or (args and named) or len(pairs[0]) != 2:
            raise TypeError("set_one_input takes a function's name, and an argument's name or number and its value")
        key, value = pairs[0]
        infos = self.inputs(func_name)
        index = self.get_input_index(key, func_name) if isinstance(key, str) else operator.index(key)
        if not 0 <= index < len(infos):
            text = f"{func_name} has no input {key!r}; it has {', '.join(info.name for info in infos)}"
            raise KeyError(text) if isinstance(key, str) else IndexError(text)
        self._function("set_one_input")(func_name, index, self._argument(value, infos[index]))
        self._set.setdefault(func_name, set()).add(index)

    def invoke(self, func_name: str, *args: Any, **named: Any) -> Any:
        """Sets arguments, if any are given, and runs a function.

        Returns
        -------
        NDArray or tuple or ADT

        Raises
        ------
        ValueError
            If not all arguments have been set.
        """
        if args or named:
            self.set_input(func_name, *args, **named)
        infos = self.inputs(func_name)
        if not infos and func_name not in self._set:
            self.set_input(func_name)
        # The runtime would take an argument that was never set for an object.
        missing = [info.name for i, info in enumerate(infos) if i not in self._set.get(func_name, ())]
        if missing:
            raise TVMValueError(f"{func_name} lacks its input {', '.join(missing)}: use set_input first")
        return self._deliver(func_name, as_tuples(self._function("invoke")(func_name)))

    def run(self, *args: Any, **named: Any) -> Any:
        """Runs ``main``."""
        return self.invoke("main", *args, **named)

    def invoke_stateful(self, func_name: str, *args: Any, **named: Any) -> None:
        """As `invoke`, but `get_outputs` has the result."""
        self._result, self._has_result = self.invoke(func_name, *args, **named), True

    def invoke_with_outputs(
        self, func_name: str, input_args: Optional[Mapping[str, Any]], output_args: Sequence[Any]
    ) -> None:
        """Runs a function, whose results go to these arrays.

        Parameters
        ----------
        func_name : str
        input_args : mapping of str to array_like, or None
            The arguments by name; None for what `set_input` set.
        output_args : sequence of NDArray or writable numpy array
            As `set_output` has them; for this run only.
        """
        if input_args is not None:
            self.set_input(func_name, **input_args)
        before = self._targets.get(func_name, ())
        self.set_output(func_name, *output_args)
        try:
            self.invoke(func_name)
        finally:
            self._targets[func_name] = before

    def get_outputs(self) -> list[Any]:
        """What the last `invoke_stateful` gave: the items of the tuple that it was, or the one array.

        Raises
        ------
        ValueError
            If there was none.
        """
        if not self._has_result:
            raise TVMValueError("there are no outputs yet: use invoke_stateful first")
        return list(self._result) if isinstance(self._result, tuple) else [self._result]

    def profile(self, func_name: str = "main", *args: Any, **named: Any) -> Report:
        """As `Machine.profile`."""
        if not self._profiles:
            raise TVMAttributeError("this machine does not profile: make it with profile=True")
        self.set_input(func_name, *args, **named)
        report = self._function("profile")(func_name, Array())
        return Report.from_json(get_global_func("runtime.profiling.AsJSON")(report))  # type: ignore[misc]

    def close(self) -> None:
        """Lets go of the machine. Arrays that it gave are still good. Twice does no harm."""
        self._result, self._has_result = None, False
        super().close()

    def _argument(self, value: Any, info: TensorInfo, copy: Optional[bool] = None) -> Any:
        if info.dtype is not None:
            return tensor(value, info, copy)
        if isinstance(value, (tuple, list)):
            return ADT(0, [self._argument(each, info, copy) for each in value])
        if is_array(value) or isinstance(value, (bool, int, float)):
            return tensor(_as_relay_has_it(value), info, copy)
        if isinstance(value, Object):
            return value
        raise TVMTypeError(f"the argument {info.name!r} is a {type(value).__name__}; expected an array or a tuple")


def _contents(file: Optional[str]) -> bytes:
    try:
        if file:
            with open(file, "rb") as opened:
                return opened.read()
        return b""
    except OSError:
        return b""


def _as_relay_has_it(value: Any) -> Any:
    """Python's numbers with Relay's types: int32 (int64 where that is too small) and float32."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return value
    import numpy as np

    if isinstance(value, float):
        return np.float32(value)
    return np.asarray(value, "int32" if -(2**31) <= value < 2**31 else "int64")


__all__ = ["VirtualMachine"]
