"""The `tvmbind` command: parse the line, run one command, turn its errors into an exit code.

Each command is a module here with ``add_parser(subparsers)``. It sets ``run``, a function that takes the
parsed arguments and returns an exit code: to add a command, add its module to `COMMANDS`.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import os
import sys
from collections.abc import Sequence

from tvmbind.cli import runtime
from tvmbind.errors import TVMError
from tvmbind.install import InstallError

COMMANDS = (runtime,)

#: Errors that the person at the keyboard can act on: their text is shown, without a traceback.
USER_ERRORS: tuple[type[Exception], ...] = (InstallError, TVMError)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Parameters
    ----------
    argv
        The arguments without the program's name; by default those of this process.

    Returns
    -------
    int
        0 when done, 1 when the command failed (standard error says why), 2 when the line makes no sense,
        130 when interrupted.
    """
    parser = _parser()
    try:
        arguments = parser.parse_args(argv)
    except SystemExit as stop:  # argparse has printed its help or its complaint
        return int(stop.code or 0)
    if arguments.version:
        print(f"tvmbind {_version()}")
        return 0
    if "run" not in arguments:
        parser.print_help(sys.stderr)
        return 2
    try:
        code: int = arguments.run(arguments)
        sys.stdout.flush()
        return code
    except USER_ERRORS as error:
        print(f"tvmbind: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("tvmbind: interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # The reader (head, less) has gone. Python would complain once more when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="tvmbind", description="Run what TVM compiled.")
    parser.add_argument("--version", action="store_true", help="print tvmbind's version")
    subparsers = parser.add_subparsers(title="commands", metavar="COMMAND")
    for command in COMMANDS:
        command.add_parser(subparsers)
    return parser


def _version() -> str:
    try:
        return importlib.metadata.version("tvmbind")
    except importlib.metadata.PackageNotFoundError:
        return "(not installed)"
