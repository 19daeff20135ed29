"""`tvmbind info`: what is in compiled files, without running any of it."""

from __future__ import annotations

import argparse
import os
from typing import Any, Optional

from tvmbind.cli import models, screen
from tvmbind.cli.command import UserError, add_command, add_json_argument, user_mistakes

_SHOWN = 12


def add_parser(subparsers: Any) -> None:
    """Add the command to the line's parser."""
    parser = add_command(
        subparsers,
        "info",
        run,
        "tell what is in compiled files: kind, inputs, outputs, weights, functions",
        description="Tell what is in compiled files. Needs no TVM runtime, and runs nothing of them, unless --load.",
        examples=(
            ("info model.so", "what is it, and what does it need?"),
            ("info build/", "a folder, or an archive such as module.tar"),
            ("info deploy.params --all", "each weight"),
            ("info models/", "a line for each file, if they are several models"),
            ("info model.so --load", "what files do not tell, a runtime may"),
            ("info model.so --json", "all of it, for programs"),
        ),
    )
    parser.add_argument("paths", nargs="+", metavar="PATH", help="files of TVM's, in any order, or a folder or archive")
    parser.add_argument("--all", action="store_true", help="list every function and weight, not the first few")
    parser.add_argument("--load", action="store_true", help="also load the model, for what only a runtime tells")
    add_json_argument(parser)


def run(arguments: argparse.Namespace) -> int:
    """Inspect, and show."""
    from tvmbind.inspection import inspect_each

    missing = next((path for path in arguments.paths if not os.path.exists(path)), None)
    if missing is not None:
        raise UserError(f"{missing or repr(missing)}: there is no such file or folder")
    with user_mistakes():
        report, *others = inspect_each(*arguments.paths)
    if others:
        if arguments.load:
            raise UserError("there are files of several models: name those of one to --load it")
        _show_several([report, *others], arguments.json)
        return 0
    if arguments.load:
        report.update(_loaded(arguments))
    if arguments.json:
        screen.print_json(report)
    else:
        _show(report, arguments.all)
    return 0


def _show_several(reports: list[dict[str, Any]], as_json: bool) -> None:
    """A line for each file, where they are no one model."""
    if as_json:
        screen.print_json({"kind": "files of several models", "reports": reports})
        return
    screen.line(("files of several models; name those of one for more", "strong"))
    columns = ("File", "Generation", "Takes", "What it is")
    screen.table(columns, [_one_line(each) for each in reports])


def _one_line(report: dict[str, Any]) -> tuple[object, ...]:
    inputs = ", ".join(map(_tensor, (report["inputs"] or [])[:2])) if report["executor"] else None
    more = " ..." if len(report["inputs"] or []) > 2 else ""
    return os.path.basename(report["files"][0]["path"]), report["generation"], f"{inputs or ''}{more}", report["kind"]


def _loaded(arguments: argparse.Namespace) -> dict[str, Any]:
    """What a runtime tells of the model."""
    import tvmbind as tvm
    from tvmbind.inspection.tensors import tensor

    arguments.device = "cpu"
    with models.load(arguments) as model:
        try:
            outputs = [tensor(info) for info in model.outputs]
        except NotImplementedError:
            outputs = None
        info = tvm.runtime_info()
        return {
            "inputs": [tensor(info) for info in model.inputs],
            "outputs": outputs,
            "loaded": {"class": type(model.executor).__name__, "runtime": info.title, "path": info.path},
        }


def _show(report: dict[str, Any], everything: bool) -> None:
    from tvmbind.inspection.report import generation_title

    library, params = report["library"] or {}, report["params"]
    graph, loaded = report.get("graph"), report.get("loaded")
    screen.facts(
        [
            ("kind", (report["kind"], "strong")),
            ("name", report["name"]),
            ("generation", generation_title(report["generation"])),
            ("compiled by", report["compiler"]),
            ("needs", report["needs"]),
            ("target", ", ".join(report["target"]) if report["target"] else None),
            ("code", _code(library)),
            ("", _lacking(library)),
            ("holds", _others(report["modules"])),
            ("inputs", _tensors(report["inputs"])),
            ("outputs", _tensors(report["outputs"])),
            ("unknown", _unknown(report)),
            ("weights", _weights(params)),
            ("graph", f"{graph['operators']} operators, {screen.size(graph['storage'])} of memory" if graph else None),
            ("loaded", f"by {loaded['class']} on {loaded['runtime']}" if loaded else None),
        ]
    )
    if report["functions"]:
        _show_functions(report["functions"], everything, everything or not report["executor"])
    if params and params["count"] and (everything or not library):
        _show_weights(params["arrays"], everything)
    screen.line("")
    rows = [(each["kind"], _size(each["size"]), screen.path(each["path"])) for each in report["files"]]
    screen.table(("File", "Size", "Path"), rows, right=(1,))


