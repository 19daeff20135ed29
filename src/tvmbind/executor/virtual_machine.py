"""``Machine``: what Relay's and Relax's virtual machines share: devices, arguments, results."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Optional, TypeVar, Union

from ..device import Device, cpu
from ..errors import TVMAttributeError, TVMError, TVMValueError, ZeroCopyError
from ..function import PackedFunc
from ..library import load_runtime
from ..module import Module
from ..profiling import Report
from ..profiling.benchmark import BenchmarkResult
from .inputs import TensorInfo, copied, target
from .machine_values import tensors_of

Self = TypeVar("Self", bound="Machine")

#: Where memory comes from: a new piece each time, or a pool that keeps what is given back.
ALLOCATORS = {"naive": 1, "pooled": 2}


class Machine:
    """A virtual machine of TVM's, made of an executable and initialised for its devices."""

    _kind = "virtual machine"
    _executables: tuple[str, ...] = ()
    #: Functions of the executable that tell what is in it.
    _questions: tuple[str, ...] = ()
    #: The machine's own function that runs one of the model's on what `set_input` set.
    _runs_what_is_set = "invoke"

    def __init__(
        self,
        module: Module,
        device: Union[Device, Sequence[Device], None],
        memory: str,
        loader: str,
        initializer: str,
    ) -> None:
        if not isinstance(module, Module):
            raise TypeError(f"expected the executable's Module, got {type(module).__name__}")
        if module.type_key not in self._executables:
            raise TVMValueError(f"{module!r} is no executable of {self._kind}: {self._made_by()}")
        if memory not in ALLOCATORS:
            raise ValueError(f"memory is 'pooled' or 'naive', got {memory!r}")
        self.devices = _devices(device)
        # Functions keep the executable, which its user may close.
        self._asks = {name: module._find(name, False) for name in self._questions}
        self._executable = module
        self.module: Module = self._load(loader)
        flat = (number for each in self.devices for number in (*each, ALLOCATORS[memory]))
        self.module[initializer](*flat)
        self._functions: dict[str, PackedFunc] = {}
        self._targets: dict[str, tuple[Any, ...]] = {}

    def _load(self, loader: str) -> Module:
        return self._executable.get_function(loader)()  # type: ignore[no-any-return]

    def _made_by(self) -> str:
        return f"load_module of a library gives one of type {' or '.join(self._executables)}"

    @property
    def device(self) -> Device:
        """Where it computes: the first of its devices."""
        return self.devices[0]

    def _function(self, name: str) -> PackedFunc:
        """A function of the machine's own, looked up once."""
        found = self._functions.get(name)
        if found is None:
            self.module._open_handle()
            found = self._functions[name] = self.module[name]
        return found

    def function_names(self) -> list[str]:
        """The names of the functions that a caller can call; empty where the executable does not tell."""
        raise NotImplementedError

    def get_function_arity(self, func_name: str) -> int:
        """How many arguments a function takes.

        Raises
        ------
        TVMAttributeError
            If there is no such function.
        """
        if not isinstance(func_name, str):
            raise TypeError(f"expected a function's name, got {type(func_name).__name__}")
        names = self.function_names()
        try:
            if not names or func_name in names:
                return self._ask_arity(func_name)
        except TVMError:
            pass
        known = f"; it has {', '.join(names)}" if names else ""
        raise TVMAttributeError(f"the model has no function {func_name!r}{known}")

    def _ask_arity(self, func_name: str) -> int:
        raise NotImplementedError

    def _ask_param_name(self, func_name: str, index: int) -> str:
        raise NotImplementedError

    def get_function_param_name(self, func_name: str, index: int) -> str:
        """The name of one of a function's parameters.

        Raises
        ------
        IndexError
            If it has fewer.
        """
        arity = self.get_function_arity(func_name)
        if not 0 <= index < arity:
            raise IndexError(f"{func_name} has no parameter {index}; it has {arity}")
        return self._ask_param_name(func_name, index)

    def get_function_param_names(self, func_name: str) -> list[str]:
        """The names of a function's parameters, in their order."""
        return [self._ask_param_name(func_name, index) for index in range(self.get_function_arity(func_name))]

    def inputs(self, func_name: str = "main") -> list[TensorInfo]:
        """What a function takes. Shape and dtype are None where the executable does not tell them."""
        raise NotImplementedError

    def outputs(self, func_name: str = "main") -> Optional[list[TensorInfo]]:
        """The tensors that a function gives, those in tuples one after the other; None if that cannot be told."""
        raise NotImplementedError

    def __getitem__(self, name: str) -> MachineFunction:
        return self.function(name)

    def function(self, name: str) -> MachineFunction:
        """A function by name.

        Raises
        ------
        TVMAttributeError
            If there is none of that name.
        """
        self._check_function(name)
        return MachineFunction(name, self._call)

    def _check_function(self, name: str) -> None:
        self.get_function_arity(name)

    def _call(self, name: str, *args: Any, **named: Any) -> Any:
        raise NotImplementedError

    def _arguments(
        self, func_name: str, args: tuple[Any, ...], named: dict[str, Any], copy: Optional[bool] = None
    ) -> list[Any]:
        """The arguments of a function, in order, each as the machine can keep it."""
        infos = self.inputs(func_name)
        names = [info.name for info in infos]
        unknown = [name for name in named if name not in names]
        if unknown:
            raise TypeError(f"{func_name} has no parameter {unknown[0]!r}; it has {', '.join(names)}")
        given: list[Any] = list(args)
        for name in names[len(args) :]:
            if name in named:
                given.append(named[name])
        twice = [name for name in names[: len(args)] if name in named]
        if len(given) != len(names) or len(args) + len(named) != len(names):
            raise TypeError(
                f"{func_name} takes {len(names)} arguments ({', '.join(names)}), got {len(args)}"
                + (f" and {', '.join(named)}" if named else "")
                + (f": {twice[0]} twice" if twice else "")
            )
        return [self._argument(value, info, copy) for value, info in zip(given, infos)]

    def _argument(self, value: Any, info: TensorInfo, copy: Optional[bool] = None) -> Any:
        raise NotImplementedError

    def set_output(self, func_name: str, *outputs: Any, copy: Optional[bool] = None) -> None:
        """Says where a function's results go as well, from the next run on.

        Parameters
        ----------
        func_name : str
        *outputs : NDArray or writable numpy array, or None
            For each tensor that the function gives, those in tuples one after the other; None for one that goes
            nowhere else. None at all: no more.
        copy : bool, optional
            A machine makes its results itself, so they are copied there after each run.

        Raises
        ------
        ZeroCopyError
            If `copy` is False.
        TypeError, ValueError
            If one is no array that can be written to, or another in number, shape or element type than what the
            function says that it gives. What it does not say is checked after the run.
        """
        self.get_function_arity(func_name)
        if copy is False and outputs:
            raise ZeroCopyError(f"{self._kind} makes its results itself: what it returns is no copy, take that")
        infos = self.outputs(func_name)
        if outputs and infos is not None and len(infos) != len(outputs):
            raise ValueError(f"{func_name} gives {len(infos)} tensors, got {len(outputs)} to put them in")
        for place, value in enumerate(outputs):
            if value is not None:
                target(value, infos[place] if infos else TensorInfo("", None, None))
        self._targets[func_name] = outputs

    def _deliver(self, func_name: str, result: Any) -> Any:
        """Copies a result to where `set_output` said; returns it."""
        targets = self._targets.get(func_name)
        if targets:
            found = tensors_of(result)
            if len(found) != len(targets):
                raise ValueError(f"{func_name} gave {len(found)} tensors, and set_output got {len(targets)}")
            for value, where in zip(found, targets):
                if where is not None:
                    copied(value, where)
        return result

    def benchmark(
        self,
        device: Optional[Device] = None,
        *args: Any,
        func_name: str = "main",
        repeat: int = 5,
        number: int = 5,
        min_repeat_ms: int = 0,
        **named: Any,
    ) -> BenchmarkResult:
        """Times a function inside the runtime, without the setting of its arguments.

        Parameters
        ----------
        device : Device, optional
            The machine's first, if not given.
        *args, **named
            The function's arguments.
        func_name : str
        repeat, number, min_repeat_ms : int
            As `Module.time_evaluator` has them.
        """
        if device is not None and not isinstance(device, Device):
            raise TypeError(f"benchmark takes a Device (or None) before the arguments, got {type(device).__name__}")
        self.set_input(func_name, *args, **named)
        evaluator = self.module.time_evaluator(
            self._runs_what_is_set, device or self.device, number, repeat, min_repeat_ms
        )
        return evaluator(func_name)  # type: ignore[no-any-return]

    def set_input(self, func_name: str, *args: Any, copy: Optional[bool] = None, **named: Any) -> None:
        """Sets a function's arguments."""
        raise NotImplementedError

    def profile(self, func_name: str, *args: Any, **named: Any) -> Report:
        """Runs a function and times each step.

        Parameters
        ----------
        func_name : str
        *args, **named
            The function's arguments.

        Returns
        -------
        Report

        Raises
        ------
        TVMAttributeError
            If the machine was not made with ``profile=True``.
        """
        raise NotImplementedError

    def _profiling(self: Self) -> Self:
        """A machine of the same executable that can `profile`."""
        if self._executable.closed:
            raise ValueError("the executable has been closed: to profile, keep it open")
        return type(self)(self._executable, self.devices, profile=True)  # type: ignore[call-arg]

    @property
    def closed(self) -> bool:
        """Whether the machine has been let go."""
        return self.module.closed

    def close(self) -> None:
        """Lets go of the machine. Arrays that it gave are still good. Twice does no harm."""
        self.module.close()
        for each in self._functions.values():
            each.close()
        self._functions.clear()
        self._targets.clear()

    def __enter__(self: Self) -> Self:
        return self

    def __exit__(self, *error: Any) -> None:
        self.close()

    def __repr__(self) -> str:
        name = type(self).__name__
        if self.closed:
            return f"<{name} (closed)>"
        return f"<{name} {', '.join(self.function_names())} on {', '.join(map(str, self.devices))}>"


def _devices(device: Union[Device, Sequence[Device], None]) -> list[Device]:
    given = [cpu(0)] if device is None else [device] if isinstance(device, Device) else list(device)
    if not given or not all(isinstance(each, Device) for each in given):
        raise TypeError(f"expected a Device or several, got {device!r}")
    for each in given:
        if not each.exist:
            raise TVMError(f"there is no {each} for this runtime: {load_runtime().path}")
    # Functions of shapes run on the host, which is the last.
    return given if given[-1].device_type == 1 else [*given, cpu(0)]


class MachineFunction:
    """A function of a machine's: call it with arrays, by place or by name. It keeps its machine alive."""

    __slots__ = ("__weakref__", "_call", "name")

    def __init__(self, name: str, call: Callable[..., Any]) -> None:
        self.name = name
        self._call = call

    def __call__(self, *args: Any, **named: Any) -> Any:
        """Runs the function; returns an NDArray, or a tuple of what it returns."""
        return self._call(self.name, *args, **named)

    def __repr__(self) -> str:
        return f"<MachineFunction {self.name}>"


__all__ = ["Machine", "MachineFunction"]
