"""`tvmbind runtime`: install, list and remove TVM runtimes, and print where one is."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tvmbind.install import DEFAULT, PINS, InstallError, Pin, install, installed, pin, remove

if TYPE_CHECKING:
    Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]


def add_parser(subparsers: Subparsers) -> None:
    """Add the command, and the four below it, to the line's parser."""
    summary = "install, list and remove TVM runtimes"
    parser = subparsers.add_parser("runtime", help=summary, description=summary)
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)
    names = ", ".join(PINS)

    add = actions.add_parser("install", help="download a runtime with pip, check it and keep its one library")
    add.add_argument("names", nargs="*", metavar="NAME", help=f"which: {names} (default: {DEFAULT})")
    add.add_argument("--force", action="store_true", help="download again what is already installed")
    add.set_defaults(run=run_install)

    show = actions.add_parser("list", help="show the runtimes that are, or can be, installed")
    show.add_argument("--json", action="store_true", help="for programs: a JSON list, sizes in bytes")
    show.set_defaults(run=run_list)

    where = actions.add_parser("path", help="print the path of an installed runtime, and nothing else")
    where.add_argument("name", nargs="?", metavar="NAME", help="which (default: the newest installed)")
    where.set_defaults(run=run_path)

    drop = actions.add_parser("remove", help="remove installed runtimes")
    drop.add_argument("names", nargs="+", metavar="NAME", help="which")
    drop.set_defaults(run=run_remove)


def run_install(arguments: argparse.Namespace) -> int:
    """Install each runtime that is named; print the path of each."""
    names = list(dict.fromkeys(arguments.names)) or [DEFAULT]
    for name in names:
        pin(name)  # all of them first: no download before a misspelt name is known
    for name in names:
        print(install(name, force=arguments.force), flush=True)
    return 0


def run_list(arguments: argparse.Namespace) -> int:
    """Print every runtime that can be installed, and which ones are."""
    rows = [_row(item, installed().get(item.name)) for item in PINS.values()]
    print(json.dumps(rows, indent=2) if arguments.json else _table(rows))
    return 0


def _row(item: Pin, path: Path | None) -> dict[str, Any]:
    return {
        "name": item.name,
        "tvm": item.tvm,
        "package": item.requirement,
        "default": item.name == DEFAULT,
        "installed": path is not None,
        "size": path.stat().st_size if path else None,
        "download_size": item.wheel_size,
        "path": str(path) if path else None,
    }


def _table(rows: list[dict[str, Any]]) -> str:
    lines = [("NAME", "TVM", "INSTALLED", "SIZE", "PATH")]
    for row in rows:
        megabytes = (row["size"] or row["download_size"]) / 1e6
        size = f"{megabytes:.1f} MB" if row["installed"] else f"({megabytes:.0f} MB download)"
        lines.append((row["name"], row["tvm"], "yes" if row["installed"] else "no", size, row["path"] or ""))
    widths = [max(map(len, column)) for column in zip(*lines)]
    return "\n".join("  ".join(map(str.ljust, line, widths)).rstrip() for line in lines)


def run_path(arguments: argparse.Namespace) -> int:
    """Print the path of one installed runtime."""
    here = installed()
    name = arguments.name or next(iter(here), DEFAULT)
    if pin(name).name not in here:
        what = f"TVM {name} is not installed" if arguments.name else "no runtime is installed"
        raise InstallError(f"{what}: run `tvmbind runtime install{f' {name}' if arguments.name else ''}`")
    print(here[name])
    return 0


def run_remove(arguments: argparse.Namespace) -> int:
    """Remove each runtime that is named."""
    for name in dict.fromkeys(arguments.names):
        remove(name)
        print(f"removed TVM {name}", file=sys.stderr)
    return 0
