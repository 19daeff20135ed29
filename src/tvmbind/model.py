"""``load_model``: any artefact that TVM compiled as one object, `Model`, whichever executor it is for."""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Mapping, Sequence
from typing import Any, Optional, TypeVar, Union

from .device import Device, cpu
from .errors import TVMError, TVMNotImplementedError, TVMValueError
from .executor.aot import AotModule
from .executor.graph import GraphModule
from .executor.inputs import TensorInfo, fitting
from .executor.machine_values import tensors_of
from .executor.profiler import HOWS, profile_graph
from .executor.relax_vm import RelaxVirtualMachine
from .executor.relay_vm import VirtualMachine
from .executor.virtual_machine import Machine
from .library import load_runtime
from .model_files import Make, prepare
from .ndarray import NDArray
from .profiling import Report
from .profiling.benchmark import BenchmarkResult, check_numbers

Self = TypeVar("Self", bound="Model")
Executor = Union[GraphModule, AotModule, RelaxVirtualMachine, VirtualMachine]

_models: weakref.WeakSet[Model] = weakref.WeakSet()


class Model:
    """A compiled model: made by `load_model`.

    One run at a time: threads that share a model wait for each other. For runs side by side give each thread its
    own, by `clone`.

    Attributes
    ----------
    executor : GraphModule or AotModule or RelaxVirtualMachine or VirtualMachine
        What runs it, with TVM's own methods. Its outputs are views that the next run overwrites.
    device : Device
        Where it computes.
    inputs : list of TensorInfo
        What `run` takes, in order: without the weights. Of a virtual machine shape and dtype may be None.
    """

    def __init__(
        self, make: Make, weights: dict[str, NDArray], device: Device, like: Optional[Model] = None
    ) -> None:
        executor: Executor = make(None if like is None else like.executor)
        self.executor: Executor = executor
        self.device = device
        self._make = make
        self._weights = weights
        self._lock = threading.Lock()
        self._runner: Optional[int] = None
        self._entry = ""
        if isinstance(executor, Machine):
            self._entry = _entry(executor)
            names = [info.name for info in executor.inputs(self._entry)]
            foreign = [name for name in self._weights if name not in names]
            if foreign:
                raise TVMValueError(
                    f"these params belong to another model: it has no input {foreign[0]!r}; it has {', '.join(names)}"
                )
        found = executor.inputs(self._entry) if isinstance(executor, Machine) else executor.inputs
        self.inputs = [info for info in found if info.name not in self._weights]
        self._keys = [info.name or index for index, info in enumerate(self.inputs)]
        # To bind memory for one run costs more than to copy this little.
        self._copies = True if all(map(_is_little, self.inputs)) else None
        self._place_by_name: dict[str, int] = {}  # in the order of the inputs
        for place, info in enumerate(self.inputs):
            self._place_by_name.setdefault(info.name or str(place), place)
        _models.add(self)

    @property
    def outputs(self) -> list[TensorInfo]:
        """What `run` gives. The graph executor has names for them, others do not: they are empty.

        Raises
        ------
        TVMNotImplementedError
            If nothing tells: a virtual machine may decide what it returns only when it runs.
        """
        self._check_open()
        found = self.executor.outputs(self._entry) if isinstance(self.executor, Machine) else self.executor.outputs
        if found is None:
            raise TVMNotImplementedError(
                f"what {self._entry!r} returns is known only when it has run: the executable does not tell"
            )
        return found

    def run(self, *feed: Any) -> list[NDArray]:
        """Computes: ``run(feed)``, or as onnxruntime has it, ``run(names, feed)``.

        Parameters
        ----------
        names : sequence of str or int, optional
            Which outputs: names, or numbers where they have none. None for all.
        feed : mapping, or sequence of array_like, or array
            All inputs: by name; or in the order of `inputs` (a list or a tuple is always that); or the only one.

        Returns
        -------
        list of NDArray
            Copies, which are the caller's: the next run does not touch them. Of tuples in tuples the parts, one
            after the other. For views take `executor`.

        Raises
        ------
        KeyError
            If there is no such input or output.
        TypeError, ValueError
            If an input is missing, or has another shape or element type. Nothing has run then.
        """
        names, given = feed if len(feed) == 2 else (None, *feed) if len(feed) == 1 else (None, None)
        if len(feed) not in (1, 2):
            raise TypeError(f"run takes a feed, or names of outputs and a feed; got {len(feed)} arguments")
        self._check_open()
        values = self._feed(given)
        with _Running(self):
            self._check_open()
            chosen = self._chosen(names)
            found = self._compute(values)
            if chosen is not None and max(chosen, default=0) >= len(found):
                raise KeyError(f"the model has no output {max(chosen)}; it has {len(found)}")
            return [_copy(found[index]) for index in (range(len(found)) if chosen is None else chosen)]

    def benchmark(self, feed: Any, repeat: int = 30, number: int = 1, min_repeat_ms: int = 2) -> BenchmarkResult:
        """Times the model inside the runtime: what it computes, without setting inputs and copying outputs.

        Parameters
        ----------
        feed : mapping, or sequence of array_like, or array
            As `run` takes it.
        repeat : int
            Measurements; each is a result.
        number : int
            Runs per measurement, at least; a result is their mean.
        min_repeat_ms : int
            More runs, until a measurement takes this long, in milliseconds.

        Returns
        -------
        BenchmarkResult
        """
        self._check_open()
        values = self._feed(feed)
        with _Running(self):
            self._check_open()
            if isinstance(self.executor, Machine):
                return self.executor.benchmark(
                    self.device, *self._arguments(values), func_name=self._entry,
                    repeat=repeat, number=number, min_repeat_ms=min_repeat_ms,
                )  # fmt: skip
            self._set(values)
            try:
                return self.executor.benchmark(self.device, "run", repeat, number, min_repeat_ms=min_repeat_ms)
            finally:
                self.executor._release_inputs()

    def profile(self, feed: Any, repeat: int = 10, how: str = "") -> Report:
        """Times each step of the model.

        Parameters
        ----------
        feed : mapping, or sequence of array_like, or array
            As `run` takes it.
        repeat : int
            Each time is the median of so many.
        how : str
            Of a graph: ``"profiler"``, by the runtime's debug executor as the model runs; ``"functions"``, each
            function on its own, again and again. Empty for the first that this runtime has.

        Returns
        -------
        Report

        Raises
        ------
        TVMNotImplementedError
            If the steps cannot be told apart: an AOT model calls its functions by itself; or the runtime has nothing
            that profiles its machine.
        """
        check_numbers({"repeat": repeat})
        if how and how not in HOWS:
            raise ValueError(f"how is one of {', '.join(HOWS)}, got {how!r}")
        self._check_open()
        values = self._feed(feed)
        with _Running(self):
            self._check_open()
            if isinstance(self.executor, Machine):
                if how == "functions":
                    raise TVMNotImplementedError("functions are timed one by one in graphs only; leave how out")
                with self.executor._profiling() as machine:
                    given = self._arguments(values)
                    report = Report.median_of([machine.profile(self._entry, *given) for _ in range(repeat)])
                report.configuration.setdefault("Runtime", load_runtime().title)
                report.configuration.setdefault("Timed", f"in runs of the model; the median of {repeat}")
                return report
            if isinstance(self.executor, AotModule):
                raise TVMNotImplementedError(
                    "an AOT model has no graph: its library calls its functions by itself, and no runtime times them. "
                    "benchmark times the whole"
                )
            self._set(values)
            try:
                return profile_graph(self.executor, how, repeat)
            finally:
                self.executor._release_inputs()

    def _arguments(self, values: list[Any]) -> list[Any]:
        """What a machine's function takes: the inputs, and the weights between them."""
        assert isinstance(self.executor, Machine)
        given, infos = iter(values), self.executor.inputs(self._entry)
        return [self._weights[info.name] if info.name in self._weights else next(given) for info in infos]

    def _set(self, values: list[Any]) -> None:
        assert not isinstance(self.executor, Machine)
        if len(values) == 1:
            self.executor.set_input(self._keys[0], values[0], self._copies)
        else:
            self.executor._set_inputs(list(zip(self._keys, values)), self._copies)

    def _compute(self, values: list[Any]) -> list[Any]:
        if isinstance(self.executor, Machine):
            return tensors_of(self.executor[self._entry](*self._arguments(values)))
        self._set(values)
        try:
            self.executor.run()
        finally:
            if not self._copies:
                self.executor._release_inputs()  # a model keeps nothing of its caller's
        return [self.executor.get_output(index) for index in range(self.executor.get_num_outputs())]

    def _feed(self, feed: Any) -> list[Any]:
        """The values in the order of the inputs. Those of a machine are checked; other executors check their own."""
        if type(feed) is dict and feed.keys() == self._place_by_name.keys():
            values = [feed[name] for name in self._place_by_name]
        elif isinstance(feed, Mapping):
            by_place = {self._place(key): value for key, value in feed.items()}
            if len(by_place) != len(feed) or by_place.keys() != set(range(len(self.inputs))):
                self._explain(feed, by_place)
            values = [by_place[place] for place in range(len(by_place))]
        else:
            values = list(feed) if isinstance(feed, (list, tuple)) else [feed]
        if len(values) != len(self.inputs):
            raise ValueError(f"{self._takes()}, got {len(values)}")
        if not isinstance(self.executor, Machine):
            return values
        named = (info._replace(name=info.name or str(place)) for place, info in enumerate(self.inputs))
        return [value if info.dtype is None else fitting(value, info) for value, info in zip(values, named)]

    def _explain(self, feed: Mapping[Any, Any], by_place: dict[Optional[int], Any]) -> None:
        """Raises for what a feed by name has too much, or lacks."""
        unknown = [key for key in feed if self._place(key) is None]
        if unknown:
            raise KeyError(f"the model has no input {unknown[0]!r}: {self._takes()}")
        missing = [info.name or str(place) for place, info in enumerate(self.inputs) if place not in by_place]
        if missing:
            raise ValueError(f"the feed lacks {', '.join(missing)}: {self._takes()}")

    def _takes(self) -> str:
        return f"the model takes {len(self.inputs)} inputs ({', '.join(map(str, self.inputs))})"

    def _place(self, key: Any) -> Optional[int]:
        """The place of an input in `inputs`, by its name; by its number where it has none (AOT, before 0.12)."""
        place = self._place_by_name.get(key)
        if place is not None:
            return place
        if isinstance(self.executor, AotModule) and isinstance(key, str):
            place = self.executor.get_input_index(key)
            return place if place >= 0 else None
        return None

    def _chosen(self, names: Any) -> Optional[list[int]]:
        """The numbers of the outputs that are asked for; None for all."""
        if names is None:
            return None
        if isinstance(names, (str, int)) or not isinstance(names, Sequence):
            raise TypeError(f"expected names of outputs as a list, or None for all; got {type(names).__name__}")
        known = [info.name for info in self.outputs] if any(isinstance(name, str) for name in names) else []
        chosen = []
        for name in names:
            place = known.index(name) if isinstance(name, str) and name and name in known else name
            if not hasattr(place, "__index__") or place.__index__() < 0:
                has = ", ".join(filter(None, known)) or "outputs without names: ask by number"
                raise KeyError(f"the model has no output {name!r}; it has {has}")
            chosen.append(place.__index__())
        return chosen

    def clone(self: Self) -> Self:
        """Another executor of the same model, for another thread. Weights are shared where TVM can share them."""
        self._check_open()
        return type(self)(self._make, self._weights, self.device, self)

    @property
    def closed(self) -> bool:
        """Whether the model has been let go."""
        return self.executor.closed

    def close(self) -> None:
        """Lets go of the model, when no run is under way any more. Results of runs are still good."""
        with _Running(self):
            self.executor.close()

    def _check_open(self) -> None:
        if self.closed:
            raise ValueError("this Model has been closed")

    def __enter__(self: Self) -> Self:
        return self

    def __exit__(self, *error: Any) -> None:
        self.close()

    def __repr__(self) -> str:
        if self.closed:
            return "<Model (closed)>"
        kind = type(self.executor).__name__
        return f"<Model {', '.join(map(str, self.inputs))} by {kind} on {self.device}>"


