"""``inspect``: what files of TVM's are, together."""

from __future__ import annotations

import mmap
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Optional, Union

from ..artefact import blob, compiled, elf, kernels, layout
from ..artefact.arrays import Header, Reader, read_count, read_header, read_magic, read_names
from ..artefact.graph_json import check_graph
from ..artefact.kinds import AOT, KINDS, RELAX, RELAY, needs
from ..dtype import DataType
from ..errors import TVMOSError, TVMValueError
from ..executor.inputs import TensorInfo
from . import executables, instructions

_GENERATIONS = {"classic": "classic (TVM 0.20 or older)", "tvm-ffi": "tvm-ffi (TVM 0.22 or newer)"}
_NEEDS = {"classic": "any classic runtime (TVM 0.5 to 0.20)", "tvm-ffi": "libtvm_ffi (pip install apache-tvm-ffi)"}


def inspect(*paths: Union[str, os.PathLike[str]]) -> dict[str, Any]:
    """What is in compiled files, told without a runtime.

    Parameters
    ----------
    *paths : str or path
        Libraries, graphs, params, folders and archives of them, as `load_model` takes them; here none need be complete.

    Returns
    -------
    dict
        Of str, int, list and dict, for JSON. ``kind``, ``generation``, ``executor``, ``needs``, ``name``,
        ``compiler``, ``target`` (as the compiler was given it, where Model Library Format says it); ``inputs`` and
        ``outputs`` (None: a runtime must tell); ``params``; ``functions``; ``modules``;
        ``library`` (machine, instructions, the libraries that it needs); ``files``. What nothing tells is None.

    Raises
    ------
    TVMOSError
        If a file cannot be read.
    TVMValueError
        If it is none of TVM's, or damaged.
    """
    found, sources, unpacked = layout.collect(paths)
    report = _blank()
    for kind, names in zip(("library", "graph", "params", "object file"), found):
        report["files"] += [{"path": name, "kind": kind, "size": os.path.getsize(name)} for name in names]
    report["files"] += [{"path": name, "kind": "source", "size": None} for name in sources]
    for what, names in zip(("libraries", "graphs", "params"), found):
        if len(names) > 1:
            raise TVMValueError(
                f"there are several {what}, {', '.join(map(os.path.basename, names))}: name the files of one model"
            )
    if found.libraries:
        _library(found.libraries[0], report)
    if found.graphs:
        with _of(found.graphs[0]):
            _graph(_read(found.graphs[0]).decode("utf-8-sig", "replace"), report)
        if report["executor"] is None:
            report["executor"], report["needs"] = "graph executor", "a graph executor (TVM 0.5 to 0.19)"
    if found.params:
        with _of(found.params[0]):
            report["params"] = _summary(_headers(found.params[0]))
    folders = [os.fspath(path) for path in paths if os.path.isdir(path)] + [each.folder for each in unpacked]
    for folder in folders:
        _library_format(layout.metadata(folder), report)
    weights = report.pop("_weights", None) or set((report["params"] or {}).get("arrays", {}))
    if report["inputs"]:
        report["inputs"] = [each for each in report["inputs"] if each["name"] not in weights]
    report["kind"] = _kind(report, found)
    return report


def inspect_each(*paths: Union[str, os.PathLike[str]]) -> list[dict[str, Any]]:
    """As `inspect`; where there are files of several models, such as in a folder, a report for each file.

    A file that is damaged has a ``kind`` that says so, and nothing else.
    """
    found, _, _keep = layout.collect(paths)
    if all(len(files) <= 1 for files in found[:3]):
        return [inspect(*paths)]
    reports = []
    for kind, files in zip(("library", "graph", "params"), found):
        for file in files:
            try:
                reports.append(inspect(file))
            except (TVMValueError, TVMOSError) as error:
                broken = {"path": file, "kind": kind, "size": os.path.getsize(file)}
                reports.append({**_blank(), "kind": str(error), "files": [broken]})
    return reports


def _blank() -> dict[str, Any]:
    keys = (
        "kind", "generation", "executor", "needs", "name", "compiler", "target", "inputs", "outputs", "params",
        "library",
    )  # fmt: skip
    return {**dict.fromkeys(keys), "functions": [], "modules": [], "files": []}


