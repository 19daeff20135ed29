"""The modules that a library carries besides its own code: factories, executables, their weights.

Sources: TVM's ``target/codegen.cc`` (ModuleSerializer) and ``runtime/library_module.cc`` (ProcessModuleBlob); since
0.21 tvm-ffi's ``extra/library_module.cc``; ``runtime/graph_executor/graph_executor_factory.cc``,
``runtime/aot_executor/aot_executor_factory.cc``, ``runtime/vm/executable.cc``, ``runtime/relax_vm/executable.cc``.
"""

from __future__ import annotations

import re
import struct
from typing import Any, NamedTuple, Optional

from ..artefact.arrays import Header, Reader, read_header, read_names
from ..errors import TVMValueError
from ..executor.inputs import TensorInfo

#: Symbols that hold the modules, and the generation whose form that is.
BLOBS = {"__tvm_dev_mblob": "classic", "__tvm_ffi__library_bin": "tvm-ffi"}
_GRAPH = ("GraphExecutorFactory", "GraphRuntimeFactory")
_MACHINES = ("VMExecutable", "relax.Executable", "relax.VMExecutable")
_ARRAY = struct.pack("<QQ", 0xDD5E40F096B4A13F, 0)
_MAGIC = 8
_MOST = 65536
#: How Relax's own check of an argument or a result begins; executor.relax_code reads the rest.
_CONTEXT = re.compile(
    rb"ErrorContext\(fn=(?P<fn>[^,]+), loc=(?:param\[(?P<index>\d+)\], param=(?P<name>[^,]*)|return), "
    rb"annotation=(?P<annotation>[^\0]*?)\) "
)


class Inner(NamedTuple):
    """A module inside of a library.

    Attributes
    ----------
    type : str
        As `Module.type_key`.
    name : str
        The model's, where there is one.
    graph : str, optional
        The graph, as JSON.
    params : dict of str to Header
        Weights and constants.
    version : str
        Of the executable's format, where it says it: Relay's is that of the compiler.
    functions : list of str
        Of a virtual machine.
    contexts : dict
        What Relax's functions check: name of the function -> ``(number or None: result, name, annotation)``.
    """

    type: str
    name: str = ""
    graph: Optional[str] = None
    params: dict[str, Header] = {}  # noqa: RUF012 (never written to)
    version: str = ""
    functions: list[str] = []  # noqa: RUF012
    contexts: dict[str, list[tuple[Optional[int], str, str]]] = {}  # noqa: RUF012


def modules(blob: bytes, generation: str) -> list[Inner]:
    """The modules in a blob, up to the first of a kind that is not known here.

    Raises
    ------
    ValueError, OverflowError
        If it is damaged.
    """
    reader = Reader(memoryview(blob))
    (size,) = reader.numbers("Q", "its size")
    reader.data = reader.data[: 8 + size]
    if generation == "classic":
        (count,) = reader.numbers("Q", "the number of modules")
    else:
        count = None
        for what in ("rows of the tree", "children of the tree"):
            (length,) = reader.numbers("Q", what)
            reader.take(8 * length, what)
    found = []
    while reader.at < len(reader.data) and count != 0:
        count = None if count is None else count - 1
        kind = _text(reader, "a module's type")
        if kind in ("_lib", "_import_tree"):
            if kind == "_import_tree":
                break
            continue
        module = _module(reader, kind, generation)
        found.append(module or Inner(kind))
        if module is None:
            break
    return found


def _text(reader: Reader, what: str) -> str:
    (length,) = reader.numbers("Q", what)
    return bytes(reader.take(length, what)).decode()


