"""``GraphModule``: TVM's graph executor, with its own method names.

Source: TVM's ``runtime/graph_executor/graph_executor.cc`` and ``contrib/graph_executor.py``. In TVM 0.5 to
0.19; names of global functions changed at 0.8.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Optional, Union

from ..device import Device
from ..dtype import DataType
from ..errors import TVMNotImplementedError, TVMValueError
from ..function import PackedFunc, get_global_func
from ..library import load_runtime
from ..module import BenchmarkResult, Module
from ..ndarray import NDArray
from ..params import load_param_dict
from .inputs import TensorInfo, fitting

_GRAPH_KEYS = ("nodes", "arg_nodes", "heads", "attrs", "node_row_ptr")
_CREATORS = ("tvm.graph_executor.create", "tvm.graph_runtime.create")


class GraphModule:
    """A graph, its weights, and memory for all that is computed.

    Parameters
    ----------
    module : Module
        What ``lib["default"](device)`` of a factory library returned, or `create`.
    graph_json : str, optional
        The graph, if the caller has it: before TVM 0.9 the runtime does not tell names.

    Notes
    -----
    Not for several threads at a time: give each its own.
    """

    def __init__(self, module: Module, graph_json: Optional[str] = None) -> None:
        if not isinstance(module, Module):
            raise TypeError(f"expected a graph executor's Module, got {type(module).__name__}")
        for name in ("set_input", "run", "get_output"):
            if module._find(name, False) is None:
                raise TVMValueError(
                    f"{module!r} is no graph executor: it has no {name!r}. Of a factory library take "
                    'GraphModule(lib["default"](device)); of split files, graph_executor.create(json, lib, device)'
                )
        self.module = module
        self._json = graph_json
        self._run = module["run"]
        self._get_output = module["get_output"]
        self._get_input = module["get_input"]
        self._buffers: dict[Union[str, int], NDArray] = {}
        self._inputs: Optional[list[TensorInfo]] = None
        self._weights: set[str] = set()
        self._outputs_count: int = module["get_num_outputs"]()

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
        checked = []
        for name, each in given:
            buffer = self._buffer(name)
            checked.append((buffer, fitting(each, TensorInfo(str(name), buffer.shape, buffer.dtype))))
        for buffer, each in checked:
            buffer.copyfrom(each)

    def _buffer(self, key: Union[str, int]) -> NDArray:
        """The executor's own array for an input."""
        found = self._buffers.get(key)
        if found is None:
            if not isinstance(key, str):
                count = self.get_num_inputs()
                if not 0 <= key.__index__() < count:
                    raise IndexError(f"the model has no input {key}; it has {count}, weights counted")
            found = self._get_input(key)
            if found is None:
                raise KeyError(self._no_input(str(key)))
            self._buffers[key] = found
        return found

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
        count = self.get_num_outputs()
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
        """How many inputs, weights counted as TVM counts them."""
        func = self.module._find("get_num_inputs", False)
        if func is not None:
            return func()  # type: ignore[no-any-return]
        return len(self._graph()["arg_nodes"])

    def get_input_index(self, name: str) -> int:
        """The number of an input; -1 if there is none of that name."""
        return self.module["get_input_index"](name)  # type: ignore[no-any-return]

    def get_input_info(self) -> tuple[dict[str, tuple[int, ...]], dict[str, DataType]]:
        """Shapes and element types of the inputs that are not weights, by name."""
        infos = self.inputs
        return {i.name: i.shape for i in infos}, {i.name: i.dtype for i in infos}  # type: ignore[misc]

    @property
    def inputs(self) -> list[TensorInfo]:
        """The inputs that are not weights.

        Raises
        ------
        TVMNotImplementedError
            If the runtime does not tell (before 0.9) and the graph was not given.
        """
        if self._inputs is None:
            func = self.module._find("get_input_info", False)
            if func is not None:
                info = func()
                shapes, dtypes = dict(info["shape"]), dict(info["dtype"])
                names = sorted(shapes, key=self._input_number)
                self._inputs = [TensorInfo(n, tuple(shapes[n]), DataType(dtypes[n])) for n in names]
            else:
                self._inputs = self._inputs_of_graph()
        return list(self._inputs)

    def _input_number(self, name: str) -> int:
        func = self.module._find("get_input_index", False)
        return func(name) if func else 0

    def _inputs_of_graph(self) -> list[TensorInfo]:
        graph = self._graph()
        names = [graph["nodes"][node]["name"] for node in graph["arg_nodes"]]
        buffers = [(name, self._buffer(name)) for name in names if name not in self._weights]
        return [TensorInfo(name, buffer.shape, buffer.dtype) for name, buffer in buffers]

    def _graph(self) -> Any:
        if self._json is None:
            raise TVMNotImplementedError(
                f"TVM {load_runtime().version} does not tell the names of inputs; create the executor with "
                "graph_executor.create(json, lib, device), or GraphModule(module, graph_json)"
            )
        return json.loads(self._json)

    @property
    def outputs(self) -> list[TensorInfo]:
        """The outputs. The runtime gives them no names; a graph that was given does."""
        count = self.get_num_outputs()
        names = [""] * count
        if self._json is not None:
            graph = self._graph()
            names = [graph["nodes"][head[0]]["name"] for head in graph["heads"]]
        arrays = [self._get_output(index) for index in range(count)]
        return [TensorInfo(name, array.shape, array.dtype) for name, array in zip(names, arrays)]

    def load_params(self, params_bytes: Union[bytes, bytearray]) -> None:
        """Sets weights from the contents of a ``.params`` file.

        Raises
        ------
        TVMValueError
            If the file is damaged, or belongs to another model: a name, shape or element type differs.
        """
        params = load_param_dict(params_bytes)
        for name, value in params.items():
            try:
                buffer = self._buffer(name)
                fitting(value, TensorInfo(name, buffer.shape, buffer.dtype))
            except (KeyError, TypeError, ValueError) as error:
                reason = error.args[0] if error.args else error
                raise TVMValueError(f"these params belong to another model: {reason}") from None
        self.module["load_params"](bytes(params_bytes))
        self._weights.update(params)
        self._inputs = None

    def share_params(self, other: GraphModule, params_bytes: Union[bytes, bytearray]) -> None:
        """Uses another executor's arrays for the weights that a ``.params`` file names."""
        names = load_param_dict(params_bytes)
        self.module["share_params"](other.module, bytes(params_bytes))
        self._weights.update(names)
        self._buffers.clear()
        self._inputs = None

    def debug_get_output(self, node: Union[int, str], out: Any) -> NDArray:
        """The output of a node inside the graph, copied to `out`. Only debug executors have it.

        Raises
        ------
        TVMNotImplementedError
            If this is no debug executor.
        """
        func = self.module._find("debug_get_output", False)
        if func is None:
            raise TVMNotImplementedError("this executor keeps no inner outputs: create it with the debug executor")
        target = out if isinstance(out, NDArray) else None
        if target is None:
            raise TypeError(f"expected an NDArray to copy to, got {type(out).__name__}")
        func(node, target)
        return target

    def benchmark(
        self, device: Optional[Device] = None, func_name: str = "run", repeat: int = 5, number: int = 5, **options: Any
    ) -> BenchmarkResult:
        """Times a function of the executor inside the runtime. Parameters as `Module.time_evaluator` has them."""
        return self.module.time_evaluator(  # type: ignore[no-any-return]
            func_name, device, number=number, repeat=repeat, **options
        )()

    def __getitem__(self, name: str) -> PackedFunc:
        return self.module[name]

    def __repr__(self) -> str:
        try:
            takes = ", ".join(map(str, self.inputs))
        except TVMNotImplementedError:
            takes = f"{self.get_num_inputs()} inputs"
        return f"<GraphModule {takes}>"


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