@contextmanager
def _of(file: str) -> Iterator[None]:
    """Errors within it say of which file they are."""
    try:
        yield
    except TVMValueError as error:
        raise TVMValueError(f"{file}: {error}") from None
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, OverflowError) as error:
        raise TVMValueError(f"{file} is damaged, or of another form ({type(error).__name__}: {error})") from None


def _kind(report: dict[str, Any], found: layout.Found) -> str:
    if report["kind"]:
        return str(report["kind"])
    if report["executor"] and found.graphs:
        lost = [
            what
            for what, there in (("its library", found.libraries), ("its params", found.params or report["params"]))
            if not there
        ]
        whole = "a model in parts" if not lost else f"part of a model, without {' and '.join(lost)}"
        return f"{whole}, for the graph executor"
    if report["executor"]:
        return f"a model in one library, for the {report['executor']}"
    if found.libraries:
        return "a library of compiled functions"
    if found.params:
        return "weights (params)"
    return "object files or sources, not linked"


def _read(file: str) -> bytes:
    try:
        with open(file, "rb") as opened:
            return opened.read()
    except OSError as error:
        raise TVMOSError(f"cannot read {file}: {error.strerror or error}") from None


def _library(file: str, report: dict[str, Any]) -> None:
    raw = _read(file)
    if not elf.is_known(raw):
        report["kind"] = "a library for another system, or another kind of processor: nothing more is known here"
        return
    try:
        library = elf.Library(raw)
        functions, undefined, needed = map(_decoded, (library.functions(), library.undefined(), library.needed()))
        code, carried = library.code(), library.contents(blob.SYMBOLS)
    except elf.ERRORS as error:
        raise TVMValueError(f"{file}: {elf.describe(error)}") from None
    machine = elf.MACHINES.get(library.machine, f"ELF machine {library.machine}")
    report["library"] = {"machine": machine, "instructions": instructions.used(code, machine), "needed": needed}
    if "TVMFuncCall" in functions or "TVMFFIFunctionCall" in functions:
        modern = "TVMFFIFunctionCall" in functions
        report["kind"] = "a TVM runtime: TVMBIND_LIBRARY or load_runtime(path) takes it"
        report["generation"] = "tvm-ffi" if modern else "classic"
        return
    seen = compiled.scan(file)
    report["generation"] = seen.abi or None
    report["library"].update(parallel=seen.parallel, by_name=seen.by_name)
    if not seen.abi:
        calls = [name for name in undefined if name.startswith("TVM")]
        if any(name.startswith("TVMFFI") for name in calls):
            report["kind"] = "a TVM runtime, or a part of one"
        elif not calls:
            report["kind"] = "no library of TVM's: it has none of the symbols that TVM gives to what it compiles"
    report["needs"] = _NEEDS.get(seen.abi)
    taken = kernels.arguments(raw)
    prefix = "__tvm_ffi_" if seen.abi == "tvm-ffi" else ""
    names = [name[len(prefix) :] for name in functions if name.startswith(prefix)]
    own = [name for name in names if name in taken or (prefix and not name.startswith("_"))] or names
    report["functions"] = [
        {"name": name, "arguments": taken.get(name)} for name in sorted(own) if not name.startswith("__")
    ]  # fmt: skip
    for symbol, content in carried.items():
        with _of(file):
            for inner in blob.modules(content, blob.SYMBOLS[symbol]):
                _inner(inner, report, taken)


def _decoded(names: Iterable[bytes]) -> list[str]:
    return [name.decode(errors="replace") for name in names]


def _inner(inner: blob.Inner, report: dict[str, Any], taken: Mapping[str, list[str]]) -> None:
    report["modules"].append(inner.type)
    if inner.type not in KINDS:
        return
    report["executor"] = KINDS[inner.type].executor
    report["needs"] = needs(inner.type)
    report["name"] = inner.name or None
    report["params"] = _summary(inner.params)
    if inner.graph is not None:
        _graph(inner.graph, report)
        report["_weights"] = set(inner.params)
    if inner.type == AOT:
        _aot(taken, report)
    if inner.type == RELAY or inner.type in RELAX:
        _executable(executables.read(inner.content, inner.type), report)


