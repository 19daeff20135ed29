"""The graph of a ``deploy.json``, looked at before the runtime does: it believes every number in it.

What cannot be told is whether a shape is the one that a kernel was compiled for. Layout: TVM's
``runtime/graph_executor/graph_executor.h`` (GraphExecutor::Load).
"""

from __future__ import annotations

from typing import Any

from ..dtype import DataType
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
        # PyPy's text may hold a part of a character, which cannot be formatted.
        said = str(error).encode("ascii", "backslashreplace").decode()
        raise TVMValueError(f"the graph is no JSON: {said}") from None
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
    arguments = [number for number, node in enumerate(nodes) if node["op"] == "null"]
    if sorted(graph["arg_nodes"]) != arguments:
        return f"its inputs are {graph['arg_nodes']}, and its nodes say {arguments}"
    if len({nodes[number]["name"] for number in arguments}) < len(arguments):
        return "two inputs have one name"
    for number, node in enumerate(nodes):
        no_input = node["op"] == "null" and (node["inputs"] or _width(rows, number) != 1)
        if no_input or not isinstance(node["name"], str):
            return f"node {number} is no input"
        if node["op"] not in ("null", "tvm_op"):
            return f"node {number} ({node['name']}) is a {node['op']!r}"
        if node["op"] == "tvm_op":
            attrs = node.get("attrs", node.get("attr"))
            outputs = int(attrs["num_outputs"])
            if int(attrs["num_inputs"]) != len(node["inputs"]) or outputs != _width(rows, number):
                return f"node {number} ({node['name']}) has other numbers of inputs and outputs than it says"
        for entry in node["inputs"]:
            if not 0 <= entry[0] < number or not _in_row(rows, entry):
                return f"node {number} ({node['name']}) takes {entry}, which is not before it"
    heads = graph["heads"]
    if not heads or any(not 0 <= entry[0] < len(nodes) or not _in_row(rows, entry) for entry in heads):
        return f"the outputs {graph['heads']} are not among its {len(nodes)} nodes"
    return _attribute_problem(graph["attrs"], rows[-1]) or _memory_problem(graph) or _function_problem(graph)


def _width(rows: list[int], node: int) -> int:
    return rows[node + 1] - rows[node]


def _in_row(rows: list[int], entry: list[int]) -> bool:
    return 0 <= entry[1] < _width(rows, entry[0])


def _function_problem(graph: dict[str, Any]) -> str:
    """A function that is called as two: where the compiler wrote a hash of it, that and all arrays are always the same.

    Most kernels do not check the extents of what they are given.
    """
    rows, shapes, dtypes = graph["node_row_ptr"], graph["attrs"]["shape"][1], graph["attrs"]["dltype"][1]
    seen: dict[str, Any] = {}
    for number, node in enumerate(graph["nodes"]):
        attrs = node.get("attrs", node.get("attr")) if node["op"] == "tvm_op" else {}
        if "hash" not in attrs or attrs["func_name"] in ("__nop", "__copy"):
            continue
        arrays = [rows[entry[0]] + entry[1] for entry in node["inputs"]] + list(range(rows[number], rows[number + 1]))
        called = attrs["hash"], attrs.get("flatten_data"), [(shapes[array], dtypes[array]) for array in arrays]
        if seen.setdefault(attrs["func_name"], called) != called:
            return f"node {number} ({node['name']}) calls {attrs['func_name']} with other arrays than another node does"
    return ""


def _memory_problem(graph: dict[str, Any]) -> str:
    """Arrays that are overwritten before they are read, and nodes that nothing reads: no compiler writes such."""
    nodes, rows, places = graph["nodes"], graph["node_row_ptr"], graph["attrs"]["storage_id"][1]
    # What is in each place: the array that was computed there. One that is passed on stays that array.
    held: dict[int, int] = {}
    given: set[int] = set()
    same = list(range(rows[-1]))
    read: set[int] = set()

    def stale(entry: list[int]) -> bool:
        read.add(entry[0])
        array = rows[entry[0]] + entry[1]
        return held[places[array]] != same[array]

    for number, node in enumerate(nodes):
        if node["op"] == "null":
            array = rows[number]
            if places[array] in held:
                return f"the input {node['name']!r} shares its memory"
            held[places[array]] = array
            given.add(places[array])
    for number, node in enumerate(nodes):
        if node["op"] == "null":
            continue
        if any(stale(entry) for entry in node["inputs"]):
            return f"node {number} ({node['name']}) reads what was overwritten"
        passes = node.get("attrs", node.get("attr"))["func_name"] == "__nop"
        for array in range(rows[number], rows[number + 1]):
            first = rows[node["inputs"][0][0]] + node["inputs"][0][1] if passes and node["inputs"] else -1
            if first >= 0 and places[first] == places[array]:
                same[array] = same[first]
            elif places[array] in given:
                return f"node {number} ({node['name']}) overwrites an input"
            held[places[array]] = same[array]
    if any(stale(entry) for entry in graph["heads"]):
        return "an output is overwritten"
    for number, node in enumerate(nodes):
        if number not in read and node["op"] != "null":
            return f"nothing reads node {number} ({node['name']})"
    return ""


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
    for dtype in attrs["dltype"][1]:
        if DataType(dtype).lanes != 1:
            return f"no array is of {dtype}"
    for shape in attrs["shape"][1]:
        size = 1
        for extent in shape:
            size *= max(extent, 1)
        if min(shape, default=0) < 0 or size > _LARGEST:
            return f"no array has the shape {shape}"
    return ""