def _module(reader: Reader, kind: str, generation: str) -> Optional[Inner]:
    if kind in _GRAPH:
        graph = _text(reader, "the graph")
        params = _params(reader)
        return Inner(kind, _text(reader, "the model's name"), graph, params)
    if kind == "AotExecutorFactory":
        params = _params(reader)
        return Inner(kind, _text(reader, "the model's name"), None, params)
    if kind == "metadata_module":
        return Inner(kind)  # it has no content
    if generation == "tvm-ffi" or kind in _MACHINES:
        (length,) = reader.numbers("Q", f"the size of {kind}")
        content = bytes(reader.take(length, kind))
        return _executable(content, kind) if kind in _MACHINES else Inner(kind)
    return None


def _params(reader: Reader) -> dict[str, Header]:
    (count,) = reader.numbers("Q", "the number of weights")
    names = read_names(reader)
    if len(names) != count:
        raise TVMValueError(f"there are {len(names)} names for {count} weights")
    return {name: _skip(reader, name) for name in names}


def _skip(reader: Reader, name: str) -> Header:
    header = read_header(reader, name)
    reader.take(header.nbytes, f"the array {name!r}")
    return header


def _executable(content: bytes, kind: str) -> Inner:
    reader = Reader(memoryview(content))
    reader.take(_MAGIC, "the executable's first bytes")
    version = _text(reader, "the executable's version")
    contexts: dict[str, list[Any]] = {}
    if kind != "VMExecutable":
        for match in _CONTEXT.finditer(content):
            function, index, name, annotation = (each.decode() if each else "" for each in match.groups())
            contexts.setdefault(function, []).append((int(index) if index else None, name, annotation))
    return Inner(kind, "", None, _constants(content), version, _functions(reader, kind), contexts)


def _functions(reader: Reader, kind: str) -> list[str]:
    """The names of an executable's functions, which it begins with; empty if it has another form."""
    try:
        return _of_relay(reader) if kind == "VMExecutable" else _of_relax(reader)
    except (ValueError, OverflowError):
        return []


def _of_relay(reader: Reader) -> list[str]:
    (devices,) = reader.numbers("Q", "the number of devices")
    for _ in range(min(devices, _MOST)):
        reader.numbers("ii", "a device")
        _text(reader, "a device's memory")
    reader.numbers("i", "the host's device")
    (count,) = reader.numbers("Q", "the number of functions")
    return [_text(reader, "a function's name") for _ in range(min(count, _MOST))]


def _of_relax(reader: Reader) -> list[str]:
    names = []
    (count,) = reader.numbers("Q", "the number of functions")
    for _ in range(min(count, _MOST)):
        (kind,) = reader.numbers("i", "a function's kind")
        name = _text(reader, "a function's name")
        reader.numbers("qqqq", "a function's place")
        (parameters,) = reader.numbers("Q", "a function's parameters")
        for _ in range(min(parameters, _MOST)):
            _text(reader, "a parameter's name")
        if kind != 0:  # those of others, which it calls
            names.append(name)
    return names


def _constants(content: bytes) -> dict[str, Header]:
    """The arrays in an executable, which have no names, found by how each of them begins."""
    found: dict[str, Header] = {}
    at = content.find(_ARRAY)
    while at >= 0:
        reader = Reader(memoryview(content))
        reader.at = at
        try:
            header = _skip(reader, str(len(found)))
        except (ValueError, OverflowError):
            at = content.find(_ARRAY, at + 1)
            continue
        found[str(len(found))] = header
        at = content.find(_ARRAY, reader.at)
    return found


def signature(inner: Inner, function: str) -> tuple[Optional[list[TensorInfo]], Optional[list[TensorInfo]]]:
    """What a function of Relax's takes and gives, as far as its own checks tell; None where they do not."""
    from ..executor.relax_code import annotated, tensors

    found = inner.contexts.get(function, [])
    inputs = {index: annotated(name, text) for index, name, text in found if index is not None}
    results = [tensors(text) for index, _, text in found if index is None]
    complete = sorted(inputs) == list(range(len(inputs))) and bool(inputs)
    return [inputs[index] for index in sorted(inputs)] if complete else None, results[0] if results else None