def _size(size: Optional[int]) -> Optional[str]:
    return None if size is None else screen.size(size)


def _code(library: dict[str, Any]) -> Optional[str]:
    if not library:
        return None
    used = library["instructions"]
    words = [library["machine"] + (f", uses {', '.join(used)}" if used else "")]
    if library.get("parallel"):
        words.append("runs on several threads")
    if library.get("by_name"):
        words.append("compiled from C")
    return "; ".join(words)


def _lacking(library: dict[str, Any]) -> Optional[tuple[str, str]]:
    """A warning, if this machine cannot run the code."""
    from tvmbind.inspection.instructions import missing_here

    lost = missing_here(library.get("machine", ""), library.get("instructions", []))
    return (f"this machine has no {', '.join(lost)}: running it ends the process", "bad") if lost else None


def _others(modules: list[str]) -> Optional[str]:
    """Modules besides the model's own: code for devices, mostly."""
    own = ("Factory", "Executable", "metadata_module")
    return ", ".join(kind for kind in modules if not kind.endswith(own)) or None


def _tensors(tensors: Optional[list[dict[str, Any]]]) -> Optional[str]:
    if tensors is None:
        return None
    return "\n".join(map(_tensor, tensors)) or "none"


def _tensor(tensor: dict[str, Any]) -> str:
    shape = "[...]" if tensor["shape"] is None else f"[{', '.join(map(str, tensor['shape']))}]"
    what = f"{tensor['dtype'] or '?'}{shape}"
    return f"{tensor['name']}: {what}" if tensor["name"] else what


def _unknown(report: dict[str, Any]) -> Optional[tuple[str, str]]:
    """What only a runtime tells."""
    if not report["executor"] or report.get("loaded"):
        return None
    lost = [what for what in ("inputs", "outputs") if report[what] is None]
    lost += ["shapes"] if any("?" in (each["shape"] or []) for each in report["inputs"] or []) else []
    return (f"{' and '.join(lost)}: the files do not tell; --load asks a runtime", "dim") if lost else None


def _weights(params: Optional[dict[str, Any]]) -> Optional[str]:
    if not params or not params["count"]:
        return None
    types = ", ".join(f"{count} {dtype}" for dtype, count in params["dtypes"].items())
    return f"{params['count']} arrays, {params['elements']:,} values, {screen.size(params['nbytes'])} ({types})"


def _show_functions(functions: list[dict[str, Any]], everything: bool, signatures: bool) -> None:
    screen.heading(f"{len(functions)} function{'s' * (len(functions) != 1)}")
    shown = functions if everything else functions[:_SHOWN]
    for each in shown:
        arguments = each["arguments"] if signatures else None
        screen.line("  ", (each["name"], "link"), "" if arguments is None else f"({', '.join(arguments)})")
    if len(shown) < len(functions):
        screen.line((f"  ... and {len(functions) - len(shown)} more: --all", "dim"))


def _show_weights(arrays: dict[str, dict[str, Any]], everything: bool) -> None:
    screen.line("")
    names = list(arrays) if everything else list(arrays)[:_SHOWN]
    rows = [
        (name, arrays[name]["dtype"], f"[{', '.join(map(str, arrays[name]['shape']))}]",
         screen.size(arrays[name]["nbytes"]))
        for name in names
    ]  # fmt: skip
    screen.table(("Weight", "Type", "Shape", "Size"), rows, right=(3,))
    if len(names) < len(arrays):
        screen.line((f"... and {len(arrays) - len(names)} more: --all", "dim"))
