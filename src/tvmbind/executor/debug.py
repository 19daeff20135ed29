"""``GraphModuleDebug``: the graph executor that shows what is inside, and times each node.

Source: TVM's ``runtime/graph_executor/debug/graph_executor_debug.cc`` and ``contrib/debugger/debug_executor.py``. In
TVM 0.5 to 0.19, where the runtime was built with it (``USE_PROFILER``).
"""

from __future__ import annotations

import operator
import struct
from collections.abc import Sequence
from typing import Any, Optional, Union

from ..container import Array
from ..device import Device, cpu
from ..dtype import DataType
from ..errors import TVMNotImplementedError
from ..function import get_global_func
from ..library import load_runtime
from ..module import Module
from ..ndarray import NDArray, empty
from ..profiling import Report
from ..profiling.benchmark import BenchmarkResult, evaluator_arguments
from .graph import GraphModule
from .inputs import TensorInfo, copied, target

_CREATORS = ("tvm.graph_executor_debug.create",)
#: What run_individual takes, in its order here.
_NUMBERS = (
    "number", "repeat", "min_repeat_ms", "limit_zero_time_iterations", "cooldown_interval_ms", "repeats_to_cooldown",
)  # fmt: skip


class GraphModuleDebug(GraphModule):
    """A graph executor that can stop at a node, give its output, and time each node.

    Parameters
    ----------
    module : Module
        What ``lib["debug_create"]("default", device)`` of a factory library returned; of split files, see `create`.
    device : Device or sequence of Device, optional
        As TVM has it. The executor knows its own.
    graph_json_str : str, optional
        The graph, where the module does not tell it.

    Notes
    -----
    Not for several threads at a time: give each its own.
    """

    _kind = "debug executor"
    _made_by = (
        'Of a factory library take GraphModuleDebug(lib["debug_create"]("default", device)); of split files, '
        "debug_executor.create(json, lib, device)"
    )
    _functions = (*GraphModule._functions, "debug_get_output")

    def __init__(
        self,
        module: Module,
        device: Union[Device, Sequence[Device], None] = None,
        graph_json_str: Optional[str] = None,
    ) -> None:
        for each in () if device is None else [device] if isinstance(device, Device) else device:
            if not isinstance(each, Device):
                raise TypeError(f"expected a Device or several before the graph's JSON, got {type(each).__name__}")
        super().__init__(module, graph_json_str)
        if self._json is None:
            raise TypeError("the module does not tell its graph: give GraphModuleDebug the JSON as graph_json_str")
        graph = self._graph()
        self._nodes: list[Any] = graph["nodes"]
        self._rows: list[int] = graph["node_row_ptr"]
        self._shapes, self._dtypes = (graph["attrs"][key][1] for key in ("shape", "dltype"))
        self._executed: Optional[int] = None

    @classmethod
    def _of_graph(cls, module: Module, text: str) -> GraphModuleDebug:
        return cls(module, graph_json_str=text)

    # -------------------------------------------------------------------------------------------------- inner outputs

    def node_names(self) -> list[str]:
        """The names of the graph's nodes, inputs and weights among them, in the order of running."""
        return [node["name"] for node in self._nodes]

    def node_outputs(self, node: Union[int, str]) -> list[TensorInfo]:
        """Shapes and element types of what a node gives."""
        index = self._node(node)
        entries = range(self._rows[index], self._rows[index + 1])
        return [TensorInfo("", tuple(self._shapes[entry]), DataType(self._dtypes[entry])) for entry in entries]

    def execute_node(self, node: Union[int, str]) -> None:
        """Computes the graph from its start up to a node, given by number or name.

        Raises
        ------
        KeyError, IndexError
            If there is no such node.
        """
        index = self._node(node)
        execute = self._ask("execute_node")
        # The runtime goes on from the node that it executed last, whatever has been set or run since: from an earlier
        # one it starts again, at the first node, which it leaves out if it was the last.
        for start in (min(1, len(self._nodes) - 1), 0, index):
            execute(start)
        self._executed = index

    def get_node_output(self, node: Union[int, str], output: int = 0) -> NDArray:
        """A copy of what the node that was executed last has given.

        Raises
        ------
        ValueError
            If that was another node.
        KeyError, IndexError
            If there is no such node, or it has no such output.
        """
        index, number = self._node(node), self._output_of(node, output)
        if index != self._executed:
            raise ValueError(f"the node {node!r} was not the last to be executed: use execute_node({node!r}) first")
        bound = self._bound_at(index, number)
        return self._ask("get_node_output")(index, number) if bound is None else bound  # type: ignore[no-any-return]

    def _bound_at(self, index: int, number: int) -> Optional[NDArray]:
        """A copy of an input, or of an output that `set_output` bound: the runtime still has its own array there."""
        if self._nodes[index]["op"] == "null":
            return self.get_input(self._nodes[index]["name"]).copyto(cpu(0))
        places = [place for place, head in enumerate(self._graph()["heads"]) if head[:2] == [index, number]]
        bound = next((place for place in places if ("output", place) in self._pins), None)
        return None if bound is None else self.get_output(bound).copyto(cpu(0))

    def debug_get_output(self, node: Union[int, str], out: Any = None, output: int = 0) -> Any:
        """Computes the graph up to a node, and gives its output.

        Parameters
        ----------
        node : int or str
            The node's number in the graph, or its name.
        out : NDArray or writable numpy array, optional
            Where to copy it.
        output : int
            Which, of a node that has several.

        Returns
        -------
        NDArray
            `out`, or else a copy, which is the caller's.

        Raises
        ------
        KeyError, IndexError
            If there is no such node or output.
        TypeError, ValueError
            If `out` has another shape or element type.
        """
        index, number = self._node(node), self._output_of(node, output)
        if out is not None:
            target(out, self.node_outputs(index)[number]._replace(name=str(node)))
        if self.module._find("execute_node", False) is not None:
            self.execute_node(index)
            found = self.get_node_output(index, number)
        else:
            found = self._output_of_old(index, number)
        return found if out is None else copied(found, out)

    def _output_of_old(self, index: int, number: int) -> NDArray:
        if self._nodes[index]["op"] == "null":
            return self.get_input(self._nodes[index]["name"]).copyto(cpu(0))
        entry = self._rows[index] + number
        if entry != index:  # it takes the one number for the other
            raise TVMNotImplementedError(f"{load_runtime().title} gives no outputs of what follows a node with several")
        made = empty(tuple(self._shapes[entry]), self._dtypes[entry])
        self.module["debug_get_output"](index, made)
        return made

    def _node(self, node: Union[int, str]) -> int:
        names = self.node_names()
        if isinstance(node, str):
            if node not in names:
                few = ", ".join(name for name, each in zip(names, self._nodes) if each["op"] == "tvm_op")
                raise KeyError(f"the graph has no node {node!r}; it has {few[:500]}")
            return names.index(node)
        index = operator.index(node)
        if not 0 <= index < len(names):
            raise IndexError(f"the graph has no node {index}; it has {len(names)}")
        return index

    def _output_of(self, node: Union[int, str], output: int) -> int:
        count, number = len(self.node_outputs(node)), operator.index(output)
        if not 0 <= number < count:
            raise IndexError(f"the node {node!r} has no output {number}; it has {count}")
        return number

    def run(self, **inputs: Any) -> None:
        """Sets inputs, if any are given, and computes all outputs."""
        self._executed = None
        super().run(**inputs)

    def _ask(self, name: str) -> Any:
        found = self.module._find(name, False)
        if found is None:
            raise TVMNotImplementedError(f"the debug executor of {load_runtime().title} has no {name!r}")
        return found

    # --------------------------------------------------------------------------------------------------------- timing

    def run_individual(
        self,
        number: int,
        repeat: int = 1,
        min_repeat_ms: int = 0,
        limit_zero_time_iterations: int = 100,
        cooldown_interval_ms: int = 0,
        repeats_to_cooldown: int = 1,
    ) -> list[list[float]]:
        """Times each node on its own, over and over. Parameters as `Module.time_evaluator` has them.

        Returns
        -------
        list of list of float
            For each node, seconds per call in each repeat; zeros for inputs and weights. Before TVM 0.9 the last
            repeat only, and the runtime prints the others.
        """
        given = _timing(
            number, repeat, min_repeat_ms, limit_zero_time_iterations, cooldown_interval_ms, repeats_to_cooldown
        )
        self._executed = None
        found = self._ask("run_individual")(*given)
        if isinstance(found, str):
            return [[float(text)] for text in found.split(",") if text]
        (count,) = struct.unpack_from("@q", found)
        each = struct.Struct(f"@{repeat}d")
        return [list(each.unpack_from(found, 8 + node * each.size)) for node in range(count)]

    def run_individual_node(
        self,
        index: Union[int, str],
        number: int = 10,
        repeat: int = 1,
        min_repeat_ms: int = 0,
        limit_zero_time_iterations: int = 100,
        cooldown_interval_ms: int = 0,
        repeats_to_cooldown: int = 1,
    ) -> BenchmarkResult:
        """Times one node, by number or name. Parameters as `Module.time_evaluator` has them.

        Raises
        ------
        TVMNotImplementedError
            If this runtime cannot (before 0.9).
        """
        given = _timing(
            number, repeat, min_repeat_ms, limit_zero_time_iterations, cooldown_interval_ms, repeats_to_cooldown
        )
        node = self._node(index)
        if self._nodes[node]["op"] != "tvm_op":
            raise ValueError(f"the node {index!r} is an input or a weight, and computes nothing")
        self._executed = None
        return BenchmarkResult(struct.unpack(f"@{repeat}d", self._ask("run_individual_node")(node, *given)))

    def profile(self, collectors: Sequence[Any] = (), **input_dict: Any) -> Report:
        """Runs the graph with a timer around each node.

        Parameters
        ----------
        collectors : sequence of Object
            TVM's metric collectors, where the runtime has any.
        **input_dict
            Inputs, by name.

        Returns
        -------
        Report
            Of one run, after three to warm up. `Model.profile` takes the median of several.

        Raises
        ------
        TVMNotImplementedError
            If this runtime cannot (before 0.8).
        """
        profile = self._ask("profile")
        if input_dict:
            self.set_input(**input_dict)
        self._executed = None
        report = profile(Array(collectors or ()))
        return Report.from_json(get_global_func("runtime.profiling.AsJSON")(report))  # type: ignore[misc]


def _timing(*numbers: int) -> list[Any]:
    """The arguments of run_individual that this runtime takes."""
    return evaluator_arguments(load_runtime().minor, dict(zip(_NUMBERS, numbers)))


def create(
    graph_json_str: Union[str, bytes], libmod: Module, device: Union[Device, Sequence[Device]]
) -> GraphModuleDebug:
    """A debug executor from split files; parameters and errors as `graph_executor.create` has them."""
    return GraphModuleDebug._created(_CREATORS, "debug executor", graph_json_str, libmod, device)


__all__ = ["GraphModuleDebug", "create"]
