"""What runs the files of a model: which executor, made how.

Source: TVM's ``runtime/library_module.cc`` (a library's modules), ``runtime/file_utils.cc`` (params).
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any, Callable, Optional, Union

from .artefact import compiled, layout
from .artefact.graph_json import check_graph
from .device import Device
from .errors import TVMAttributeError, TVMError, TVMOSError, TVMValueError
from .executor.aot import AotModule
from .executor.buffers import BufferedExecutor
from .executor.graph import GraphModule, create
from .executor.relax_vm import RelaxVirtualMachine
from .executor.relay_vm import VirtualMachine
from .executor.virtual_machine import Machine
from .library import load_runtime
from .module import Module, load_module
from .ndarray import NDArray
from .params import ParamFile

#: Makes an executor; one that shares the weights of another that is given.
Make = Callable[[Optional[Any]], Any]

_MACHINES: dict[str, type[Machine]] = {
    "VMExecutable": VirtualMachine,
    "relax.Executable": RelaxVirtualMachine,
    "relax.VMExecutable": RelaxVirtualMachine,
}
_FACTORIES: dict[str, type[BufferedExecutor]] = {
    "GraphExecutorFactory": GraphModule,
    "GraphRuntimeFactory": GraphModule,
    "AotExecutorFactory": AotModule,
}


def prepare(paths: Sequence[Union[str, os.PathLike[str]]], devices: list[Device]) -> tuple[Make, dict[str, NDArray]]:
    """How to make an executor of these files, and the weights that it takes with each run.

    Raises
    ------
    TVMOSError
        If a file is not there, or cannot be loaded.
    TVMValueError
        If the files are no model; says what is missing.
    """
    library, graph, params, keep = layout.find(paths)
    text = _text(graph) if graph else None
    module = _load(library)  # before the params: it decides which generation of runtime is needed
    make, weights = _maker(module, library, text, ParamFile(params) if params else None, devices)
    return _Maker(make, keep), weights


class _Maker:
    """Makes executors, and keeps what their files go with."""

    def __init__(self, make: Make, keep: list[Any]) -> None:
        self._make = make
        self._keep = keep

    def __call__(self, like: Optional[Any]) -> Any:
        return self._make(like)


def _load(file: str) -> Module:
    named = os.path.splitext(file)[1][1:].lower() in compiled.SHARED
    try:
        return load_module(file, "" if named else "so")
    except TVMOSError as error:
        if "Invalid VM file format" not in str(error):
            raise
        advice = "it is for Relay's virtual machine, and only the version of TVM that compiled it runs it"
        info = load_runtime()
        raise TVMOSError(f"cannot load {file}: {advice}. This is {info.title} ({info.path})") from error


def _maker(
    module: Module,
    file: str,
    graph: Optional[str],
    params: Optional[ParamFile],
    devices: list[Device],
) -> tuple[Make, dict[str, NDArray]]:
    kind = module.type_key
    if graph is not None and (kind in _MACHINES or kind == "AotExecutorFactory"):
        raise TVMValueError(f"{file} needs no graph: it is of type {kind}; leave the .json out")
    if graph is not None:
        return _graph_maker(module, graph, params, devices), {}
    if kind in _MACHINES:
        machine: Any = _MACHINES[kind]
        return (lambda like: machine(module, devices)), dict(params or {})
    if kind in _FACTORIES:
        if params is not None and kind == "AotExecutorFactory":
            raise TVMValueError(f"{file} has its weights in it: leave the .params out")
        executor: Any = _FACTORIES[kind]
        make_module = _factory_function(module, file)

        def make_of_factory(like: Optional[Any]) -> Any:
            made = executor(make_module(*devices))
            if isinstance(made, GraphModule) and module._find("get_graph_params", False) is None:
                # Before 0.9 a factory does not tell which inputs are the weights that it has set.
                made._weights.update(filter(_is_weight, made._input_names()))
            if params is not None:
                made.load_params(params)
            return made

        return make_of_factory, {}
    if load_runtime().abi != "classic":
        raise TVMValueError(f"{file} holds compiled functions only and is no model: take load_module(path)[name](...)")
    lost = "its graph (.json) and its weights (.params) are" if params is None else "its graph (.json) is"
    raise TVMValueError(
        f"{file} holds compiled functions only: {lost} missing. To call functions, take load_module(path)[name](...)"
    )


def _graph_maker(module: Module, text: str, params: Optional[ParamFile], devices: list[Device]) -> Make:
    graph = check_graph(text)
    names = [graph["nodes"][node]["name"] for node in graph["arg_nodes"]]
    lost = [name for name in names if name not in (params or ()) and _is_weight(name)]
    if lost:
        what = "the weights (.params) are missing" if params is None else "these params belong to another model"
        raise TVMValueError(
            f"{what}: the graph takes {', '.join(lost[:5])}{' ...' if len(lost) > 5 else ''}. If these are inputs, "
            "take graph_executor.create(json, lib, device)"
        )

    def make(like: Optional[Any]) -> GraphModule:
        try:
            made = create(text, module, devices)
        except TVMError as error:
            if "no such function" not in str(error):
                raise
            raise TVMValueError(f"the graph and the library are of two models: {error}") from error
        if params is not None and like is not None and load_runtime().has("shared weights"):
            made.share_params(like, params)
        elif params is not None:
            made.load_params(params)
        return made

    return make


def _is_weight(name: str) -> bool:
    """Whether relay.build made the name: it calls the weights that it takes out of a model p0, p1, ..."""
    return name[:1] == "p" and name[1:].isdigit()


def _factory_function(module: Module, file: str) -> Any:
    """The function of a factory that makes an executor. It has the model's name, which only symbols tell."""
    found = module._find("default", False)
    if found is not None:
        return found
    symbols = compiled.defined_functions(file) or set()
    for symbol in sorted(name.decode(errors="replace") for name in symbols if name.startswith(b"tvmgen_")):
        words = symbol.split("_")[1:]
        for count in range(1, len(words)):
            found = module._find("_".join(words[:count]), False)
            if found is not None:
                return found
    raise TVMAttributeError(
        f"{file} is a {module.type_key} of another name than 'default', which cannot be told from it: take "
        'load_module(path)["its name"](device)'
    )


def _text(file: str) -> str:
    try:
        with open(file, encoding="utf-8-sig") as opened:
            return opened.read()
    except (OSError, UnicodeDecodeError) as error:
        raise TVMOSError(f"cannot read {file}: {error}") from None
