"""`tvmbind functions`: list and search the global functions of the runtime."""

from __future__ import annotations

import argparse
import fnmatch
from typing import Any

from tvmbind.cli import screen
from tvmbind.cli.command import UserError, add_command, add_json_argument, did_you_mean


def add_parser(subparsers: Any) -> None:
    """Add the command to the line's parser."""
    parser = add_command(
        subparsers,
        "functions",
        run,
        "list and search the runtime's global functions",
        examples=(
            ("functions", "all of them"),
            ("functions rpc", "those with rpc in their name, in whatever case"),
            ("functions 'tvm.graph_executor.*'", "those that fit a pattern"),
        ),
    )
    parser.add_argument("pattern", nargs="?", metavar="PATTERN", help="a part of the name, or a pattern with * and ?")
    add_json_argument(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print the names; fail if none fits, as grep does."""
    import tvmbind as tvm

    info, names = tvm.runtime_info(), sorted(tvm.list_global_func_names())
    found = [name for name in names if _fits(name, arguments.pattern)] if arguments.pattern else names
    if arguments.json:
        screen.print_json({"runtime": {"title": info.title, "path": info.path}, "functions": found})
        return 0 if found else 1
    if not found:
        guess = did_you_mean(arguments.pattern, names)
        raise UserError(f"none of the {len(names)} functions of {info.title} fits {arguments.pattern!r}{guess}")
    for name in found:
        screen.line(name)
    screen.note(f"{len(found)} of {len(names)} functions of {info.title}, {info.path}")
    return 0


def _fits(name: str, pattern: str) -> bool:
    if any(sign in pattern for sign in "*?["):
        return fnmatch.fnmatchcase(name.lower(), pattern.lower())
    return pattern.lower() in name.lower()
