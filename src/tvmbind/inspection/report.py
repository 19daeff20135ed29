"""``inspect``: what files of TVM's are, together."""

from __future__ import annotations

import os
from typing import Any, Optional, Union

from ..artefact import layout
from ..errors import TVMOSError, TVMValueError
from .files import errors_of, read
from .graphs import add_graph
from .libraries import add_library
from .weights import headers, summary

_GENERATIONS = {"classic": "classic (TVM 0.20 or older)", "tvm-ffi": "tvm-ffi (TVM 0.22 or newer)"}


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
        add_library(found.libraries[0], report)
    if found.graphs:
        with errors_of(found.graphs[0]):
            add_graph(read(found.graphs[0]).decode("utf-8-sig", "replace"), report)
        if report["executor"] is None:
            report["executor"], report["needs"] = "graph executor", "a graph executor (TVM 0.5 to 0.19)"
    if found.params:
        with errors_of(found.params[0]):
            report["params"] = summary(headers(found.params[0]))
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


def generation_title(generation: Optional[str]) -> Optional[str]:
    """A generation in words."""
    return _GENERATIONS.get(generation or "")


__all__ = ["generation_title", "inspect", "inspect_each"]
