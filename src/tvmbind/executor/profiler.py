"""How a graph's steps are timed: by TVM's debug executor where there is one, else each function by itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..errors import TVMNotImplementedError, TVMValueError
from ..function import get_global_func
from ..interchange import from_dlpack
from ..library import load_runtime
from ..module import Module
from ..ndarray import HOST, NDArray, empty
from ..profiling import Call, Report
from ..profiling.names import layout_of
from .debug import create
from .graph import GraphModule

HOWS = ("profiler", "functions")


def profile_graph(graph: GraphModule, how: str, repeat: int) -> Report:
    """A report of a graph executor whose inputs are set.

    Parameters
    ----------
    graph : GraphModule
    how : str
        ``"profiler"``, ``"functions"``, or empty for the first that this runtime has.
    repeat : int
        Of how many runs the median is taken.
    """
    if graph._origin is None:
        raise TVMValueError(
            "it is not known which library the graph's functions are in: profile what load_model, "
            "graph_executor.create or a factory's function made"
        )
    if graph._origin[0].closed:
        raise ValueError("the library has been closed: to profile, keep it open")
    has_profiler = load_runtime().has("graph profiler") and _creator() is not None
    if how == "profiler" and not has_profiler:
        raise TVMNotImplementedError(f"{load_runtime().title} has no profiler of graphs: take how='functions'")
    return _by_profiler(graph, repeat) if has_profiler and how != "functions" else _by_functions(graph, repeat)


def _creator() -> Any:
    return get_global_func("tvm.graph_executor_debug.create", allow_missing=True)


def _by_profiler(graph: GraphModule, repeat: int) -> Report:
    library, devices = graph._origin  # type: ignore[misc]
    with create(graph._json or "", library, devices) as debug:
        # Its inputs and weights are this executor's own arrays, where the runtime can bind them.
        debug._set_inputs([(name, graph.get_input(name)) for name in graph._input_names()])
        found = Report.median_of([debug.profile() for _ in range(repeat)])
    calls = [call._replace(start=None) for call in found.calls if call.name != "__nop"]
    timed = {"Runtime": load_runtime().title, "Timed": f"in runs of the model; the median of {repeat}"}
    return Report(calls, found.total, {"Executor": "Graph", **found.configuration, **timed})


def _by_functions(graph: GraphModule, repeat: int) -> Report:
    library, devices = graph._origin  # type: ignore[misc]
    if devices[0].device_type not in HOST or len(devices) > 1:
        raise TVMNotImplementedError("functions are timed one by one on the host only")
    calls = []
    for node, args in _steps(graph):
        attributes = node.get("attrs", node.get("attr"))
        name = attributes["func_name"]
        timed = _owner(library, name).time_evaluator(name, devices[0], 1, repeat, 1)(*args)
        shapes = ", ".join(f"{each.dtype}{list(each.shape)}" for each in args)
        device = f"{devices[0].name}{devices[0].device_id}"
        calls.append(Call(name, timed.median * 1e6, shapes, layout_of(attributes), device))
    total = graph.benchmark(devices[0], repeat=repeat, number=1, min_repeat_ms=1).median * 1e6
    timed_how = f"each function on its own, again and again; the median of {repeat}"
    return Report(calls, total, {"Executor": "Graph", "Runtime": load_runtime().title, "Timed": timed_how})


def _steps(graph: GraphModule) -> Iterator[tuple[Any, list[NDArray]]]:
    """Each node that calls a function, when what it takes has been computed; its arrays."""
    library = graph._origin[0]  # type: ignore[index]
    whole = graph._graph()
    rows, shapes, dtypes = whole["node_row_ptr"], whole["attrs"]["shape"][1], whole["attrs"]["dltype"][1]
    entries: dict[int, NDArray] = {}
    for number, node in enumerate(whole["nodes"]):
        if node["op"] == "null":
            entries[rows[number]] = graph.get_input(node["name"])
            continue
        attributes = node.get("attrs", node.get("attr"))
        taken = [entries[rows[each[0]] + each[1]] for each in node["inputs"]]
        given = range(rows[number], rows[number + 1])
        entries.update((entry, empty(tuple(shapes[entry]), dtypes[entry])) for entry in given)
        made = [entries[entry] for entry in given]
        if attributes["func_name"] in ("__nop", "__copy"):  # no functions, but the executor's own
            made[0].copyfrom(taken[0].numpy().reshape(made[0].shape))
            continue
        flat = str(attributes.get("flatten_data", "0")) == "1"
        args = [from_dlpack(each.numpy().reshape(-1)) if flat else each for each in taken + made]
        _owner(library, attributes["func_name"])[attributes["func_name"]](*args)
        yield node, args


def _owner(library: Module, name: str) -> Module:
    """The library, or the one of its imports that has a function."""
    if library._find(name, False) is not None:
        return library
    for each in library.imported_modules:
        if each._find(name, True) is not None:
            return _owner(each, name)
    raise TVMValueError(f"the library has no function {name!r}")


__all__ = ["HOWS", "profile_graph"]
