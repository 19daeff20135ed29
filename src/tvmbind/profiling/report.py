"""``Report``: where a model's time goes, operator by operator, as a table, CSV, JSON, a trace and a page.

Its JSON is TVM's own (``runtime/profiling.cc``), which its ``runtime.profiling.FromJSON`` reads too, from 0.9 on.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple, Optional, Union

from . import formats
from .call import Call
from .figures import bar, quantile, time_text
from .names import flow_of, short_name

#: The ending of a file -> the method that makes what it holds.
_FORMS = {".html": "html", ".csv": "csv", ".trace.json": "chrome_trace", ".json": "json", ".txt": "table"}
class Operator(NamedTuple):
    """All steps of one kind."""

    name: str
    calls: int
    microseconds: float
    percent: float


class Report:
    """Where a model's time went.

    Parameters
    ----------
    calls : iterable of Call
        In the order of the run.
    total : float, optional
        Microseconds of the whole run, what is between the steps and their timers included.
    configuration : mapping
        What was run, and how it was timed.
    title : str
    """

    def __init__(
        self,
        calls: Iterable[Call],
        total: Optional[float] = None,
        configuration: Optional[Mapping[str, Any]] = None,
        title: str = "",
    ) -> None:
        given = list(calls)
        whole = sum(call.microseconds for call in given) or 1.0
        now: dict[str, float] = {}
        self.calls: list[Call] = []
        for call in given:
            start = now.get(call.device, 0.0) if call.start is None else call.start
            now[call.device] = start + call.microseconds
            self.calls.append(call._replace(start=start, percent=100 * call.microseconds / whole))
        self.total = total
        self.configuration: dict[str, Any] = dict(configuration or {})
        self.title = title

    @property
    def microseconds(self) -> float:
        """The time of all steps together."""
        return sum(call.microseconds for call in self.calls)

    @property
    def operators(self) -> list[Operator]:
        """The steps by kind, the slowest first."""
        found: dict[str, Operator] = {}
        for call in self.calls:
            before = found.get(call.operator, Operator(call.operator, 0, 0.0, 0.0))
            found[call.operator] = Operator(
                call.operator, before.calls + call.calls,
                before.microseconds + call.microseconds, before.percent + call.percent,
            )  # fmt: skip
        return sorted(found.values(), key=lambda each: -each.microseconds)

    @property
    def device_metrics(self) -> dict[str, float]:
        """Microseconds by device, as far as known: of the whole run, else of its steps."""
        steps: dict[str, float] = {}
        for call in self.calls:
            steps[call.device] = steps.get(call.device, 0.0) + call.microseconds
        return dict.fromkeys(steps, self.total) if self.total and len(steps) == 1 else steps

    # --------------------------------------------------------------------------------------------- from others' text

    @classmethod
    def from_json(cls, text: Union[str, bytes], title: str = "") -> Report:
        """A report out of TVM's JSON, or `json`'s.

        Raises
        ------
        ValueError
            If it is none.
        """
        calls, totals, configuration = formats.read_json(text)
        return cls(calls, max(totals, default=None), configuration, title or str(configuration.pop("Title", "")))

    @classmethod
    def median_of(cls, reports: Sequence[Report]) -> Report:
        """One report of several of the same model: of each step the median of its durations.

        Raises
        ------
        ValueError
            If there are none, or their steps differ.
        """
        if not reports:
            raise ValueError("expected reports, got none")
        first = reports[0]
        steps = [[(call.name, call.device, call.calls) for call in report.calls] for report in reports]
        if any(each != steps[0] for each in steps):
            raise ValueError("the reports are of different steps")
        times = ([report.calls[index].microseconds for report in reports] for index in range(len(first.calls)))
        calls = [call._replace(microseconds=quantile(each, 0.5), start=None) for call, each in zip(first.calls, times)]
        totals = [report.total for report in reports if report.total is not None]
        return cls(calls, quantile(totals, 0.5) if totals else None, first.configuration, first.title)

    # ------------------------------------------------------------------------------------------------------- as text

    def table(self, sort: bool = True, width: int = 100) -> str:
        """The steps as lines of text.

        Parameters
        ----------
        sort : bool
            The slowest first; else in the order of the run.
        width : int
            Characters of a line, at least 60.
        """
        calls = sorted(self.calls, key=lambda call: -call.microseconds) if sort else self.calls
        most = max((call.percent for call in calls), default=0.0) or 1.0
        rows = [
            (short_name(call.name), flow_of(call.shapes), f"{call.microseconds:.2f}", f"{call.percent:.1f}",
             bar(call.percent / most, 12))
            for call in calls
        ]  # fmt: skip
        numbers = max(10, *(len(row[2]) for row in rows)) if rows else 10
        room = max(60, width) - numbers - 25
        names = min(max((len(row[0]) for row in rows), default=8), room * 2 // 5)
        shapes = room - names
        lines = [f"{'operator':<{names}}  {'shapes':<{shapes}}  {'µs':>{numbers}}  {'%':>5}"]
        for name, flow, time, part, drawn in rows:
            text = f"{_cut(name, names):<{names}}  {_cut(flow, shapes):<{shapes}}"
            lines.append(f"{text}  {time:>{numbers}}  {part:>5}  {drawn}".rstrip())
        lines.append(f"{f'{len(calls)} steps':<{names + shapes + 2}}  {self.microseconds:>{numbers}.2f}  100.0")
        return "\n".join([*lines, *self.notes()])

    def notes(self) -> list[str]:
        """What is known of the run besides its steps, a sentence each."""
        found = [f"{key}: {value}" for key, value in self.configuration.items()]
        if self.total is not None:
            found.insert(0, f"the whole run: {time_text(self.total)}, with what is between the steps")
        return found

    def __rich__(self) -> Any:
        """The steps as rich shows them."""
        from rich.table import Table  # type: ignore[import-not-found,unused-ignore]

        table = Table(title=self.title or None, title_justify="left", caption="\n".join(self.notes()), expand=False)
        table.caption_justify = "left"
        table.add_column("operator", overflow="fold", ratio=3)
        table.add_column("shapes", overflow="fold", style="dim", ratio=3)
        table.add_column("µs", justify="right", no_wrap=True)
        table.add_column("%", justify="right", no_wrap=True)
        table.add_column("", no_wrap=True, style="cyan")
        most = max((call.percent for call in self.calls), default=0.0) or 1.0
        for call in sorted(self.calls, key=lambda call: -call.microseconds):
            table.add_row(
                short_name(call.name), flow_of(call.shapes), f"{call.microseconds:.2f}", f"{call.percent:.1f}",
                bar(call.percent / most, 12),
            )  # fmt: skip
        return table

    def __str__(self) -> str:
        return self.table()

    def __repr__(self) -> str:
        return f"<Report {len(self.calls)} steps, {self.microseconds:.2f} µs>"

    # ------------------------------------------------------------------------------------------------- to other tools

    def csv(self) -> str:
        """A line for each step, in the order of the run, below a line of names."""
        return formats.csv_text(self)

    def json(self) -> str:
        """TVM's own form; `from_json` and TVM's ``runtime.profiling.FromJSON`` (from 0.9 on) read it."""
        return formats.json_text(self)

    def chrome_trace(self) -> str:
        """A trace in Chrome's form, for chrome://tracing, Perfetto or speedscope."""
        return formats.chrome_trace(self)

    def html(self) -> str:
        """One page that needs nothing else: a timeline, bars by operator, and a table with shapes."""
        from .page import page

        return page(self)

    def save(self, path: Union[str, os.PathLike[str]]) -> None:
        """Writes the report as its file's ending says: ``.html``, ``.csv``, ``.trace.json``, ``.json`` or ``.txt``.

        Raises
        ------
        ValueError
            If the ending is another. Nothing is written then.
        """
        text: str = getattr(self, form_of(path))()
        with open(path, "w", encoding="utf-8", newline="\n") as opened:
            opened.write(text if text.endswith("\n") else f"{text}\n")


def form_of(path: Union[str, os.PathLike[str]]) -> str:
    """Which method of a report's makes what a file of this name holds.

    Raises
    ------
    ValueError
        If its ending is none of those that there are.
    """
    name = os.fspath(path)
    found = next((form for ending, form in _FORMS.items() if name.lower().endswith(ending)), None)
    if found is None:
        raise ValueError(f"cannot tell how to write a report to {name!r}: its ending is none of {', '.join(_FORMS)}")
    return found


def _cut(text: str, width: int) -> str:
    """A text that is too long without its middle: names differ at their ends."""
    if len(text) <= width:
        return text
    tail = (width - 1) // 2
    return f"{text[: width - 1 - tail]}…{text[len(text) - tail :]}"


__all__ = ["Call", "Operator", "Report"]
