"""What was measured, as a table on the terminal, as Markdown and as a chart."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import machine
import plots
import pyperf
from operations import OPERATIONS

PEERS = ("ctypes", "cython", "tvm-ffi")
NAMES = {"ctypes": "TVM's ctypes FFI", "cython": "TVM's Cython FFI", "tvm-ffi": "tvm-ffi's Cython FFI"}
COLOURS = {"ctypes": plots.RED, "cython": plots.BLUE, "tvm-ffi": plots.GREEN}
#: The part of a peer's time that tvmbind is to take at most.
GOALS = {"ctypes": 0.1, "cython": 0.8, "tvm-ffi": 0.8}

#: The rows that README.md shows.
SUMMARY = (
    "call, no argument", "call, 3 ints", "call, short str", "call, NDArray", "call, numpy array, aligned",
    "callback, no argument", "callback, 3 ints", "callback, NDArray in and out", "a.numpy(), 16 floats",
    "from_dlpack(numpy array)", "set_input(numpy array), copied", "run()", "get_output(0)", "get_global_func(name)",
)  # fmt: skip


@dataclass(frozen=True)
class Cell:
    """A row's figures beside one peer.

    Attributes
    ----------
    ours, theirs : float
        Median nanoseconds of tvmbind and of the peer.
    ratio : float
        Median of theirs / ours over pairs of values that were timed directly after each other.
    low, high : float
        The smallest and the largest such median of one process.
    """

    ours: float
    theirs: float
    ratio: float
    low: float
    high: float


@dataclass(frozen=True)
class Column:
    """What one Python measured beside one peer.

    Attributes
    ----------
    python : str
        Such as ``"CPython 3.11.7"``.
    peer : str
        One of `PEERS`.
    cells : dict of str to Cell
        By the label of the row.
    """

    python: str
    peer: str
    cells: dict[str, Cell]


def read_column(suite: pyperf.BenchmarkSuite, peer: str) -> Column:
    """The figures of a suite that holds tvmbind and a peer."""
    names = suite.get_benchmark_names()
    cells = {}
    for operation in OPERATIONS:
        sides = [f"{operation.label} [{side}]" for side in ("tvmbind", peer)]
        if sides[0] in names:
            cells[operation.label] = _cell(*(suite.get_benchmark(name) for name in sides))
    return Column(suite.get_metadata()["python"], peer, cells)


def _cell(ours: pyperf.Benchmark, theirs: pyperf.Benchmark) -> Cell:
    processes = [
        [their / our for our, their in zip(one.values, other.values)]
        for one, other in zip(ours.get_runs(), theirs.get_runs())
    ]
    medians = [statistics.median(ratios) for ratios in processes]
    return Cell(
        1e9 * ours.median(),
        1e9 * theirs.median(),
        statistics.median(ratio for ratios in processes for ratio in ratios),
        min(medians),
        max(medians),
    )


def by_python(columns: Sequence[Column]) -> dict[str, list[Column]]:
    """The columns of each Python, in the order of `PEERS`."""
    pythons = dict.fromkeys(column.python for column in columns)
    return {
        python: sorted((c for c in columns if c.python == python), key=lambda c: PEERS.index(c.peer))
        for python in pythons
    }


def headings(columns: Sequence[Column]) -> list[str]:
    """The heads of one Python's table."""
    peers = [head for column in columns for head in (f"{column.peer}, ns", f"{column.peer} / tvmbind")]
    return ["operation", "tvmbind, ns", *peers]


def lines(columns: Sequence[Column]) -> list[tuple[str, list[str]]]:
    """The lines of one Python's table: the group that an operation is in, and its cells."""
    found = []
    for operation in OPERATIONS:
        cells = [column.cells[operation.label] for column in columns if operation.label in column.cells]
        if cells:
            ours = statistics.mean(cell.ours for cell in cells)
            texts = [text for cell in cells for text in (f"{cell.theirs:,.0f}", _spread(cell))]
            found.append((operation.group, [operation.label, f"{ours:,.0f}", *texts]))
    return found


