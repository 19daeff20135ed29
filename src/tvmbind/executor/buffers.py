"""``BufferedExecutor``: what the graph and the AOT executor share, inputs and outputs in memory of their own.

The runtime would copy whatever has the right number of bytes: names, shapes and element types are checked here.
"""

from __future__ import annotations

import operator
from collections.abc import Mapping
from typing import Any, Optional, TypeVar, Union

from .._core import quicken_method, rebind
from ..device import Device, cpu
from ..errors import TVMNotImplementedError, TVMValueError, ZeroCopyError
from ..function import PackedFunc
from ..interchange import from_dlpack
from ..library import load_runtime
from ..module import Module
from ..ndarray import NDArray
from ..pins import Pins
from ..profiling.benchmark import BenchmarkResult
from .inputs import TensorInfo, copied, target
from .slots import Slot

Self = TypeVar("Self", bound="BufferedExecutor")


class BufferedExecutor:
    """An executor's module, with its inputs and outputs by name and number.

    Notes
    -----
    Not for several threads at a time: give each its own.
    """

    _kind = "executor"
    _made_by = ""
    _functions: tuple[str, ...] = ("set_input", "run", "get_output", "get_input", "get_num_outputs")
    _other_kinds: tuple[str, ...] = ()

    def __init__(self, module: Module) -> None:
        if not isinstance(module, Module):
            raise TypeError(f"expected a Module (the {self._kind}'s), got {type(module).__name__}")
        missing = [name for name in self._functions if module._find(name, False) is None]
        if missing or module.type_key in self._other_kinds:
            why = f"it has no {missing[0]!r}" if missing else f"it is of type {module.type_key}"
            raise TVMValueError(f"{module!r} is no {self._kind}: {why}. {self._made_by}")
        self.module = module
        self._pins = module._pins
        self._run = module["run"]
        self._get_output = module["get_output"]
        self._get_input = module["get_input"]
        self._inputs_by_key: dict[Union[str, int], Slot] = {}
        self._outputs_by_key: dict[int, Slot] = {}
        self._copies: dict[int, Any] = {}
        self._outputs_count: int = module["get_num_outputs"]()

    @property
    def inputs(self) -> list[TensorInfo]:
        """The inputs that are not weights."""
        raise NotImplementedError

    @property
    def outputs(self) -> list[TensorInfo]:
        """The outputs. The runtime gives them no names."""
        return [self._output(index).info for index in range(self._outputs_count)]

    def set_input(
        self, key: Union[str, int, None] = None, value: Any = None, copy: Optional[bool] = None, **params: Any
    ) -> None:
        """Sets inputs.

        Parameters
        ----------
        key : str or int, optional
            An input's name or number.
        value : NDArray or array_like, optional
            Of the input's shape and element type. Python lists and numbers are converted.
        copy : bool, optional
            As numpy 2 has it. None: each run reads the value's own memory, where the runtime can use it (C-contiguous,
            aligned as `runtime_info` says, writable, on the executor's device), else it is copied now. False: the
            memory itself, or an error. True: always a copy. What is not copied is kept alive until the input is set
            again; changing it is setting the input.
        **params
            More inputs, by name.

        Raises
        ------
        KeyError, IndexError
            If there is no such input. Nothing is set then.
        TypeError, ValueError
            If the element type or the shape differs. Nothing is set then.
        ZeroCopyError
            If `copy` is False and the memory cannot be used where it is; says why.
        """
        if key is not None and not params:
            slot = self._inputs_by_key.get(key) or self._input(key)
            quick = slot.quick
            if copy is True or quick is None or not rebind(value, *quick):
                slot.put(slot.check(value, copy), copy)
            return
        if key is None and value is not None:
            raise TypeError("set_input got a value without an input's name")
        self._set_inputs(([(key, value)] if key is not None else []) + list(params.items()), copy)

    def _set_inputs(self, given: list[tuple[Union[str, int], Any]], copy: Optional[bool] = None) -> None:
        slots = [self._inputs_by_key.get(key) or self._input(key) for key, _ in given]
        values = [slot.check(value, copy) for slot, (_, value) in zip(slots, given)]
        for slot, value in zip(slots, values):
            slot.put(value, copy)

    def set_input_zero_copy(self, key: Union[str, int, None] = None, value: Any = None, **params: Any) -> None:
        """`set_input` with ``copy=False``, as TVM calls it."""
        self.set_input(key, value, copy=False, **params)

    def set_output_zero_copy(self, key: Union[str, int], value: Any) -> None:
        """`set_output` with ``copy=False``, as TVM calls it."""
        self.set_output(key, value, copy=False)

    def set_output(self, key: Union[str, int], value: Any, copy: Optional[bool] = None) -> None:
        """Says where an output goes, from the next run on.

        Parameters
        ----------
        key : str or int
            An output's number; its name where it has one.
        value : NDArray or writable numpy array, or None
            Of the output's shape and element type. None: the executor's own array again.
        copy : bool, optional
            As in `set_input`. None: a run writes into this very memory where the runtime can use it, else the output
            is copied there after each run. False: never copied. True: always copied.

        Raises
        ------
        KeyError, IndexError
            If there is no such output.
        TypeError, ValueError
            If it is no array that can be written to, or shape or element type differ.
        ZeroCopyError
            If `copy` is False and the memory cannot be used where it is; says why.
        """
        index = self._output_index(key)
        slot = self._output(index)
        if value is None:
            slot.unbind()
            self._copies.pop(index, None)
            return
        value = target(value, slot.info)
        bound = copy is not True and slot.bind(value)
        if not bound and copy is False:
            raise ZeroCopyError(f"output {key!r} cannot be computed there: {slot.why_not(value)}")
        if bound:
            self._copies.pop(index, None)
        else:
            slot.unbind()
            self._copies[index] = value

    def _input(self, key: Union[str, int]) -> Slot:
        if isinstance(key, str):
            index = self.get_input_index(key)
            if index < 0:
                raise KeyError(self._no_input(key))
        else:
            count, index = self.get_num_inputs(), operator.index(key)
            if not 0 <= index < count:
                raise IndexError(f"the model has no input {index}; it has {count}, weights counted")
        found = self._inputs_by_key.get(index)
        if found is None:
            array = self._own_array("input", index)
            found = self._slot(TensorInfo(str(key), array.shape, array.dtype), array, ("input", index))
            self._inputs_by_key[index] = found
        self._inputs_by_key[key] = found
        return found

    def _own_array(self, kind: str, index: int) -> NDArray:
        """The executor's own array for an input or output, by an object that is not the runtime's."""
        bound = self._pins.get((kind, index))
        if bound is not None:
            return bound[0]  # type: ignore[no-any-return]
        return from_dlpack(self._get_input(index) if kind == "input" else self._get_output(index))

    def _slot(self, info: TensorInfo, array: NDArray, place: tuple[str, int]) -> Slot:
        """The slot of an input or output. An executor that can bind memory says how."""
        return Slot(info, array, self._pins, place, None, f"{load_runtime().title} cannot bind memory to it")

    def _buffer(self, key: Union[str, int]) -> NDArray:
        """The executor's own array for an input."""
        return self._input(key).array

    def _no_input(self, name: str) -> str:
        try:
            names = ", ".join(repr(info.name) for info in self.inputs[:20])
        except TVMNotImplementedError:
            return f"the model has no input {name!r}"
        return f"the model has no input {name!r}; it has {names}"

    def _output(self, index: int) -> Slot:
        found = self._outputs_by_key.get(index)
        if found is None:
            array = self._own_array("output", index)
            found = self._slot(TensorInfo("", array.shape, array.dtype), array, ("output", index))
            self._outputs_by_key[index] = found
        return found

    def _release_inputs(self) -> None:
        """Lets go of what `set_input` did not copy."""
        for place in list(self._pins):
            if place[0] == "input":
                (self._inputs_by_key.get(place[1]) or self._input(place[1])).unbind()

    def _forget_slots(self) -> None:
        """Uses the executor's own arrays only, and lets go of them."""
        for slot in (*self._inputs_by_key.values(), *self._outputs_by_key.values()):
            slot.unbind()
        self._inputs_by_key.clear()
        self._outputs_by_key.clear()

    def _output_index(self, key: Union[str, int]) -> int:
        if isinstance(key, str):
            names = [info.name for info in self.outputs]
            if key and key in names:
                return names.index(key)
            has = ", ".join(filter(None, names)) or "outputs without names: ask by number"
            raise KeyError(f"the model has no output {key!r}; it has {has}")
        index = operator.index(key)
        if not 0 <= index < self._outputs_count:
            raise IndexError(f"the model has no output {index}; it has {self._outputs_count}")
        return index

    def run(self, **inputs: Any) -> None:
        """Sets inputs, if any are given, and computes all outputs."""
        if inputs:
            self.set_input(**inputs)
        self._run()
        if self._copies:
            self._copy_outputs()

    def _copy_outputs(self) -> None:
        for index, where in self._copies.items():
            copied(self._output(index).array, where)

    def run_from_inputs(self, inputs: Mapping[str, Any], device: Optional[Device] = None) -> list[NDArray]:
        """Sets inputs, computes, and returns copies of all outputs on a device, the host if not given."""
        self._set_inputs(list(inputs.items()))
        self.run()
        return [self.get_output(index).copyto(device or cpu(0)) for index in range(self._outputs_count)]

    def get_output(self, index: int, out: Any = None) -> NDArray:
        """An output of the last run.

        Parameters
        ----------
        index : int
        out : NDArray or writable numpy array, optional
            Where to copy it.

        Returns
        -------
        NDArray
            `out`, or else the memory that was computed in: the executor's own, or what `set_output` bound. The next
            run overwrites it: ``.copy()`` or ``.numpy().copy()`` keeps it.

        Raises
        ------
        IndexError
            If there is no such output.
        """
        slot = self._outputs_by_key.get(index) or self._output(self._output_index(operator.index(index)))
        return slot.shown() if out is None else copied(slot.shown(), out)

    def get_input(self, index: Union[int, str], out: Any = None) -> NDArray:
        """An input, by name or number: the memory that the next run reads, or a copy in `out`.

        Writing to it is setting the input.
        """
        slot = self._inputs_by_key.get(index) or self._input(index)
        return slot.shown() if out is None else copied(slot.shown(), out)

    def get_num_outputs(self) -> int:
        """How many outputs."""
        return self._outputs_count

    def get_num_inputs(self) -> int:
        """How many inputs, weights counted where TVM counts them."""
        return self.module["get_num_inputs"]()  # type: ignore[no-any-return]

    def get_input_index(self, name: str) -> int:
        """The number of an input; -1 if there is none of that name."""
        return self.module["get_input_index"](name)  # type: ignore[no-any-return]

    def benchmark(
        self, device: Optional[Device] = None, func_name: str = "run", repeat: int = 5, number: int = 5, **options: Any
    ) -> BenchmarkResult:
        """Times a function of the executor inside the runtime. Parameters as `Module.time_evaluator` has them."""
        return self.module.time_evaluator(  # type: ignore[no-any-return]
            func_name, device, number=number, repeat=repeat, **options
        )()

    @property
    def closed(self) -> bool:
        """Whether the executor has been let go."""
        return self.module.closed

    def close(self) -> None:
        """Lets go of the executor. Arrays that it gave are still good. Twice does no harm."""
        for each in (self.module, self._run, self._get_output, self._get_input):
            each.close()
        self._inputs_by_key.clear()
        self._outputs_by_key.clear()
        self._copies.clear()
        self._pins = Pins()

    def __enter__(self: Self) -> Self:
        return self

    def __exit__(self, *error: Any) -> None:
        self.close()

    def __getitem__(self, name: str) -> PackedFunc:
        return self.module[name]

    def __repr__(self) -> str:
        name = type(self).__name__
        if self.closed:
            return f"<{name} (closed)>"
        try:
            takes = ", ".join(map(str, self.inputs))
        except TVMNotImplementedError:
            takes = f"{self.get_num_inputs()} inputs"
        return f"<{name} {takes}>"


quicken_method(BufferedExecutor, "run", "($self, **inputs)")