_LITTLE = 16384  # bytes


class _Running:
    """One run at a time; a run inside a run, by a callback, would wait for itself."""

    def __init__(self, model: Model) -> None:
        self._model = model

    def __enter__(self) -> None:
        here = threading.get_ident()
        if self._model._runner == here:
            raise TVMError("this model is running: a function that it calls cannot run or close it; use a clone()")
        self._model._lock.acquire()
        self._model._runner = here

    def __exit__(self, *error: Any) -> None:
        self._model._runner = None
        self._model._lock.release()


def _after_fork() -> None:
    # A thread that was running a model is not there in the child, and would hold it for ever.
    for model in list(_models):
        model._lock, model._runner = threading.Lock(), None


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def _is_little(info: TensorInfo) -> bool:
    if info.dtype is None or info.shape is None:
        return False
    size = info.dtype.itemsize
    for extent in info.shape:
        size *= extent if isinstance(extent, int) else _LITTLE + 1
    return size <= _LITTLE


def _copy(value: Any) -> Any:
    return value.copy() if isinstance(value, NDArray) else value


def _entry(machine: Machine) -> str:
    """The function that a model is: ``main``, or the only one."""
    names = machine.function_names()
    if "main" in names or not names:
        return "main"
    if len(names) == 1:
        return names[0]
    raise TVMValueError(
        f"the library has several functions, {', '.join(names)}, and none is 'main': call them as "
        f'{type(machine).__name__}(load_module(path))["{names[0]}"](...)'
    )


def load_model(*paths: Union[str, os.PathLike[str]], device: Union[Device, Sequence[Device], None] = None) -> Model:
    """Loads what TVM compiled, whichever executor it is for.

    Parameters
    ----------
    *paths : str or path
        The files, in any order: a library with its graph (``.json``) and weights (``.params``); or one library that
        has all, of the graph executor, the AOT executor, or Relay's or Relax's virtual machine (with or without
        weights in a ``.params``). Or a folder, a tar or a zip that holds them: TVMC's package, Model Library Format
        (with its library compiled), or any other.
    device : Device or sequence of Device, optional
        Where to compute; the host if not given.

    Returns
    -------
    Model

    Raises
    ------
    TVMOSError
        If a file is not there, or cannot be loaded.
    TVMValueError
        If the files are no model; says what is missing.
    """
    devices = [cpu(0)] if device is None else [device] if isinstance(device, Device) else list(device)
    if not devices or not all(isinstance(each, Device) for each in devices):
        raise TypeError(f"expected a Device, such as cpu(0), or several, got {device!r}")
    make, weights = prepare(paths, devices)
    return Model(make, weights, devices[0])


__all__ = ["Model", "load_model"]
