"""``RelaxVirtualMachine``: TVM's machine for Relax executables, with TVM's own method names.

Source: TVM's ``runtime/relax_vm/vm.cc`` and ``runtime/relax_vm.py`` (0.16 to 0.20), ``runtime/vm/vm.cc`` and
``runtime/vm.py`` (0.21 and later).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Optional, Union

from ..container import Array, Object, ShapeTuple
from ..device import Device
from ..errors import TVMAttributeError, TVMError, TVMNotImplementedError, TVMTypeError
from ..function import PackedFunc, convert
from ..library import load_runtime
from ..module import Module
from ..ndarray import NDArray, array
from ..profiling import Report
from .inputs import TensorInfo
from .instrument import profile_by_instrument
from .machine_values import as_tuples, is_array, tensor
from .relax_code import Signature, signatures
from .virtual_machine import Machine

_PROFILER = "vm_profiler_load_executable"


class RelaxVirtualMachine(Machine):
    """Runs the functions of a Relax executable: ``vm["main"](x)``.

    Parameters
    ----------
    module : Module
        What `load_module` gave for a library that Relax compiled.
    device : Device or sequence of Device, optional
        Where to compute; the host if not given. The host is added as the last, where shapes are computed.
    memory : str
        ``"pooled"`` keeps memory for the next run, ``"naive"`` gives it back each time.
    profile : bool
        Whether to make a machine that can `profile`.

    Notes
    -----
    Arguments are NDArrays, numpy arrays (see `asarray` for which are copied), numbers, tuples of ints (a shape), and
    tuples of these. What a function returns is an NDArray, or a tuple. An argument may be returned as it is, with
    its memory.
    Not for several threads at a time: give each its own.
    """

    _kind = "Relax's virtual machine"
    _executables = ("relax.Executable", "relax.VMExecutable")
    _questions = ("as_text", "stats")
    _runs_what_is_set = "invoke_stateful"

    def __init__(
        self,
        module: Module,
        device: Union[Device, Sequence[Device], None] = None,
        memory: str = "pooled",
        profile: bool = False,
    ) -> None:
        has_profiler = isinstance(module, Module) and module._find(_PROFILER, False) is not None
        loader = _PROFILER if profile and has_profiler else "vm_load_executable"
        super().__init__(module, device, memory, loader, "vm_initialization")
        self._instrumented = profile and not has_profiler
        if self._instrumented and self.module._find("set_instrument", False) is None:
            raise TVMNotImplementedError(f"{load_runtime().title} has no machine of Relax's that profiles")
        self._signatures: Optional[dict[str, Signature]] = None
        self._infos: dict[str, list[TensorInfo]] = {}
        self._saved: set[str] = set()

    # ------------------------------------------------------------------------------------ what functions there are

    def _known(self) -> dict[str, Signature]:
        if self._signatures is None:
            as_text, stats = (self._asks[name] for name in self._questions)
            self._signatures = signatures(as_text(), stats()) if as_text and stats else {}
        return self._signatures

    def function_names(self) -> list[str]:
        """The names of the functions that a caller can call; empty where the executable does not tell."""
        return sorted(self._known())

    def _ask_arity(self, func_name: str) -> int:
        return self._function("get_function_arity")(func_name)  # type: ignore[no-any-return]

    def _ask_param_name(self, func_name: str, index: int) -> str:
        return self._function("get_function_param_name")(func_name, index)  # type: ignore[no-any-return]

    def inputs(self, func_name: str = "main") -> list[TensorInfo]:
        """What a function takes, as its own checks say.

        Shape and dtype are None for what it does not check, and for what is no tensor.
        """
        found = self._infos.get(func_name)
        if found is None:
            names = self.get_function_param_names(func_name)
            known = self._known().get(func_name, Signature({}, None)).inputs
            found = [known.get(i, TensorInfo(name, None, None))._replace(name=name) for i, name in enumerate(names)]
            self._infos[func_name] = found
        return list(found)

    def outputs(self, func_name: str = "main") -> Optional[list[TensorInfo]]:
        """The tensors that a function gives, those in tuples one after the other; None if that cannot be told."""
        self.get_function_arity(func_name)
        signature = self._known().get(func_name)
        return list(signature.outputs) if signature and signature.outputs is not None else None

    # ------------------------------------------------------------------------------------------------------- running

    def _check_function(self, name: str) -> None:
        if name not in self._saved:
            super()._check_function(name)

    def _call(self, name: str, *args: Any, **named: Any) -> Any:
        if name in self._saved:
            if args or named:
                raise TypeError(f"{name} was saved with its arguments and takes none, got {len(args) + len(named)}")
            given = []
        else:
            given = self._arguments(name, args, named)
        return self._deliver(name, as_tuples(self._function(name)(*given)))

    def invoke_closure(self, closure: Union[Object, PackedFunc], *args: Any) -> Any:
        """Calls a function that a function returned."""
        if not isinstance(closure, (Object, PackedFunc)):
            raise TypeError(f"expected a closure that a function returned, got {type(closure).__name__}")
        nothing = TensorInfo("", None, None)
        given = [self._argument(each, nothing) for each in args]
        return as_tuples(self._function("invoke_closure")(closure, *given))

    def save_function(
        self, func_name: str, saved_name: str, *args: Any, include_return: bool = True, **named: Any
    ) -> None:
        """Keeps a function with its arguments under a new name, to be called without any.

        Parameters
        ----------
        func_name, saved_name : str
        *args, **named
            The arguments: NDArrays are kept, other arrays copied.
        include_return : bool
            Whether the saved function returns the result; else None.

        Raises
        ------
        ValueError
            If the model has a function of the new name.
        """
        self._arguments(func_name, args, named)  # whether they fit, before they are copied
        given = self._arguments(func_name, tuple(map(_of_its_own, args)), {k: _of_its_own(v) for k, v in named.items()})
        if not isinstance(saved_name, str) or not saved_name:
            raise TypeError(f"expected the new function's name, got {saved_name!r}")
        if saved_name not in self._saved and self._has(saved_name):
            raise ValueError(f"the machine has a function {saved_name!r} already")
        self._function("save_function")(func_name, saved_name, bool(include_return), *given)
        self._saved.add(saved_name)
        self._functions.pop(saved_name, None)

    def _has(self, name: str) -> bool:
        try:
            return self.module._find(name, False) is not None
        except TVMError:  # a kernel, which only the machine itself calls
            return True

    def set_input(self, func_name: str, *args: Any, copy: Optional[bool] = None, **named: Any) -> None:
        """Sets a function's arguments for `invoke_stateful`, which are kept; `copy` as `asarray` has it."""
        self._function("set_input")(func_name, *self._arguments(func_name, args, named, copy))

    def invoke_stateful(self, func_name: str) -> None:
        """Runs a function on what `set_input` set.

        Raises
        ------
        TVMError
            If nothing has been set.
        """
        self.get_function_arity(func_name)
        self._function("invoke_stateful")(func_name)
        if self._targets.get(func_name):
            self._deliver(func_name, self.get_outputs(func_name))

    def get_outputs(self, func_name: str) -> Any:
        """What the last `invoke_stateful` gave: an NDArray, or a tuple."""
        self.get_function_arity(func_name)
        return self._output(func_name, ())

    def _output(self, func_name: str, place: tuple[int, ...]) -> Any:
        arity = self._function("get_output_arity")(func_name, *place)
        if arity == -1:
            return as_tuples(self._function("get_output")(func_name, *place))
        return tuple(self._output(func_name, (*place, index)) for index in range(arity))

    def get_output(self, func_name: str, *place: int) -> Any:
        """One output of the last `invoke_stateful`: its place in the tuple, in the tuple in that, and so on."""
        found = self.get_outputs(func_name)
        for index in place:
            if not isinstance(found, tuple) or not 0 <= index < len(found):
                size = len(found) if isinstance(found, tuple) else 1
                raise IndexError(f"{func_name} has no output {list(place)}: there are {size}")
            found = found[index]
        return found

    def set_instrument(self, instrument: Union[PackedFunc, Callable[..., Any], None]) -> None:
        """A function to call before and after each call of the machine's: TVM's ``VMInstrumentReturnKind``.

        Parameters
        ----------
        instrument : callable or None
            Takes the function that is called, its name, whether this is before it, what it returned (None before) and
            its arguments. Returns None or 0 to go on, 1 to skip the call. None: no more.

        Raises
        ------
        TVMNotImplementedError
            If this machine has no such function.
        """
        if self.module._find("set_instrument", False) is None:
            raise TVMNotImplementedError(f"{load_runtime().title} has a machine of Relax's without instruments")
        call = (lambda *_: None) if instrument is None else instrument
        if not callable(call):
            raise TypeError(f"expected a function, or None, got {type(instrument).__name__}")

        def answer(*args: Any) -> int:
            found = call(*args)
            return 0 if found is None else int(found)

        self._function("set_instrument")(convert(answer))

    def time_evaluator(self, func_name: str, dev: Optional[Device] = None, *args: Any, **options: Any) -> Any:
        """A function that times a function of the machine's inside the runtime; `Module.time_evaluator` says how.

        Call it with the function's arguments. Of what `save_function` saved it takes none; for ``"invoke_stateful"``
        (on what `set_input` set) it takes the name of the function.
        """
        evaluator = self.module.time_evaluator(func_name, dev or self.device, *args, **options)
        if func_name in self._saved or func_name == "invoke_stateful":
            return evaluator
        self.get_function_arity(func_name)
        return lambda *given, **named: evaluator(*self._arguments(func_name, given, named))

    def profile(self, func_name: str, *args: Any, **named: Any) -> Report:
        """As `Machine.profile`. On tvm-ffi each kernel is timed on its own, with the arguments that it had in a run."""
        given = self._arguments(func_name, args, named)
        if self._instrumented:
            return profile_by_instrument(self, func_name, given)
        if self.module._find("profile", False) is None:
            raise TVMAttributeError("this machine does not profile: make it with profile=True")
        return Report.from_json(self._function("profile")(func_name, *given))

    def _argument(self, value: Any, info: TensorInfo, copy: Optional[bool] = None) -> Any:
        if info.dtype is not None:
            return tensor(value, info, copy)
        if value is None:
            # A machine takes it for an object, and dies.
            raise TVMTypeError(f"the argument {info.name!r} is None; expected an array or a tuple")
        if is_array(value):
            plain = hasattr(value, "item") and not hasattr(value, "__len__")
            return value.item() if plain else tensor(value, None, copy)
        if isinstance(value, (tuple, list)) and value and all(type(each) is int for each in value):
            return ShapeTuple(value)
        if isinstance(value, (tuple, list, Array)):
            return Array([self._argument(each, TensorInfo(info.name, None, None), copy) for each in value])
        if isinstance(value, (Object, PackedFunc, Module, str, bool, int, float)):
            return value
        raise TVMTypeError(f"the argument {info.name!r} cannot be a {type(value).__name__}")


def _of_its_own(value: Any) -> Any:
    """An array of numpy's as a copy: what is kept for ever is not to change under it."""
    return array(value) if is_array(value) and not isinstance(value, NDArray) else value


__all__ = ["RelaxVirtualMachine"]