def create(
    graph_json_str: Union[str, bytes], libmod: Module, device: Union[Device, Sequence[Device]]
) -> GraphModule:
    """A graph executor from split files.

    Parameters
    ----------
    graph_json_str : str
        The contents of ``deploy.json``.
    libmod : Module
        ``libdeploy.so``, loaded.
    device : Device or sequence of Device

    Returns
    -------
    GraphModule
        Its weights are not set: see `GraphModule.load_params`.

    Raises
    ------
    TVMValueError
        If the JSON is no graph.
    TVMNotImplementedError
        If this runtime has no graph executor (from 0.20 on).
    TVMError
        If the library lacks a function that the graph calls.
    """
    text = graph_json_str.decode() if isinstance(graph_json_str, bytes) else graph_json_str
    if not isinstance(text, str):
        raise TypeError(f"expected the graph's JSON as str, got {type(text).__name__}")
    if not isinstance(libmod, Module):
        raise TypeError(f"expected the library as a Module, got {type(libmod).__name__}")
    devices = [device] if isinstance(device, Device) else list(device)
    if not devices or not all(isinstance(each, Device) for each in devices):
        raise TypeError(f"expected a Device or several, got {device!r}")
    _check_graph(text)
    creator = next((f for f in (get_global_func(n, allow_missing=True) for n in _CREATORS) if f), None)
    if creator is None:
        raise TVMNotImplementedError(f"TVM {load_runtime().version} has no graph executor: it ended with 0.19")
    flat = [number for each in devices for number in each]
    return GraphModule(creator(text, libmod, *flat), text)


def _check_graph(text: str) -> None:
    try:
        graph = json.loads(text)
    except ValueError as error:
        raise TVMValueError(f"the graph is no JSON: {error}") from None
    missing = [key for key in _GRAPH_KEYS if not isinstance(graph, dict) or key not in graph]
    if missing:
        raise TVMValueError(f"the JSON is no graph of TVM's: it lacks {', '.join(missing)}")


__all__ = ["GraphModule", "create"]
