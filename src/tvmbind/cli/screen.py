"""What people see: the one place that knows of terminals, colours and rich.

Results go to standard output, everything else (progress, notes, errors) to standard error. Where standard output is
a terminal and rich is installed, tables have colours and fit its width; in a pipe, or without rich, they are plain
columns that are never cut, for `grep` and `awk`. ``NO_COLOR`` and ``FORCE_COLOR`` count.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TextIO, TypeVar

if TYPE_CHECKING:
    from rich.console import Console

_LEAST = 10  # characters of a last column, if it is folded

T = TypeVar("T")
Row = Sequence[object]

#: What a cell may be marked with, as ``(text, mark)``, and how that looks.
MARKS = {"good": "green", "bad": "bold red", "warn": "yellow", "dim": "dim", "strong": "bold", "link": "cyan"}


def tolerate_encodings() -> None:
    """Let no character that the terminal cannot show end the program."""
    for stream in (sys.stdout, sys.stderr):
        if stream is not None and hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")


def console(stream: TextIO | None = None) -> Console | None:
    """rich's console for a stream (standard output), if it shows something there: on a terminal, with rich."""
    stream = sys.stdout if stream is None else stream
    if not os.environ.get("FORCE_COLOR") and not (hasattr(stream, "isatty") and stream.isatty()):
        return None
    try:
        from rich.console import Console
    except ImportError:
        return None
    made = Console(file=stream, highlight=False, markup=False, emoji=False)
    return made if made.is_terminal else None


def _split(cell: object) -> tuple[str, str]:
    """A cell's text, and the style of its mark."""
    if isinstance(cell, tuple) and len(cell) == 2 and cell[1] in MARKS:
        return str(cell[0]), MARKS[cell[1]]
    return ("" if cell is None else str(cell)), ""


def table(columns: Sequence[str], rows: Iterable[Row], *, title: str = "", right: Sequence[int] = ()) -> None:
    """Print a table.

    Parameters
    ----------
    columns
        Headings.
    rows
        Cells: what ``str`` can take, or ``(text, mark)`` with a mark of `MARKS`. None is an empty cell.
    title
        A line above it.
    right
        Numbers of the columns to align right.
    """
    cells = [[_split(cell) for cell in row] for row in rows]
    lines = [[name.upper() for name in columns], *([text for text, _ in row] for row in cells)]
    widths = [max(map(len, column)) for column in zip(*lines)]
    screen = console()
    # What is too narrow for all but the last column would cut them: plain lines, which the terminal folds.
    if screen is not None and sum(widths[:-1]) + 3 * len(widths) + min(widths[-1], _LEAST) <= screen.width:
        screen.print(_rich_table(columns, cells, title, right))
        return
    if title:
        print(title)
    for line in lines:
        padded = (
            text.rjust(width) if place in right else text.ljust(width)
            for place, (text, width) in enumerate(zip(line, widths))
        )  # fmt: skip
        print("  ".join(padded).rstrip())


def _rich_table(columns: Sequence[str], cells: list[list[tuple[str, str]]], title: str, right: Sequence[int]) -> Any:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    made = Table(
        box=box.SIMPLE_HEAD, title=Text(title, "bold") if title else None, title_justify="left",
        header_style="bold", pad_edge=False, show_edge=False,
    )  # fmt: skip
    for place, name in enumerate(columns):
        # What is long, and may be broken, is in the last column.
        last = place == len(columns) - 1
        made.add_column(Text(name), justify="right" if place in right else "left", overflow="fold", no_wrap=not last)
    for row in cells:
        made.add_row(*(Text(text, style) for text, style in row))
    return made


def facts(pairs: Iterable[tuple[str, object]]) -> None:
    """Print names with their values, one a line; a value may be marked as a `table`'s cell. None is left out."""
    rows = [(name, *_split(value)) for name, value in pairs if value is not None]
    width = max((len(name) for name, _, _ in rows), default=0)
    screen = console()
    if screen is None:
        for name, text, _ in rows:
            print(f"{name:<{width}}  " + text.replace("\n", "\n" + " " * (width + 2)))
        return
    from rich.table import Table
    from rich.text import Text

    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    for name, text, style in rows:
        grid.add_row(Text(name, "cyan"), Text(text, style))
    screen.print(grid)


def heading(text: str) -> None:
    """Print a line that names what comes."""
    line("")
    line((text, "strong"))


def line(*cells: object) -> None:
    """Print one line of parts, each of which may be marked as a `table`'s cell."""
    parts = [_split(cell) for cell in cells]
    screen = console()
    if screen is None:
        print("".join(text for text, _ in parts))
        return
    from rich.text import Text

    screen.print(Text.assemble(*parts))


def print_json(value: Any) -> None:
    """Print one JSON document, for programs. A number that JSON has not (NaN, infinity) becomes null."""
    print(json.dumps(_plain(value), indent=2, ensure_ascii=False, allow_nan=False))


def _plain(value: Any) -> Any:
    if isinstance(value, float):
        return value if value - value == 0 else None
    if isinstance(value, Mapping):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(each) for each in value]
    return value


def note(text: str) -> None:
    """Say something that is no result, on standard error."""
    _say(text, "dim")


def complain(text: str) -> None:
    """Say what went wrong, on standard error."""
    _say(f"tvmbind: {text}", "red")


def _say(text: str, style: str) -> None:
    if sys.stderr is None:
        return
    screen = console(sys.stderr)
    if screen is None:
        print(text, file=sys.stderr, flush=True)
    else:
        screen.print(text, style=style, soft_wrap=True)


def progress(items: Iterable[T], total: int | None, what: str) -> Iterator[T]:
    """Go through items, and show how far on standard error if that is a terminal and there is more than one."""
    several = total is None or total > 1
    screen = console(sys.stderr) if several and sys.stderr is not None and sys.stderr.isatty() else None
    if screen is None:
        yield from items
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=screen, transient=True) as bar:
        yield from bar.track(items, total=total, description=what)


def path(name: str) -> str:
    """A path for a person to read: on a terminal with ``~`` for home; as it is in a pipe."""
    home = os.path.expanduser("~")
    inside = len(home) > 1 and name.startswith(home + os.sep)
    return f"~{name[len(home) :]}" if inside and console() is not None else name


def size(count: int) -> str:
    """A number of bytes, in words."""
    if count < 1000:
        return f"{count} B"
    for unit, scale in (("kB", 1e3), ("MB", 1e6)):
        if count < 999.5 * scale:
            return f"{count / scale:.1f} {unit}"
    return f"{count / 1e9:.1f} GB"
