"""What a graph tells: inputs and outputs, operators, the memory that its executor takes."""

from __future__ import annotations

from typing import Any

from ..artefact.graph_json import check_graph
from ..dtype import DataType


def add_graph(text: str, report: dict[str, Any]) -> None:
    """Adds what a graph tells to a report.

    Raises
    ------
    TVMValueError
        If it is damaged, or none.
    """
    graph = check_graph(text)
    rows = graph["node_row_ptr"]

    def info(node: int, index: int) -> dict[str, Any]:
        entry = rows[node] + index
        attrs = graph["attrs"]
        name, dtype, shape = graph["nodes"][node]["name"], attrs["dltype"][1][entry], attrs["shape"][1][entry]
        return {"name": name, "dtype": str(DataType(dtype)), "shape": list(shape)}

    report["inputs"] = [info(node, 0) for node in graph["arg_nodes"]]
    report["outputs"] = [info(head[0], head[1]) for head in graph["heads"]]
    report["graph"] = {
        "nodes": len(graph["nodes"]),
        "operators": sum(node["op"] == "tvm_op" for node in graph["nodes"]),
        "storage": _storage(graph),
    }


def _storage(graph: Any) -> int:
    """Bytes of the arrays that the executor makes: each piece of storage is as large as the largest array in it."""
    sizes: dict[int, int] = {}
    attrs = graph["attrs"]
    for place, dtype, shape in zip(attrs["storage_id"][1], attrs["dltype"][1], attrs["shape"][1]):
        size = (DataType(dtype).bits + 7) // 8
        for extent in shape:
            size *= extent
        sizes[place] = max(sizes.get(place, 0), size)
    return sum(sizes.values())
