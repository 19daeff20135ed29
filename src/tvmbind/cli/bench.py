"""`tvmbind bench`: how long a model takes, with the spread and a histogram."""

from __future__ import annotations

import argparse
from typing import Any

from tvmbind.cli import feeds, models, screen
from tvmbind.cli.command import UserError, add_command, add_json_argument, user_mistakes
from tvmbind.profiling.figures import unit_of


def add_parser(subparsers: Any) -> None:
    """Add the command to the line's parser."""
    parser = add_command(
        subparsers,
        "bench",
        run,
        "time a model: median, spread and a histogram",
        description="Time a model inside the runtime, without setting inputs and copying outputs.",
        examples=(
            ("bench model.so", "on random numbers"),
            ("bench model.so -i x.npy --repeat 100", "more measurements"),
            ("bench model.so --plot times.png", "a picture of them"),
            ("bench model.so --json", "for programs: seconds"),
        ),
    )
    models.add_arguments(parser)
    feeds.add_arguments(parser, random_by_default=True)
    group = parser.add_argument_group("measurements")
    group.add_argument("--repeat", type=int, default=30, metavar="N", help="how many (default: 30)")
    group.add_argument("--number", type=int, default=1, metavar="N", help="runs in each, at least (default: 1)")
    group.add_argument(
        "--min-repeat-ms", type=int, default=2, metavar="MS",
        help="more runs in each, until it takes so many milliseconds (default: 2)",
    )  # fmt: skip
    group.add_argument("--plot", metavar="FILE", help="draw them: .png, .svg or .pdf (needs tvmbind[plot])")
    add_json_argument(parser)


def run(arguments: argparse.Namespace) -> int:
    """Time the model, and show what came of it."""
    with models.load(arguments) as model:
        feed = feeds.read(arguments, model.inputs)[0]
        with user_mistakes():
            timed = model.benchmark(feed.values, arguments.repeat, arguments.number, arguments.min_repeat_ms)
        title = repr(model)
    if arguments.plot:
        try:
            timed.plot(arguments.plot, models.title(arguments))
        except (ImportError, ValueError) as error:  # no matplotlib; an ending that it does not know
            raise UserError(str(error)) from None
    numbers = {name: getattr(timed, name) for name in ("median", "mean", "min", "max", "std")}
    if arguments.json:
        screen.print_json({"model": title, **numbers, "spread": timed.spread, "results": timed.results})
        return 0
    scale, unit = unit_of(timed.median)
    screen.facts(
        [
            ("model", title),
            ("median", (f"{timed.median / scale:.4g} {unit}  ({1 / timed.median:,.0f} runs a second)", "strong")),
            ("min, max", f"{timed.min / scale:.4g} {unit}, {timed.max / scale:.4g} {unit}"),
            ("mean, std", f"{timed.mean / scale:.4g} {unit}, {timed.std / scale:.4g} {unit}"),
            ("spread", (f"{timed.spread:.1%} of the median, {len(timed.results)} measurements", _mark(timed.spread))),
        ]
    )
    screen.line("")
    for row in timed.histogram().splitlines():
        label, _, drawn = row.partition("│")
        screen.line(f"{label}│", (drawn, "link"))
    if arguments.plot:
        screen.note(f"wrote {arguments.plot}")
    return 0


def _mark(spread: float) -> str:
    """How far the numbers are to be believed."""
    return "good" if spread < 0.05 else "warn" if spread < 0.3 else "bad"
