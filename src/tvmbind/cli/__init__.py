"""The ``tvmbind`` command: parse the line, run one command, turn its errors into an exit code.

To add a command, add its module to `COMMANDS`; `tvmbind.cli.command` says what is in one.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import os
import sys
from collections.abc import Sequence
from typing import Any

from tvmbind.cli import bench, completion, demo, doctor, functions, info, profile, run, runtime, screen
from tvmbind.cli.command import DONE, FAILED, INTERRUPTED, PIPE, USAGE, USER_ERRORS, Parser, describe

#: In the order of the help page.
COMMANDS: tuple[Any, ...] = (demo, info, run, bench, profile, doctor, functions, runtime, completion)

#: What tvmbind consists of, and needs.
_OWN = ("tvmbind", "_cffi_backend", "cffi", "numpy", "platformdirs")

_EXAMPLES = """\
examples:
  tvmbind demo                          a compiled network reads digits
  tvmbind info model.so                 what is it, what does it take?
  tvmbind run model.so -i x.npy         run it
  tvmbind bench model.so                how long does it take?
  tvmbind profile model.so -o p.html    where does the time go?
  tvmbind runtime install               get a TVM runtime
  tvmbind doctor                        what is missing on this machine?

Results go to standard output, progress and errors to standard error. `--json` prints one document for programs.
Exit codes: 0 done, 1 failed, 2 the line makes no sense, 130 interrupted. `tvmbind COMMAND --help` has more examples.
"""


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
        130 when interrupted, 141 when whoever read the output went away.
    """
    screen.tolerate_encodings()
    parser = _parser()
    _complete(parser)
    try:
        arguments, rest = parser.parse_known_args(argv)
        if rest:
            getattr(arguments, "parser", parser).unknown(rest)
    except SystemExit as stop:  # argparse has printed its help or its complaint
        return int(stop.code or DONE)
    try:
        code = _run(parser, arguments)
        sys.stdout.flush()
        return code
    except BrokenPipeError:
        # The reader (head, less) has gone. Python would complain once more when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return PIPE
    except USER_ERRORS as error:
        screen.complain(describe(error))
        return FAILED
    except ImportError as error:
        if (error.name or "").partition(".")[0] not in _OWN:
            raise
        screen.complain(f"tvmbind is not installed whole: {error}. `tvmbind doctor` says what is missing")
        return FAILED
    except KeyboardInterrupt:
        screen.complain("interrupted")
        return INTERRUPTED


def _run(parser: argparse.ArgumentParser, arguments: argparse.Namespace) -> int:
    if arguments.version:
        print(f"tvmbind {_version()}")
        return DONE
    if "run" not in arguments:
        parser.print_help(sys.stderr)
        return USAGE
    code: int = arguments.run(arguments)
    return code


def _parser() -> Parser:
    parser = Parser(
        prog="tvmbind",
        description="Look at, run and measure what TVM compiled.",
        epilog=_EXAMPLES,
    )
    parser.add_argument("--version", action="store_true", help="print tvmbind's version")
    subparsers = parser.add_subparsers(title="commands", metavar="COMMAND", parser_class=Parser)
    for command in COMMANDS:
        command.add_parser(subparsers)
    return parser


def _complete(parser: argparse.ArgumentParser) -> None:
    """Answer the shell, if it is the shell that asks what a word may become (see ``tvmbind completion``)."""
    if "_ARGCOMPLETE" not in os.environ:
        return
    try:
        import argcomplete
    except ImportError:
        return
    argcomplete.autocomplete(parser)


def _version() -> str:
    try:
        return importlib.metadata.version("tvmbind")
    except importlib.metadata.PackageNotFoundError:
        return "(not installed)"
