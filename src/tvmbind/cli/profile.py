"""`tvmbind profile`: where a model's time goes, step by step."""

from __future__ import annotations

import argparse
import json
from typing import Any

from tvmbind.cli import feeds, models, screen
from tvmbind.cli.command import add_command, add_json_argument, user_mistakes
from tvmbind.executor.profiler import HOWS
from tvmbind.profiling.figures import bar, time_text
from tvmbind.profiling.names import flow_of, short_name
from tvmbind.profiling.report import Report, form_of


def add_parser(subparsers: Any) -> None:
    """Add the command to the line's parser."""
    parser = add_command(
        subparsers,
        "profile",
        run,
        "show where a model's time goes, step by step",
        examples=(
            ("profile model.so", "a table, on random numbers"),
            ("profile model.so -i x.npy -o report.html", "and a page with a timeline, bars and shapes"),
            (
                "profile model.so -o steps.csv -o steps.trace.json",
                "for a spreadsheet; for Chrome or Perfetto",
            ),
            ("profile model.so --how functions", "each function on its own, again and again"),
        ),
    )
    models.add_arguments(parser)
    feeds.add_arguments(parser, random_by_default=True)
    group = parser.add_argument_group("measurements")
    group.add_argument("--repeat", type=int, default=10, metavar="N", help="take the median of N (default: 10)")
    group.add_argument("--how", choices=HOWS, default="", help="for graphs; by default what the runtime has")
    group = parser.add_argument_group("results")
    group.add_argument(
        "-o", "--output", action="append", default=[], metavar="FILE",
        help="write the report: .html, .csv, .json, .trace.json or .txt",
    )  # fmt: skip
    group.add_argument("--top", type=int, default=20, metavar="N", help="print the N slowest steps (default: 20)")
    add_json_argument(group)  # type: ignore[arg-type]


def run(arguments: argparse.Namespace) -> int:
    """Profile the model; show the report, and write it to files."""
    with user_mistakes():
        for file in arguments.output:
            form_of(file)  # before anything is measured
    with models.load(arguments) as model:
        feed = feeds.read(arguments, model.inputs)[0]
        with user_mistakes():
            report = model.profile(feed.values, arguments.repeat, arguments.how)
    report.title = models.title(arguments)
    for file in arguments.output:
        report.save(file)
    if arguments.json:
        screen.print_json(json.loads(report.json()))
    else:
        _show(report, arguments.top)
    for file in arguments.output:
        screen.note(f"wrote {file}")
    return 0


def _show(report: Report, top: int) -> None:
    slowest = sorted(enumerate(report.calls, 1), key=lambda each: -each[1].microseconds)
    most = slowest[0][1].percent if slowest else 1.0
    heading, flows = _flows([call.shapes for _, call in slowest[:top]])
    rows = [
        (
            (number, "dim"), short_name(call.name), f"{call.microseconds:.2f}", f"{call.percent:.1f}",
            (bar(call.percent / (most or 1.0), 8), "link"), (flow, "dim"),
        )
        for (number, call), flow in zip(slowest, flows)
    ]  # fmt: skip
    screen.table(("Step", "Function", "us", "%", "", heading), rows, title=report.title, right=(0, 2, 3))
    screen.line("")
    whole = f"{time_text(report.microseconds)} in {len(report.calls)} steps"
    if len(slowest) > top:
        rest = sum(call.microseconds for _, call in slowest[top:])
        whole += f"; {time_text(rest)} of it in {len(slowest) - top} that are not shown"
    between = None if report.total is None else f"{time_text(report.total)}, with what is between the steps"
    settings = ((key.lower(), str(value)) for key, value in report.configuration.items())
    screen.facts([("steps", whole), ("whole run", between), *settings])


def _flows(shapes: list[str]) -> tuple[str, list[str]]:
    """A heading, and what goes in and comes out of each step; an element type that all have is in the heading."""
    flows = [flow_of(each) for each in shapes]
    dtypes = {flow.split(" ")[0] for flow in flows if flow}
    common = next(iter(dtypes)) if len(dtypes) == 1 else ""
    if not common or any("→ " in flow and flow.split("→ ")[1][:1].isalpha() for flow in flows):
        return "Shapes", flows
    return f"Shapes ({common})", [flow[len(common) + 1 :] for flow in flows]
