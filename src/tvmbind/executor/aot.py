"""``AotModule``: a model that TVM compiled ahead of time, with the method names of the graph executor.

Source: TVM's ``runtime/aot_executor/aot_executor.cc`` and ``runtime/executor/aot_executor.py``. In TVM 0.9 to 0.19.
"""

from __future__ import annotations

import re
from typing import Any, Optional

from .._core import problem_of
from ..dtype import DataType
from ..errors import TVMError, TVMNotImplementedError
from ..library import load_runtime
from ..module import Module
from ..ndarray import NDArray
from .buffers import BufferedExecutor
from .inputs import TensorInfo
from .slots import Slot


class AotModule(BufferedExecutor):
    """A model compiled ahead of time, and memory for its inputs and outputs.

    Its weights are in the library: inputs are what the model takes, and nothing else. The compiler wrote names of
    inputs with ``_`` for whatever is no letter or digit (``"input:0"`` is ``"input_0"``); either is understood.

    Parameters
    ----------
    module : Module
        What ``lib["default"](cpu(0))`` of an AOT library returned (or another name than ``"default"``: that which
        ``relay.build`` was given as ``mod_name``).

    Notes
    -----
    Not for several threads at a time: give each its own.
    """

    _kind = "AOT executor"
    _made_by = 'Of an AOT library take AotModule(lib["default"](device))'
    _other_kinds = ("GraphExecutor", "GraphExecutorDebug")

    def __init__(self, module: Module) -> None:
        super().__init__(module)
        # The executor itself binds no memory; what it runs is a function of the library's that takes any.
        self._main = module._main
        # The executor's own arrays, by place, in the order of the main function's arguments.
        self._arrays: dict[tuple[str, int], NDArray] = {}
        self._names: Optional[list[str]] = None
        name_of = module._find("get_input_name", False)
        if name_of is not None:
            self._names = [name_of(index) for index in range(self.get_num_inputs())]

    @property
    def inputs(self) -> list[TensorInfo]:
        """The inputs. Before TVM 0.12 the runtime does not tell their names, and these are empty."""
        arrays = [self._buffer(index) for index in range(self.get_num_inputs())]
        return [TensorInfo(name, a.shape, a.dtype) for name, a in zip(self._names or [""] * len(arrays), arrays)]

    def get_input_name(self, index: int) -> str:
        """The name of an input.

        Raises
        ------
        IndexError
            If there is no such input.
        TVMNotImplementedError
            If this runtime does not tell (before 0.12).
        """
        self._buffer(index)
        if self._names is None:
            raise TVMNotImplementedError(f"{load_runtime().title} does not tell the names of inputs")
        return self._names[index]

    def get_input_info(self) -> tuple[dict[str, tuple[int, ...]], dict[str, DataType]]:
        """Shapes and element types of the inputs, by name.

        Raises
        ------
        TVMNotImplementedError
            If this runtime does not tell their names (before 0.12).
        """
        infos = [info._replace(name=self.get_input_name(index)) for index, info in enumerate(self.inputs)]
        return {i.name: i.shape for i in infos}, {i.name: i.dtype for i in infos}  # type: ignore[misc]

    def get_input_index(self, name: str) -> int:
        """The number of an input; -1 if there is none of that name."""
        if not isinstance(name, str):
            raise TypeError(f"expected an input's name, got {type(name).__name__}")
        for each in (name, _sanitized(name)):
            if self._names is not None:
                if each in self._names:
                    return self._names.index(each)
                continue
            try:
                index = super().get_input_index(each)
            except TVMError:  # "Invalid input name.", where it is not -1
                continue
            if index >= 0:
                return index
        return -1

    def _slot(self, info: TensorInfo, array: NDArray, place: tuple[str, int]) -> Slot:
        if self._main is None:
            return super()._slot(info, array, place)
        return Slot(info, array, self._pins, place, lambda value: isinstance(value, NDArray) or not problem_of(value))

    def run(self, **inputs: Any) -> None:
        """Sets inputs, if any are given, and computes all outputs."""
        if inputs:
            self.set_input(**inputs)
        if self._pins and self._main is not None:
            if not self._arrays:
                self._arrays.update({("input", i): self._get_input(i) for i in range(self.get_num_inputs())})
                self._arrays.update({("output", i): self._get_output(i) for i in range(self._outputs_count)})
            bound = self._pins
            self._main(*[bound[place][1] if place in bound else own for place, own in self._arrays.items()])
        else:
            self._run()
        if self._copies:
            self._copy_outputs()


def _sanitized(name: str) -> str:
    """A name as the compiler writes it (TVM's ``runtime/name_transforms.cc``, SanitizeName)."""
    return re.sub(rb"[^0-9A-Za-z]", b"_", name.encode("utf-8", "surrogateescape")).decode()


__all__ = ["AotModule"]