def verdict(columns: Sequence[Column]) -> list[str]:
    """A line for each peer: the rows that take more than their part of its time, the worst first."""
    said = []
    for column in sorted(columns, key=lambda c: PEERS.index(c.peer)):
        goal = GOALS[column.peer]
        over = {label: 1 / cell.ratio for label, cell in column.cells.items() if 1 / cell.ratio > goal}
        rows = [f"{label} ({over[label]:.2f})" for label in sorted(over, key=over.__getitem__, reverse=True)]
        peer = f"{NAMES[column.peer]} ({column.python})"
        count = f"{len(rows)} of {len(column.cells)} rows"
        said.append(f"Over {goal} times the time of {peer}, {count}: {'; '.join(rows) or 'none'}.")
    return said


def floors(columns: Sequence[Column]) -> list[str]:
    """What stands in the way of the rows that `verdict` names."""
    missed = {
        label for column in columns for label, cell in column.cells.items() if 1 / cell.ratio > GOALS[column.peer]
    }  # fmt: skip
    return [
        f"{operation.label}: {operation.floor}."
        for operation in OPERATIONS
        if operation.label in missed and operation.floor
    ]


def footnotes(columns: Sequence[Column]) -> list[str]:
    """What is timed on a peer where it has no statement like tvmbind's."""
    families = {"tvm" if column.peer in ("ctypes", "cython") else column.peer for column in columns}
    names = {"tvm": "TVM's Python", "tvm-ffi": "tvm-ffi"}
    return [
        f"{operation.label}: `{operation.statement}`; {names[family]}: `{statement}`"
        for operation in OPERATIONS
        for family, statement in operation.instead.items()
        if family in families
    ]


def print_tables(columns: Sequence[Column]) -> None:
    """Shows a table for each Python on the terminal."""
    from rich.console import Console
    from rich.table import Table

    console = Console()
    if not console.is_terminal:
        console = Console(width=120)
    for python, parts in by_python(columns).items():
        table = Table(title=f"{python}: nanoseconds, and how many times longer the peer takes")
        head, *heads = headings(parts)
        table.add_column(head)
        for text in heads:
            table.add_column(text, justify="right", no_wrap=True)
        group = None
        for name, line in lines(parts):
            if group not in (None, name):
                table.add_section()
            group = name
            table.add_row(*line)
        console.print(table)


def markdown(columns: Sequence[Column], facts: dict[str, str]) -> str:
    """All tables as a Markdown document, with what they were measured on."""
    picture = "![How many times longer the peers take than tvmbind, row by row](call_overhead.png)"
    parts = ["# The cost of a call", _EXPLANATION, picture]
    for python, group in by_python(columns).items():
        heads = headings(group)
        rows = [heads, ["---", *["---:"] * (len(heads) - 1)], *(line for _, line in lines(group))]
        parts += [f"## {python}", "\n".join(f"| {' | '.join(row)} |" for row in rows)]
    goals = "\n".join(f"- {line}" for line in [*verdict(columns), *floors(columns)])
    notes = "\n".join(f"- {line}" for line in footnotes(columns))
    parts += ["## Rows that miss the goal", goals, "## Where the statements differ", notes]
    return "\n\n".join([*parts, machine.markdown(facts)]) + "\n"


def summary(columns: Sequence[Column], facts: dict[str, str]) -> str:
    """The rows that say most, of all Pythons in one table, for README.md."""
    pythons = by_python(columns)
    heads = ["nanoseconds"]
    for python, group in pythons.items():
        heads += [f"tvmbind, {python.replace('CPython ', 'Python ')}", *(NAMES[column.peer] for column in group)]
    table = [heads, ["---", *["---:"] * (len(heads) - 1)]]
    for label in SUMMARY:
        cells = [label]
        for group in pythons.values():
            found = [column.cells.get(label) for column in group]
            ours = [cell.ours for cell in found if cell]
            cells.append(f"{statistics.mean(ours):,.0f}" if ours else "")
            cells += [f"{cell.theirs:,.0f} ({_times(cell.ratio)})" if cell else "" for cell in found]
        table.append(cells)
    about = (
        f"In brackets: how many times longer the peer takes. {facts['tvmbind']}; {facts['processor']}; {facts['date']}."
    )
    return "\n".join([*(f"| {' | '.join(row)} |" for row in table), "", about])


