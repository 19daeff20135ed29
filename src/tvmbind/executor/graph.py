"""``GraphModule``: TVM's graph executor, with its own method names.

Source: TVM's ``runtime/graph_executor/graph_executor.cc`` and ``contrib/graph_executor.py``. In TVM 0.5 to
0.19; names of global functions changed at 0.8.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Optional, TypeVar, Union

from .._core import problem_of
from ..artefact.graph_json import check_graph
from ..device import Device
from ..dtype import DataType
from ..errors import TVMNotImplementedError, TVMValueError
from ..function import get_global_func
from ..library import load_runtime
from ..module import Module
from ..ndarray import NDArray
from ..params import ParamFile, load_param_dict, names_only
from ..pins import let_go
from .buffers import BufferedExecutor
from .inputs import TensorInfo
from .slots import Slot

#: Noted among the pins, which every object for an executor has: that its weights are another's.
_SHARES = "shares weights"
_CREATORS = ("tvm.graph_executor.create", "tvm.graph_runtime.create")

Self = TypeVar("Self", bound="GraphModule")


class GraphModule(BufferedExecutor):
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

    _kind = "graph executor"
    _made_by = (
        'Of a factory library take GraphModule(lib["default"](device)); of split files, '
        "graph_executor.create(json, lib, device)"
    )

    _other_kinds = ("AotExecutor",)

    def __init__(self, module: Module, graph_json: Optional[str] = None) -> None:
        super().__init__(module)
        of_factory, weights, origin = module._graph or (None, (), None)
        self._json = graph_json or of_factory
        #: The library that has the graph's functions, and the devices: another executor can be made of them.
        self._origin: Optional[tuple[Module, Sequence[Device]]] = origin
        self._inputs: Optional[list[TensorInfo]] = None
        self._weights: set[str] = set(weights)

    @classmethod
    def _created(
        cls: type[Self],
        creators: Sequence[str],
        what: str,
        graph_json_str: Union[str, bytes],
        libmod: Module,
        device: Union[Device, Sequence[Device]],
    ) -> Self:
        text = graph_json_str.decode() if isinstance(graph_json_str, bytes) else graph_json_str
        if not isinstance(text, str):
            raise TypeError(f"expected the graph's JSON as str, got {type(text).__name__}")
        if not isinstance(libmod, Module):
            raise TypeError(f"expected the library as a Module, got {type(libmod).__name__}")
        devices = [device] if isinstance(device, Device) else list(device)
        if not devices or not all(isinstance(each, Device) for each in devices):
            raise TypeError(f"expected a Device or several, got {device!r}")
        for each in devices:
            each._check()
        check_graph(text)
        creator = next((f for f in (get_global_func(n, allow_missing=True) for n in creators) if f), None)
        if creator is None:
            why = "it ended with TVM 0.19" if not load_runtime().has("graph executor") else "it is built without"
            raise TVMNotImplementedError(f"{load_runtime().title} has no {what}: {why}")
        made = cls._of_graph(creator(text, libmod, *(number for each in devices for number in each)), text)
        made._origin = (libmod, devices)
        return made

    @classmethod
    def _of_graph(cls, module: Module, text: str) -> Any:
        return cls(module, text)

    def get_num_inputs(self) -> int:
        """How many inputs, weights counted as TVM counts them."""
        if self.module._find("get_num_inputs", False) is not None:
            return super().get_num_inputs()
        return len(self._graph()["arg_nodes"])

    def get_input_index(self, name: str) -> int:
        """The number of an input, weights counted; -1 if there is none of that name."""
        if not isinstance(name, str):
            raise TypeError(f"expected an input's name, got {type(name).__name__}")
        if self.module._find("get_input_index", False) is not None:
            return super().get_input_index(name)
        names = self._input_names()
        return names.index(name) if name in names else -1

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
                names = sorted(shapes.keys() - self._weights, key=self._input_number)
                self._inputs = [TensorInfo(n, tuple(shapes[n]), DataType(dtypes[n])) for n in names]
            else:
                self._inputs = self._inputs_of_graph()
        return list(self._inputs)

    def _input_number(self, name: str) -> int:
        func = self.module._find("get_input_index", False)
        return func(name) if func else 0

    def _inputs_of_graph(self) -> list[TensorInfo]:
        buffers = [(name, self._buffer(name)) for name in self._input_names() if name not in self._weights]
        return [TensorInfo(name, buffer.shape, buffer.dtype) for name, buffer in buffers]

    def _input_names(self) -> list[str]:
        graph = self._graph()
        return [graph["nodes"][node]["name"] for node in graph["arg_nodes"]]

    def _graph(self) -> Any:
        if self._json is None:
            raise TVMNotImplementedError(
                f"{load_runtime().title} does not tell the names of inputs; create the executor with "
                "graph_executor.create(json, lib, device), or GraphModule(module, graph_json)"
            )
        import json  # here, not above: json makes importing tvmbind slow

        return json.loads(self._json)

    @property
    def outputs(self) -> list[TensorInfo]:
        """The outputs. The runtime gives them no names; a graph that was given does."""
        found = super().outputs
        if self._json is None:
            return found
        graph = self._graph()
        names = (graph["nodes"][head[0]]["name"] for head in graph["heads"])
        return [info._replace(name=name) for info, name in zip(found, names)]

    def load_params(self, params_bytes: Union[bytes, bytearray, ParamFile]) -> None:
        """Sets weights from a ``.params`` file.

        Parameters
        ----------
        params_bytes : bytes or ParamFile
            The file's contents; or what `load_param_dict` gives for a path, from which the weights are copied one
            after the other.

        Raises
        ------
        TVMValueError
            If the file is damaged, or belongs to another model: a name, shape or element type differs.
        """
        contents = None if isinstance(params_bytes, ParamFile) else bytes(params_bytes)
        params: Mapping[str, NDArray] = (
            params_bytes if isinstance(params_bytes, ParamFile) else load_param_dict(params_bytes)
        )
        for name, value in (params.headers if isinstance(params, ParamFile) else params).items():
            buffer = self._buffer_of_model(name)
            if (value.shape, value.dtype) != (buffer.shape, buffer.dtype):
                raise TVMValueError(
                    f"these params belong to another model: input {name!r} takes {buffer.dtype} of shape "
                    f"{buffer.shape}, got {value.dtype} of shape {value.shape}"
                )
        self._own(params)
        if contents is not None:
            self.module["load_params"](contents)
        else:
            for name in params:
                self._buffer_of_model(name).copyfrom(params[name])
        self._weights.update(params)
        self._inputs = None

    def share_params(self, other: GraphModule, params_bytes: Union[bytes, bytearray, ParamFile]) -> None:
        """Uses another executor's arrays for the weights that a ``.params`` file names.

        Parameters
        ----------
        other : GraphModule
            Another executor of the same graph; its weights are set.
        params_bytes : bytes or ParamFile
            The file's contents, or what `load_param_dict` gives for a path.

        Raises
        ------
        ValueError
            If the other executor is this one or of another graph, or the params are of another model.
            Nothing is changed then.
        TVMError
            If somebody still holds one of the arrays that would be replaced.
        """
        if not isinstance(other, GraphModule):
            raise TypeError(f"expected the other executor as a GraphModule, got {type(other).__name__}")
        if other.module == self.module:
            raise ValueError("an executor cannot share its own weights")
        params = params_bytes if isinstance(params_bytes, ParamFile) else load_param_dict(params_bytes)
        names = list(params)
        # The runtime looks none of this up: it takes what has the same number in the other executor.
        for name in names:
            mine, theirs = (
                (e.get_input_index(name), array.shape, array.dtype)
                for e in (self, other)
                for array in [e._buffer_of_model(name)]
            )
            if mine != theirs:
                raise ValueError(f"the executors are of different graphs: {name!r} is {mine} here and {theirs} there")
        if not load_runtime().has("shared weights"):
            raise TVMNotImplementedError(f"{load_runtime().title} cannot share weights: give each its own")
        other._own(names)
        self._forget_slots()
        self._pins[_SHARES] = True
        let_go()  # TVM wants nobody to hold what it replaces
        self.module["share_params"](other.module, names_only(params))
        self._weights.update(names)
        self._inputs = None

    def _own(self, names: Iterable[str]) -> None:
        """Uses the executor's own arrays for these inputs: what the runtime itself sets goes there."""
        for name in names:
            self._input(name).unbind()

    def _slot(self, info: TensorInfo, array: NDArray, place: tuple[str, int]) -> Slot:
        kind, index = place
        func = self.module._find(f"set_{kind}_zero_copy", False)
        if func is None:
            return super()._slot(info, array, place)
        refusal = self._passed_on(kind, index)

        def bind(value: Any) -> bool:
            # Looked at first: to find out by the call costs a copy.
            usable = isinstance(value, NDArray) or not problem_of(value)
            return usable and func._in_place(index, value) is not NotImplemented

        return Slot(info, array, self._pins, place, None if refusal else bind, refusal, func)

    def _passed_on(self, kind: str, index: int) -> str:
        """Why the runtime would not see other memory for an input or output."""
        if _SHARES in self._pins:  # its list of what reads an input then still has the kernels' arguments of before
            return "its weights are shared, and this runtime binds nothing then"
        if self._json is None:
            return "whether its graph only passes it on is not known: give GraphModule the graph"
        graph = self._graph()
        outputs = [head[:2] for head in graph["heads"]]
        if kind == "output":
            passed = _passes(graph["nodes"][outputs[index][0]]) or outputs.count(outputs[index]) > 1
        else:
            node = graph["arg_nodes"][index]
            users = [each for each in graph["nodes"] if any(entry[0] == node for entry in each["inputs"])]
            passed = any(each[0] == node for each in outputs) or any(map(_passes, users))
        return "the graph only passes it on, reshaped at most" if passed else ""

    def _buffer_of_model(self, name: str) -> NDArray:
        try:
            return self._buffer(name)
        except KeyError as error:
            raise TVMValueError(f"these params belong to another model: {error.args[0]}") from None

    def debug_get_output(self, node: Union[int, str], out: Any = None) -> Any:
        """The output of a node inside the graph: only `GraphModuleDebug` has it.

        Raises
        ------
        TVMNotImplementedError
            Always, here.
        """
        raise TVMNotImplementedError("this executor keeps no inner outputs: create it with the debug executor")


def _passes(node: Any) -> bool:
    """Whether a node gives what it takes, as the same memory."""
    return node["op"] == "null" or node.get("attrs", node.get("attr"))["func_name"] in ("__nop", "__copy")


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
    return GraphModule._created(_CREATORS, "graph executor", graph_json_str, libmod, device)


__all__ = ["GraphModule", "create"]