def _executable(executable: executables.Executable, report: dict[str, Any]) -> None:
    report["params"] = _summary(executable.constants)
    if executable.compiler:
        report["compiler"] = f"TVM {executable.compiler}"
        report["needs"] = f"Relay's virtual machine of TVM {executable.compiler}, the compiler's own version"
    if executable.functions:
        others = [each for each in report["functions"] if each["name"] not in executable.functions]
        report["functions"] = [*({"name": name, "arguments": None} for name in executable.functions), *others]
        entry = "main" if "main" in executable.functions else executable.functions[0]
        inputs, outputs = executables.signature(executable, entry)
        report["inputs"], report["outputs"] = _infos(inputs), _infos(outputs)


def _aot(taken: Mapping[str, list[str]], report: dict[str, Any]) -> None:
    """What the main function checks; inputs and outputs are told apart by how the compiler names outputs."""
    main = next((args for name, args in taken.items() if name.endswith("__tvm_main__")), None)
    if main is None:
        return
    words = [each.partition(": ") for each in main]
    split = next((place for place, (name, _, _) in enumerate(words) if name.startswith("output")), len(words))
    told = [{"name": name, "dtype": kind.partition("[")[0] or None, "shape": _shape(kind)} for name, _, kind in words]
    report["inputs"], report["outputs"] = told[:split], [each | {"name": ""} for each in told[split:]]


def _shape(kind: str) -> Optional[list[str]]:
    inside = kind.partition("[")[2].rstrip("]")
    return [each.strip() for each in inside.split(",") if each.strip()] if "[" in kind else None


def _graph(text: str, report: dict[str, Any]) -> None:
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


def _library_format(metadata: Optional[dict[str, Any]], report: dict[str, Any]) -> None:
    """What a tree in Model Library Format says of itself: since version 7 for each of its modules."""
    modules = (metadata or {}).get("modules")
    for module in modules.values() if isinstance(modules, dict) else [metadata or {}]:
        if not isinstance(module, dict):
            continue
        target = module.get("target")
        targets = target.values() if isinstance(target, dict) else target if isinstance(target, list) else []
        report["target"] = report["target"] or [str(each).strip() for each in targets] or None
        report["name"] = report["name"] or module.get("model_name")


def _headers(file: str) -> dict[str, Header]:
    with open(file, "rb") as opened:  # mapped: only headers are touched, and weights may be larger than the memory
        reader = Reader(memoryview(mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ)), "the params end")
    read_magic(reader)
    names = read_names(reader)
    read_count(reader, len(names))
    found = {}
    for name in names:
        found[name] = read_header(reader, name)
        reader.take(found[name].nbytes, f"the array {name!r}")
    return found


def _summary(headers: Mapping[str, Header]) -> dict[str, Any]:
    elements = 0
    for header in headers.values():
        count = 1
        for extent in header.shape:
            count *= extent
        elements += count
    return {
        "count": len(headers),
        "elements": elements,
        "nbytes": sum(header.nbytes for header in headers.values()),
        "dtypes": dict(Counter(str(header.dtype) for header in headers.values())),
        "arrays": {
            name: {"dtype": str(header.dtype), "shape": list(header.shape), "nbytes": header.nbytes}
            for name, header in headers.items()
        },
    }


def _infos(infos: Optional[Iterable[TensorInfo]]) -> Optional[list[dict[str, Any]]]:
    if infos is None:
        return None
    return [tensor(info) for info in infos]


def tensor(info: TensorInfo) -> dict[str, Any]:
    """An input or output as a report has it."""
    shape = None if info.shape is None else list(info.shape)
    return {"name": info.name, "dtype": None if info.dtype is None else str(info.dtype), "shape": shape}


def generation_title(generation: Optional[str]) -> Optional[str]:
    """A generation in words."""
    return _GENERATIONS.get(generation or "")


__all__ = ["generation_title", "inspect", "inspect_each", "tensor"]