_EXPLANATION = (
    "Median nanoseconds of one operation, and how many times longer a peer takes for it: TVM's own Python, through "
    "its ctypes and its Cython FFI, on TVM 0.16, and tvm-ffi's Cython on its own library. Both sides call the same "
    "functions of the same runtime in the same process, in turns. In brackets: the lowest and the highest ratio that "
    "one process of several found. Callbacks: a Python function made into one of TVM's, called from Python. The graph "
    "has one operator, which does nothing. Made by `make bench-calls`."
)


def chart(columns: Sequence[Column], path: Path, note: str = "") -> None:
    """Draws the ratios as bars, a panel for each Python, and saves the picture."""
    pythons = by_python(columns)
    places = _places(columns)
    figure, axes = plots.pyplot().subplots(
        1, len(pythons), sharex=True, sharey=True, squeeze=False,
        figsize=(3.4 + 4.4 * len(pythons), 2.2 + 0.38 * len(places)), layout="constrained",
    )  # fmt: skip
    for axis, (python, group) in zip(axes[0], pythons.items()):
        _panel(axis, python, group, places)
    ratios = [cell.ratio for column in columns for cell in column.cells.values()]
    axes[0][0].set_xlim(min(0.5, 0.6 * min(ratios)), 1.8 * max(ratios))
    axes[0][0].set_ylim(max(places.values()) + 0.6, -0.6)
    bars = {bars.get_label(): bars for axis in axes[0] for bars in axis.containers}
    figure.suptitle(f"How many times longer the peer takes than tvmbind\n{note}", fontsize=11)
    figure.legend(bars.values(), bars.keys(), loc="outside lower center", ncols=3, fontsize=9, frameon=False)
    plots.save(figure, path)


def _places(columns: Sequence[Column]) -> dict[str, float]:
    """Where on the vertical axis each row is: a gap parts the groups."""
    places: dict[str, float] = {}
    at, group = -1.0, OPERATIONS[0].group
    for operation in OPERATIONS:
        if any(operation.label in column.cells for column in columns):
            at += 1.0 if operation.group == group or not places else 1.6
            group = operation.group
            places[operation.label] = at
    return places


def _panel(axis, python: str, group: Sequence[Column], places: dict[str, float]) -> None:
    thickness = 0.8 / len(group)
    for index, column in enumerate(group):
        shift = (index - (len(group) - 1) / 2) * thickness
        rows = [(places[label] + shift, cell.ratio) for label, cell in column.cells.items()]
        heights, ratios = zip(*rows)
        widths = [ratio - 1 for ratio in ratios]
        name = NAMES[column.peer]
        axis.barh(heights, widths, 0.9 * thickness, 1, color=COLOURS[column.peer], label=name)
        for height, ratio in rows:
            axis.annotate(
                _times(ratio), (ratio, height), (3 if ratio > 1 else -3, 0), textcoords="offset points",
                va="center", ha="left" if ratio > 1 else "right", fontsize=7, color="#333333",
                bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.6},
            )  # fmt: skip
    axis.axvline(1, color="#333333", linewidth=1)
    for column in group:
        goal = 1 / GOALS[column.peer]
        axis.axvline(goal, color=COLOURS[column.peer], linewidth=0.8, linestyle=(0, (4, 3)), zorder=0.5)
    axis.set_xscale("log")
    ticks = [0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200]
    axis.set_xticks(ticks, [f"{tick:g}" for tick in ticks], fontsize=8)
    axis.set_xticks([], minor=True)
    axis.set_yticks(list(places.values()), list(places), fontsize=8)
    axis.tick_params(axis="y", length=0)
    plots.bare(axis)
    axis.spines["left"].set_visible(False)
    axis.grid(visible=False, axis="y")
    axis.set_title(python, fontsize=10)
    axis.set_xlabel("times, log scale (1: equal; dashed: the goal beside this peer)", fontsize=8)


def _spread(cell: Cell) -> str:
    return f"{_times(cell.ratio)} ({_times(cell.low)}-{_times(cell.high)})"


def _times(ratio: float) -> str:
    return f"{ratio:.2f}" if ratio < 2 else f"{ratio:.1f}"
