"""What inference_loop.py measured, as a table on the terminal, as Markdown and as a chart."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import machine
import plots
import pyperf
from loops import BOUND, COPIED, MODEL, ORT, TVM, TVM_BOUND

WAYS = (BOUND, COPIED, MODEL, TVM_BOUND, TVM, ORT)
COLOURS = {
    BOUND: plots.GREEN, COPIED: plots.GREEN, MODEL: plots.GREEN,
    TVM_BOUND: plots.RED, TVM: plots.RED, ORT: plots.BLUE,
}  # fmt: skip
GOAL, GOAL_NETWORK, GOAL_WAYS = 0.2, "digits", (BOUND, COPIED)
FFIS = {"ctypes": "ctypes FFI", "cython": "Cython FFI"}


@dataclass(frozen=True)
class Cell:
    """The figures of one loop over one network.

    Attributes
    ----------
    loop : float
        Median microseconds of one turn.
    beyond : tuple of float, optional
        Of that beyond the bare run: the median over pairs that were timed directly after each other, and the
        smallest and the largest such median of one process. None for onnxruntime, which has no bare run.
    ratio : tuple of float, optional
        ``beyond`` divided by that of TVM's Python with copies: of the medians, and the smallest and largest of one
        process. None where a process could not tell one of them from nothing.
    """

    loop: float
    beyond: tuple[float, float, float] | None
    ratio: tuple[float, float, float] | None


@dataclass(frozen=True)
class Column:
    """What one Python measured beside one FFI of TVM's Python.

    Attributes
    ----------
    python, peer : str
        ``"CPython 3.10.13"`` and ``"cython"``.
    cells : dict of str to dict of str to Cell
        By the network, and the way to run it.
    """

    python: str
    peer: str
    cells: dict[str, dict[str, Cell]]

    @property
    def title(self) -> str:
        """For a heading."""
        return f"{self.python}, beside the {FFIS[self.peer]} of TVM's Python"


def read_column(suite: pyperf.BenchmarkSuite, peer: str) -> Column:
    """The figures of a suite."""
    names = [name.split(" | ") for name in suite.get_benchmark_names()]
    networks = dict.fromkeys(name[0] for name in names)
    return Column(suite.get_metadata()["python"], peer, {network: _cells(suite, network) for network in networks})


def _cells(suite: pyperf.BenchmarkSuite, network: str) -> dict[str, Cell]:
    found = set(suite.get_benchmark_names())
    ways = [way for way in WAYS if f"{network} | {way} | loop" in found]
    beyond = {way: _beyond(suite, network, way) for way in ways if f"{network} | {way} | run" in found}
    cells = {}
    for way in ways:
        loop = 1e6 * suite.get_benchmark(f"{network} | {way} | loop").median()
        spread = _spread(beyond[way]) if way in beyond else None
        cells[way] = Cell(loop, spread, _ratio(beyond[way], beyond[TVM]) if way in beyond else None)
    return cells


def _beyond(suite: pyperf.BenchmarkSuite, network: str, way: str) -> list[list[float]]:
    """What each turn took beyond the bare run next to it, in microseconds, by process."""
    loop, run = (suite.get_benchmark(f"{network} | {way} | {part}").get_runs() for part in ("loop", "run"))
    return [[1e6 * (a - b) for a, b in zip(one.values, other.values)] for one, other in zip(loop, run)]


def _spread(processes: list[list[float]]) -> tuple[float, float, float]:
    medians = [statistics.median(values) for values in processes]
    return statistics.median(value for values in processes for value in values), min(medians), max(medians)


def _ratio(ours: list[list[float]], theirs: list[list[float]]) -> tuple[float, float, float] | None:
    pairs = [(statistics.median(a), statistics.median(b)) for a, b in zip(ours, theirs)]
    if any(a <= 0 or b <= 0 for a, b in pairs):
        return None
    ratios = [a / b for a, b in pairs]
    return _spread(ours)[0] / _spread(theirs)[0], min(ratios), max(ratios)


HEADINGS = ("model", "way", "one turn, µs", "beyond run(), µs", "of TVM's Python's")


def lines(column: Column) -> list[list[str]]:
    """The lines of a table, a list of cells each."""
    found = []
    for network, cells in column.cells.items():
        for way, cell in cells.items():
            beyond = _range(cell.beyond, "{:,.1f}") if cell.beyond else ""
            ratio = "1" if way == TVM else _range(cell.ratio, "{:.2f}") if cell.ratio else "too little to tell"
            found.append([network, way, f"{cell.loop:,.1f}", beyond, ratio if cell.beyond else ""])
    return found


def verdict(columns: Sequence[Column]) -> list[str]:
    """Whether the loops over the digits model meet the goal beside each peer, a line each."""
    found = []
    for column in columns:
        for network, cells in column.cells.items():
            for way in GOAL_WAYS if network.startswith(GOAL_NETWORK) else ():
                ratio = cells[way].ratio
                value = "too little to tell" if ratio is None else f"{ratio[0]:.2f}"
                said = "met" if ratio is None or ratio[0] <= GOAL else "missed"
                found.append(f"goal {GOAL} {said}: {value}  {network}, {way} ({column.python}, {column.peer})")
    return found


def print_tables(columns: Sequence[Column]) -> None:
    """Shows a table for each column on the terminal."""
    from rich.console import Console
    from rich.table import Table

    console = Console()
    if not console.is_terminal:
        console = Console(width=130)
    for column in columns:
        table = Table(title=column.title)
        for place, heading in enumerate(HEADINGS):
            table.add_column(heading, justify="right" if place > 1 else "left", no_wrap=True)
        rows = lines(column)
        for place, line in enumerate(rows):
            last = place + 1 == len(rows) or rows[place + 1][0] != line[0]
            table.add_row(*line, end_section=last)
        console.print(table)


def table(column: Column) -> str:
    """The table of a column in Markdown."""
    rows = [HEADINGS, ("---", "---", "---:", "---:", "---:"), *lines(column)]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def markdown(columns: Sequence[Column], facts: dict[str, str]) -> str:
    """All tables as a Markdown document, with what they were measured on."""
    picture = "![One turn of each loop, and what of it is beyond the run](inference_loop.png)"
    parts = ["# The cost of a loop", _EXPLANATION, picture]
    for column in columns:
        parts += [f"## {column.title}", table(column)]
    goals = "\n".join(f"- {line}" for line in verdict(columns))
    return "\n\n".join([*parts, "## The goal", goals, machine.markdown(facts)]) + "\n"


_EXPLANATION = f"""\
What a person's loop takes, `set_input`, `run`, `get_output` and a numpy array of it, and how much of that is beyond
the bare run of the model: the same executor's `run`, called by the runtime's own time evaluator without Python. Made
by `make bench-loop`, on one thread; every loop of a table has an executor of the same library in the same process,
they are timed in turns, and each directly before or after its bare run. In brackets: the smallest and the largest
figure that one process of several found.

