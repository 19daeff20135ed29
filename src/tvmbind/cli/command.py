"""What every command is made with: its place on the line, its examples, the errors and the exit codes.

A command is a module in this package with ``add_parser(subparsers)``, which calls `add_command` with a function that
takes the parsed arguments and returns an exit code.
"""

from __future__ import annotations

import argparse
import difflib
import re
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Callable, NoReturn

from tvmbind.errors import TVMError
from tvmbind.install import InstallError

#: Exit codes: done; failed, or the answer is no; the line makes no sense; interrupted; the reader went away.
DONE, FAILED, USAGE, INTERRUPTED, PIPE = 0, 1, 2, 128 + signal.SIGINT, 128 + getattr(signal, "SIGPIPE", 13)

Run = Callable[[argparse.Namespace], int]


class UserError(Exception):
    """Something that the person at the keyboard can put right; the text says what was wrong and what to do."""


#: Errors whose text is shown without a traceback. An OSError's becomes a sentence by `describe`.
USER_ERRORS: tuple[type[Exception], ...] = (UserError, InstallError, TVMError, OSError)


class Parser(argparse.ArgumentParser):
    """A parser that takes no abbreviations, keeps the lines of its examples, and asks what was meant."""

    def __init__(self, **settings: Any) -> None:
        settings.setdefault("formatter_class", argparse.RawDescriptionHelpFormatter)
        super().__init__(allow_abbrev=False, **settings)

    def error(self, message: str) -> NoReturn:
        """Print the usage and what is wrong with the line, and end with 2."""
        self.print_usage()
        self.exit(USAGE, f"{self.prog}: {self._with_guess(message)}\n")

    def print_usage(self, file: Any = None) -> None:
        """Print it where errors go: it is no result."""
        super().print_usage(file or sys.stderr)

    def _with_guess(self, message: str) -> str:
        wrong = re.search(r"invalid choice: '([^']*)' \(", message)
        if wrong is None:
            return message
        choices = [str(each) for action in self._actions for each in action.choices or ()]
        return f"{message[: wrong.end() - 2]}{did_you_mean(wrong[1], choices) or f' (choose from {_list(choices)})'}"

    def unknown(self, words: Sequence[str]) -> NoReturn:
        """End as `error` does, over words that are none of this command's."""
        options = [option for action in self._actions for option in action.option_strings]
        guess = did_you_mean(words[0].partition("=")[0], options) if words[0].startswith("-") else ""
        self.error(f"unrecognized arguments: {' '.join(words)}{guess}")


def _list(words: Sequence[str]) -> str:
    return ", ".join(dict.fromkeys(words))


def did_you_mean(word: str, known: Sequence[str]) -> str:
    """``"; did you mean 'list'?"``, or nothing if no word that is known is near."""
    near = difflib.get_close_matches(word, known, 1, 0.6)
    return f"; did you mean {near[0]!r}?" if near else ""


def add_command(
    subparsers: Any,
    name: str,
    run: Run | None,
    summary: str,
    *,
    description: str = "",
    examples: Sequence[tuple[str, str]] = (),
    usage: str | None = None,
) -> Parser:
    """Add a command to the line.

    Parameters
    ----------
    subparsers
        What ``add_parser`` of the command's module was given, or of a command that has others below it.
    name
        As it is typed.
    run
        Does it; returns an exit code. None for a command that has others below it.
    summary
        A line in lower case, for the list of commands.
    description
        More, for the command's own help.
    examples
        Lines to type after ``tvmbind``, and what each of them does.
    usage
        The line in short, where argparse's own would mislead.

    Returns
    -------
    Parser
        To add arguments to.
    """
    width = max((len(line) for line, _ in examples), default=0)
    lines = [f"  tvmbind {line:<{width}}  {what}".rstrip() for line, what in examples]
    parser: Parser = subparsers.add_parser(
        name,
        help=summary,
        description=description or f"{summary[:1].upper()}{summary[1:]}.",
        usage=usage and f"tvmbind {usage}",
        epilog="\n".join(("examples:", *lines)) if lines else None,
    )
    parser.set_defaults(parser=parser, **({"run": run} if run else {}))
    return parser


def add_json_argument(parser: argparse.ArgumentParser) -> None:
    """Add ``--json``, which has the same meaning everywhere: one document on standard output."""
    parser.add_argument("--json", action="store_true", help="for programs: print one JSON document")


@contextmanager
def user_mistakes() -> Iterator[None]:
    """Within it a TypeError, ValueError or KeyError is the user's mistake and not ours: show its text alone.

    For calls into tvmbind with what came from the line; what is wrong with that, it says by these.
    """
    try:
        yield
    except (TypeError, ValueError, KeyError) as error:
        if isinstance(error, USER_ERRORS):
            raise
        text = error.args[0] if isinstance(error, KeyError) and error.args else error
        raise UserError(str(text)) from error


def describe(error: Exception) -> str:
    """The text of an error for a person."""
    if type(error).__str__ is not OSError.__str__ or not isinstance(error, OSError) or error.strerror is None:
        return str(error) or type(error).__name__
    return f"{error.filename}: {error.strerror}" if error.filename is not None else error.strerror
