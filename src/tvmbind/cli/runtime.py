"""`tvmbind runtime`: install, list and remove TVM runtimes, and print where one is."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from tvmbind.cli import screen
from tvmbind.cli.command import add_command, add_json_argument
from tvmbind.install import DEFAULT, PINS, InstallError, Pin, install, installed, pin, remove


def add_parser(subparsers: Any) -> None:
    """Add the command, and the four below it, to the line's parser."""
    parser = add_command(
        subparsers,
        "runtime",
        None,
        "install, list and remove TVM runtimes",
        examples=(
            ("runtime install", f"TVM {DEFAULT}, which runs most of what there is"),
            ("runtime install 0.27", "for what TVM 0.22 or newer compiled"),
            ("runtime list", "what is, and what can be, installed"),
        ),
    )
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)
    names = ", ".join(PINS)

    add = add_command(actions, "install", run_install, "download a runtime with pip, check it and keep its one library")
    add.add_argument("names", nargs="*", metavar="NAME", help=f"which: {names} (default: {DEFAULT})")
    add.add_argument("--force", action="store_true", help="download again what is already installed")

    show = add_command(actions, "list", run_list, "show the runtimes that are, or can be, installed")
    add_json_argument(show)

    where = add_command(actions, "path", run_path, "print the path of an installed runtime, and nothing else")
    where.add_argument("name", nargs="?", metavar="NAME", help="which (default: the newest installed)")

    drop = add_command(actions, "remove", run_remove, "remove installed runtimes")
    drop.add_argument("names", nargs="+", metavar="NAME", help="which")


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
    if arguments.json:
        screen.print_json(rows)
        return 0
    columns = ("Name", "TVM", "Installed", "Size", "Path")
    screen.table(columns, map(_cells, rows))
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


def _cells(row: dict[str, Any]) -> tuple[object, ...]:
    if row["installed"]:
        return row["name"], row["tvm"], ("yes", "good"), screen.size(row["size"]), screen.path(row["path"])
    return row["name"], row["tvm"], ("no", "dim"), (f"({row['download_size'] / 1e6:.0f} MB download)", "dim"), None


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
        screen.note(f"removed TVM {name}")
    return 0
