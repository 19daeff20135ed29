"""``BufferedExecutor``: what the graph and the AOT executor share, inputs and outputs in memory of their own.

The runtime would copy whatever has the right number of bytes: names, shapes and element types are checked here.
"""

from __future__ import annotations

import operator
from typing import Any, Optional, TypeVar, Union

from ..device import Device
from ..errors import TVMNotImplementedError, TVMValueError
from ..function import PackedFunc
from ..module import BenchmarkResult, Module
from ..ndarray import NDArray
from .inputs import TensorInfo, fitting

Self = TypeVar("Self", bound="BufferedExecutor")


class BufferedExecutor:
    """An executor's module, with its inputs and outputs by name and number.

    Notes
    -----
    Not for several threads at a time: give each its own.
    """

    _kind = "executor"
    _made_by = ""
    _functions = ("set_input", "run", "get_output", "get_input", "get_num_outputs")
    _other_kinds: tuple[str, ...] = ()

    def __init__(self, module: Module) -> None:
        if not isinstance(module, Module):
            raise TypeError(f"expected a Module (the {self._kind}'s), got {type(module).__name__}")
        missing = [name for name in self._functions if module._find(name, False) is None]
        if missing or module.type_key in self._other_kinds:
            why = f"it has no {missing[0]!r}" if missing else f"it is of type {module.type_key}"
            raise TVMValueError(f"{module!r} is no {self._kind}: {why}. {self._made_by}")
        self.module = module
        self._run = module["run"]
        self._get_output = module["get_output"]
        self._get_input = module["get_input"]
        self._buffers: dict[Union[str, int], NDArray] = {}
        self._outputs_count: int = module["get_num_outputs"]()

    @property
    def inputs(self) -> list[TensorInfo]:
        """The inputs that are not weights."""
        raise NotImplementedError

    @property
    def outputs(self) -> list[TensorInfo]:
        """The outputs. The runtime gives them no names."""
        arrays = (self._get_output(index) for index in range(self.get_num_outputs()))
        return [TensorInfo("", array.shape, array.dtype) for array in arrays]

    def set_input(self, key: Union[str, int, None] = None, value: Any = None, **params: Any) -> None:
        """Copies values into inputs.

        Parameters
        ----------
        key : str or int, optional
            An input's name or number.
        value : NDArray or array_like, optional
            Of the input's shape and element type. Python lists and numbers are converted.
        **params
            More inputs, by name.

        Raises
        ------
        KeyError, IndexError
            If there is no such input. Nothing is set then.
        TypeError, ValueError
            If the element type or the shape differs. Nothing is set then.
        """
        given = ([(key, value)] if key is not None else []) + list(params.items())
        if key is None and value is not None:
            raise TypeError("set_input got a value without an input's name")
        self._set_inputs(given)

    def _set_inputs(self, given: list[tuple[Union[str, int], Any]]) -> None:
        checked = []
        for name, each in given:
            buffer = self._buffer(name)
            checked.append((buffer, fitting(each, TensorInfo(str(name), buffer.shape, buffer.dtype))))
        for buffer, each in checked:
            buffer.copyfrom(each)

    def _buffer(self, key: Union[str, int]) -> NDArray:
        """The executor's own array for an input."""
        found = self._buffers.get(key) if isinstance(key, (str, int)) else None
        if found is None:
            if not isinstance(key, str):
                count, key = self.get_num_inputs(), operator.index(key)
                if not 0 <= key < count:
                    raise IndexError(f"the model has no input {key}; it has {count}, weights counted")
            found = self._look_up(key)
            if found is None:
                raise KeyError(self._no_input(str(key)))
            self._buffers[key] = found
        return found

    def _look_up(self, key: Union[str, int]) -> Optional[NDArray]:
        """The array of an input, by name or a number that is in range; None if there is none of that name."""
        return self._get_input(key)  # type: ignore[no-any-return]

    def _no_input(self, name: str) -> str:
        try:
            names = ", ".join(repr(info.name) for info in self.inputs[:20])
        except TVMNotImplementedError:
            return f"the model has no input {name!r}"
        return f"the model has no input {name!r}; it has {names}"

    def run(self, **inputs: Any) -> None:
        """Sets inputs, if any are given, and computes all outputs."""
        if inputs:
            self.set_input(**inputs)
        self._run()

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
            `out`, or else the executor's own array: the next run overwrites it. Copy it to keep it.

        Raises
        ------
        IndexError
            If there is no such output.
        """
        count, index = self.get_num_outputs(), operator.index(index)
        if not 0 <= index < count:
            raise IndexError(f"the model has no output {index}; it has {count}")
        return _copied(self._get_output(index), out)

    def get_input(self, index: Union[int, str], out: Any = None) -> NDArray:
        """An input, by name or number: the executor's own array, or a copy in `out`.

        Writing to it is setting the input.
        """
        return _copied(self._buffer(index), out)

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
        self._buffers.clear()

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


def _copied(found: NDArray, out: Any) -> NDArray:
    if out is None:
        return found
    if isinstance(out, NDArray):
        return out.copyfrom(found)
    import numpy as np

    if not isinstance(out, np.ndarray):
        raise TypeError(f"expected an NDArray or a numpy array to copy to, got {type(out).__name__}")
    view = found.numpy()
    if out.shape != view.shape or out.dtype != view.dtype:
        raise ValueError(f"cannot copy {found.dtype}{list(found.shape)} into {out.dtype}{list(out.shape)}")
    out[...] = view
    return out  # type: ignore[return-value]
