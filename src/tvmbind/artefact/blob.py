"""The modules that a library carries besides its own code, as one block of data: factories, executables, weights.

The runtime believes every number in it: a length makes it ask for that much memory, a register that is not there is
memory that is not its own. Whether the shape of an array is the one that a kernel was compiled for, nothing tells.
Source: TVM's ``target/codegen.cc`` (ModuleSerializer) and ``runtime/library_module.cc`` (ProcessModuleBlob); since
0.21 tvm-ffi's ``extra/library_module.cc``; ``runtime/graph_executor/graph_executor_factory.cc``,
``runtime/aot_executor/aot_executor_factory.cc``.
"""

from __future__ import annotations

import struct
from typing import NamedTuple, Optional

from ..errors import TVMValueError
from . import relax_executable, relay_executable
from .arrays import Header, Reader, read_names, skip
from .graph_json import check_graph
from .kinds import AOT, GRAPH, RELAX, RELAY

#: Symbols that hold it, and the generation whose form that is.
SYMBOLS = {b"__tvm_dev_mblob": "classic", b"__tvm_ffi__library_bin": "tvm-ffi"}


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
        A factory's weights.
    content : buffer
        An executable.
    """

    type: str
    name: str = ""
    graph: Optional[str] = None
    params: dict[str, Header] = {}  # noqa: RUF012 (never written to)
    content: memoryview = memoryview(b"")


def problem(blob: bytes, generation: str) -> Optional[str]:
    """What is wrong with what a library carries; None if nothing is seen.

    Parameters
    ----------
    blob : bytes
        The data of one of `SYMBOLS`.
    generation : str
    """
    try:
        for inner in modules(blob, generation):
            if inner.graph is not None:
                check_graph(inner.graph)
            elif inner.type in RELAX:
                relax_executable.check(inner.content, generation)
            elif inner.type == RELAY:
                relay_executable.check(inner.content)
    except (TVMValueError, struct.error, UnicodeDecodeError, OverflowError, IndexError) as error:
        return f"what it carries is damaged: {error}"
    return None


def modules(blob: bytes, generation: str) -> list[Inner]:
    """The modules in it, up to the first of a kind whose form is not known here: what follows cannot be found.

    Raises
    ------
    ValueError, OverflowError
        If it is damaged.
    """
    reader = Reader(memoryview(blob))
    (size,) = reader.numbers("Q", "its size")
    if size > len(reader.data) - 8:
        raise TVMValueError(f"it has {size} bytes by what it says, and {len(reader.data) - 8}")
    reader.data = reader.data[: 8 + size]
    return _classic(reader) if generation == "classic" else _modern(reader)


def _classic(reader: Reader) -> list[Inner]:
    count = reader.count("modules")
    tree: tuple[list[int], list[int]] = ([], [])
    found: list[Inner] = []
    for _ in range(count):
        kind = reader.text("the type of a module")
        if kind == "_import_tree":
            tree = reader.integers("the tree of modules"), reader.integers("the tree of modules")
            continue
        module = Inner(kind) if kind == "_lib" else _module(reader, kind)
        found.append(module or Inner(kind))
        if module is None:
            return _without_library(found)
    _check_tree(*tree, len(found))
    reader.end()
    return _without_library(found)


def _modern(reader: Reader) -> list[Inner]:
    tree = reader.integers("the tree of modules"), reader.integers("the tree of modules")
    found = []
    while reader.at < len(reader.data):
        kind = reader.text("the type of a module")
        found.append(Inner(kind) if kind == "_lib" else Inner(kind, content=_content(reader, kind)))
    _check_tree(*tree, len(found))
    return _without_library(found)


def _without_library(found: list[Inner]) -> list[Inner]:
    """Without the one that stands for the library's own code."""
    return [each for each in found if each.type != "_lib"]


def _check_tree(rows: list[int], children: list[int], modules: int) -> None:
    if not rows and not children:
        return
    ordered = rows[0] == 0 and all(a <= b for a, b in zip(rows, rows[1:])) and rows[-1] == len(children)
    if len(rows) != modules + 1 or not ordered or max(children, default=0) >= modules:
        raise TVMValueError("its modules import what is not there")
    for module, (start, end) in enumerate(zip(rows, rows[1:])):
        if any(child <= module for child in children[start:end]):
            raise TVMValueError("its modules import each other")


def _module(reader: Reader, kind: str) -> Optional[Inner]:
    """A module of a known form."""
    if kind in GRAPH:
        graph = reader.text("the graph")
        params = _params(reader)
        return Inner(kind, reader.text("the model's name"), graph, params)
    if kind == AOT:
        params = _params(reader)
        return Inner(kind, reader.text("the model's name"), None, params)
    if kind in RELAX or kind == RELAY:
        return Inner(kind, content=_content(reader, kind))
    return Inner(kind) if kind == "metadata_module" else None  # which has no content


def _content(reader: Reader, kind: str) -> memoryview:
    (length,) = reader.numbers("Q", f"the size of {kind}")
    return reader.take(length, kind)


def _params(reader: Reader) -> dict[str, Header]:
    count = reader.count("weights")
    names = read_names(reader)
    if len(names) != count:
        raise TVMValueError(f"there are {len(names)} names for {count} weights")
    return {name: skip(reader, name) for name in names}