- {BOUND}: `run(); get_output(0).numpy()`, after one `set_input("input", x, copy=False)`; the output is a view
- {COPIED}: `set_input("input", x, copy=True); run(); get_output(0).numpy().copy()`
- {MODEL}: `run({{"input": x}})[0].numpy()`, which checks and copies
- {TVM_BOUND}: the same by its `set_input_zero_copy`; its `numpy()` copies
- {TVM}: `set_input("input", x); run(); get_output(0).numpy()`
- {ORT}: `run(None, {{"input": x}})[0]`, the same network from its ONNX file; it has other kernels, and no bare run"""


def chart(columns: Sequence[Column], path: Path, note: str) -> None:
    """Draws each turn as a bar, the bare run in grey, a row of panels for each column, and saves the picture."""
    plt = plots.pyplot()
    networks = list(dict.fromkeys(network for column in columns for network in column.cells))
    figure, axes = plt.subplots(
        len(columns), len(networks), squeeze=False, sharex="col", sharey=True,
        figsize=(2.2 + 3.6 * len(networks), 1.1 + 2.3 * len(columns)), layout="constrained",
    )  # fmt: skip
    for row, column in zip(axes, columns):
        row[0].set_ylabel(f"{column.python}\n{FFIS[column.peer]}", fontsize=8)
        for axis, network in zip(row, networks):
            _panel(axis, column.cells.get(network, {}))
    for axis, network in zip(axes[0], networks):
        axis.set_title(network, fontsize=10)
    for axis, network in zip(axes[-1], networks):
        longest = max(cell.loop for column in columns for cell in column.cells.get(network, {}).values())
        axis.set_xlim(0, 1.62 * longest / _unit(longest)[0])
        axis.set_xlabel(_unit(longest)[1], fontsize=8)
    figure.suptitle(f"One turn of a loop; grey is the model, colour is what the loop adds\n{note}", fontsize=10)
    plots.save(figure, path)


def _panel(axis, cells: dict[str, Cell]) -> None:
    plots.bare(axis)
    axis.grid(axis="y", visible=False)
    axis.spines["left"].set_visible(False)
    axis.set_yticks(range(len(WAYS)), WAYS, fontsize=8)
    axis.tick_params(axis="y", length=0)
    axis.tick_params(axis="x", labelsize=8)
    axis.set_ylim(len(WAYS) - 0.5, -0.5)
    unit, name = _unit(max((cell.loop for cell in cells.values()), default=1))
    for place, way in enumerate(WAYS):
        if way not in cells:
            continue
        cell = cells[way]
        beyond = max(cell.beyond[0], 0) if cell.beyond else cell.loop
        axis.barh(place, (cell.loop - beyond) / unit, 0.7, color="#c9c9c9")
        axis.barh(place, beyond / unit, 0.7, (cell.loop - beyond) / unit, color=COLOURS[way])
        if cell.beyond is None:
            text = f"{cell.loop / unit:.1f} {name}"
        elif cell.beyond[1] <= 0:
            text = "too little to tell"
        else:
            text = f"+ {beyond:,.{0 if beyond > 100 else 1}f} µs"
        axis.annotate(text, (cell.loop / unit, place), (3, 0), textcoords="offset points", va="center", fontsize=8)


def _unit(longest: float) -> tuple[float, str]:
    return (1000, "ms") if longest > 1000 else (1, "µs")


def _range(values: tuple[float, float, float], form: str) -> str:
    middle, low, high = map(form.format, values)
    return f"{middle} ({low} to {high})"
