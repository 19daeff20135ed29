"""The graph of a ``deploy.json``, looked at before the runtime does: it believes every number in it.

What cannot be told is whether a shape is the one that a kernel was compiled for. Layout: TVM's
``runtime/graph_executor/graph_executor.h`` (GraphExecutor::Load).
"""

from __future__ import annotations

from typing import Any

from ..errors import TVMValueError

_KEYS = ("nodes", "arg_nodes", "heads", "attrs", "node_row_ptr")
_LARGEST = 2**48


def check_graph(text: str) -> Any:
    """The graph, parsed, if every number in it points to something that is there.

    Raises
    ------
    TVMValueError
        If it is no JSON, or no graph of TVM's; says what is wrong.
    """
    import json  # here, not above: json makes importing tvmbind slow

    try:
        graph = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise TVMValueError(f"the graph is no JSON: {error}") from None
    missing = [key for key in _KEYS if not isinstance(graph, dict) or key not in graph]
    if missing:
        raise TVMValueError(f"the JSON is no graph of TVM's: it lacks {', '.join(missing)}")
    try:
        problem = _problem(graph)
    except (TypeError, KeyError, IndexError, AttributeError, ValueError) as error:
        problem = f"it has another form ({type(error).__name__}: {error})"
    if problem:
        raise TVMValueError(f"the graph is damaged: {problem}")
    return graph


def _problem(graph: dict[str, Any]) -> str:
    nodes, rows = graph["nodes"], graph["node_row_ptr"]
    if not nodes or len(rows) != len(nodes) + 1 or rows[0] != 0:
        return f"{len(nodes)} nodes, and rows for {len(rows) - 1}"
    if any(not 0 < after - before < _LARGEST for before, after in zip(rows, rows[1:])):
        return "its rows do not go up"
    for number, node in enumerate(nodes):
        if node["op"] not in ("null", "tvm_op"):
            return f"node {number} ({node['name']}) is a {node['op']!r}"
        if node["op"] == "tvm_op":
            attrs = node.get("attrs", node.get("attr"))
            outputs = int(attrs["num_outputs"])
            if int(attrs["num_inputs"]) != len(node["inputs"]) or outputs > rows[number + 1] - rows[number]:
                return f"node {number} ({node['name']}) has other numbers of inputs and outputs than it says"
        for entry in node["inputs"]:
            if not 0 <= entry[0] < number or not _in_row(rows, entry):
                return f"node {number} ({node['name']}) takes {entry}, which is not before it"
    if any(not 0 <= node < len(nodes) for node in graph["arg_nodes"]):
        return f"the inputs {graph['arg_nodes']} are not among its {len(nodes)} nodes"
    if any(not 0 <= entry[0] < len(nodes) or not _in_row(rows, entry) for entry in graph["heads"]):
        return f"the outputs {graph['heads']} are not among its {len(nodes)} nodes"
    return _attribute_problem(graph["attrs"], rows[-1])


def _in_row(rows: list[int], entry: list[int]) -> bool:
    return 0 <= entry[1] < rows[entry[0] + 1] - rows[entry[0]]


def _attribute_problem(attrs: dict[str, Any], entries: int) -> str:
    for key in ("dltype", "storage_id", "shape"):
        if len(attrs[key][1]) != entries:
            return f"{entries} arrays, and {key} of {len(attrs[key][1])}"
    for key in ("device_index", "storage_scope"):
        if key in attrs and len(attrs[key][1]) != entries:
            return f"{entries} arrays, and {key} of {len(attrs[key][1])}"
    # The runtime makes a list as long as the largest.
    if any(not 0 <= number < entries for number in attrs["storage_id"][1]):
        return "a storage_id is out of range"
    for shape in attrs["shape"][1]:
        size = 1
        for extent in shape:
            size *= max(extent, 1)
        if min(shape, default=0) < 0 or size > _LARGEST:
            return f"no array has the shape {shape}"
    return ""
