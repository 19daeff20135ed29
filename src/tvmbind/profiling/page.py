"""The page of a `Report`: HTML that needs no other file, no script and no network."""

from __future__ import annotations

from html import escape
from string import Template
from typing import TYPE_CHECKING

from .figures import time_text

if TYPE_CHECKING:
    from .call import Call
    from .report import Report

#: Colours of operators, told apart on white and on black, also by who sees no red or green (after Okabe and Ito).
_COLOURS = 8


def page(report: Report) -> str:
    """The page's text."""
    colours = {each.name: number % _COLOURS for number, each in enumerate(report.operators)}
    title = report.title or "Profile"
    return Template(_PAGE).substitute(
        title=escape(title),
        summary=_summary(report),
        timeline=_timeline(report, colours),
        operators=_operators(report, colours),
        steps="\n".join(_step(number, call, colours) for number, call in enumerate(report.calls, 1)),
        facts="\n".join(f"<div><dt>{escape(k)}</dt><dd>{escape(str(v))}</dd></div>" for k, v in _facts(report)),
    )


def _summary(report: Report) -> str:
    slowest = report.operators[0] if report.operators else None
    tiles = [("time of all steps", time_text(report.microseconds)), ("steps", str(len(report.calls)))]
    if report.total is not None:
        tiles.insert(1, ("whole run, with what is between", time_text(report.total)))
    if slowest:
        tiles.append((f"in {slowest.name}", f"{slowest.percent:.0f} %"))
    return "\n".join(f"<div><b>{escape(value)}</b><span>{_breakable(name)}</span></div>" for name, value in tiles)


def _facts(report: Report) -> list[tuple[str, object]]:
    return [*report.configuration.items()] or [("Source", "TVM's profiler")]


def _timeline(report: Report, colours: dict[str, int]) -> str:
    """For each device a line of steps, as wide as they took long; above it the runs of one operator."""
    found = []
    for device in dict.fromkeys(call.device for call in report.calls):
        steps = [(number, call) for number, call in enumerate(report.calls, 1) if call.device == device]
        found.append(f'<p class="device">{escape(device)}</p><div class="flame"><div class="row">')
        for name, width in _groups([call for _, call in steps]):
            text = f"{escape(name)}, {time_text(width)}"
            found.append(
                f'<i class="c{colours[name]} group" style="flex:{width:.6g}" title="{text}">'
                f"<span>{escape(name)}</span></i>"
            )
        found.append('</div><div class="row">')
        for number, call in steps:
            text = f"{number}. {escape(call.name)}, {time_text(call.microseconds)}"
            found.append(
                f'<a class="c{colours[call.operator]}" href="#step{number}" style="flex:{call.microseconds:.6g}" '
                f'title="{text}" aria-label="{text}"><span>{number}</span></a>'
            )
        end = sum(call.microseconds for _, call in steps)
        ticks = "".join(f"<span>{tick}</span>" for tick in ("0", time_text(end / 2), time_text(end)))
        found.append(f'</div><div class="axis">{ticks}</div></div>')
    return "\n".join(found)


def _groups(calls: list[Call]) -> list[tuple[str, float]]:
    """Steps of one operator that follow each other, together."""
    found: list[tuple[str, float]] = []
    for call in calls:
        if found and found[-1][0] == call.operator:
            found[-1] = (call.operator, found[-1][1] + call.microseconds)
        else:
            found.append((call.operator, call.microseconds))
    return found


def _operators(report: Report, colours: dict[str, int]) -> str:
    most = max((each.percent for each in report.operators), default=0.0) or 1.0
    found = []
    for each in report.operators:
        numbers = (
            f"{time_text(each.microseconds)}, {each.percent:.1f} %{f', {each.calls} calls' if each.calls > 1 else ''}"
        )
        drawn = f'<i class="c{colours[each.name]}" style="width:{100 * each.percent / most:.4g}%"></i>'
        found.append(
            f'<li><div class="label"><span>{_breakable(each.name)}</span><span>{numbers}</span></div>'
            f'<div class="track">{drawn}</div></li>'
        )
    return "\n".join(found)


def _step(number: int, call: Call, colours: dict[str, int]) -> str:
    arguments = call.shapes.replace("], ", "]\n").split("\n") if call.shapes else []
    shapes = "<br>".join(
        f"{'<span class=out>→</span> ' if place == len(arguments) - 1 and place else ''}{escape(each)}"
        for place, each in enumerate(arguments)
    )
    layout = f"<small>{escape(call.layout)}</small>" if call.layout else ""
    calls = f"<small>{call.calls} calls</small>" if call.calls > 1 else ""
    return (
        f'<tr id="step{number}"><td data-n="step" class="n"><i class="c{colours[call.operator]} dot"></i>{number}</td>'
        f'<td data-n="function">{_breakable(call.name)}{layout}</td>'
        f'<td data-n="shapes" class="shapes">{shapes or "not told"}</td>'
        f'<td data-n="time" class="num">{time_text(call.microseconds)}{calls}</td>'
        f'<td data-n="part" class="num">{call.percent:.1f} %</td>'
        f'<td data-n="device">{escape(call.device)}</td></tr>'
    )


def _breakable(name: str) -> str:
    """A long name that may be broken where it has an underscore."""
    return escape(name).replace("_", "_<wbr>")


_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src data:">
<link rel="icon" href="data:,">
<title>$title</title>
<style>
:root { color-scheme: light dark; --page: #fff; --text: #1c2128; --dim: #59636e; --line: #d9dee4; --soft: #f3f5f7;
  --mark: #fff3c4; --on: #10151b;
  --c0: #e69f00; --c1: #56b4e9; --c2: #2bb58c; --c3: #f0e442; --c4: #7f9df5; --c5: #ee7f45; --c6: #d98bb8;
  --c7: #aab2bb; }
@media (prefers-color-scheme: dark) { :root { --page: #12161b; --text: #e4e8ed; --dim: #98a3af; --line: #2f3741;
  --soft: #1a2027; --mark: #3d3517; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 72rem; padding: 1rem 1rem 3rem; background: var(--page); color: var(--text);
  font: 1rem/1.45 system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif; overflow-wrap: anywhere; }
h1 { font-size: 1.5rem; margin: .3rem 0 1rem; }
h2 { font-size: 1.05rem; margin: 2rem 0 .6rem; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(9.5rem, 1fr)); gap: .6rem; }
.tiles div { background: var(--soft); border: 1px solid var(--line); border-radius: .5rem; padding: .6rem .8rem; }
.tiles b { display: block; font-size: 1.35rem; font-weight: 650; }
.tiles span, .device, small, dt, .axis { color: var(--dim); font-size: .82rem; }
.device { margin: .4rem 0 .2rem; }
.row { display: flex; height: 2.4rem; gap: 1px; margin-bottom: 1px; }
.row > * { min-width: 0; overflow: hidden; white-space: nowrap; color: var(--on); font-style: normal; font-size: .78rem;
  line-height: 2.4rem; text-align: center; text-decoration: none; border-radius: 2px; container-type: inline-size; }
.row span { display: block; overflow: hidden; text-overflow: ellipsis; }
.group span { text-align: left; padding-left: .4rem; }
@container (max-width: 2.6rem) { .group span { display: none; } }
@container (max-width: 1.3rem) { .row a span { display: none; } }
.row a:hover, .row a:focus { outline: 2px solid var(--text); outline-offset: -2px; }
.axis { display: flex; justify-content: space-between; border-top: 1px solid var(--line); padding-top: .15rem; }
ul { list-style: none; margin: 0; padding: 0; }
li { margin-bottom: .7rem; }
.label { display: flex; justify-content: space-between; gap: 1rem; font-size: .9rem; }
.label span:last-child { white-space: nowrap; color: var(--dim); font-variant-numeric: tabular-nums; }
.track { background: var(--soft); border-radius: 3px; margin-top: .15rem; }
.track i { display: block; height: .8rem; min-width: 2px; border-radius: 3px; }
.c0 { background: var(--c0); } .c1 { background: var(--c1); } .c2 { background: var(--c2); }
.c3 { background: var(--c3); } .c4 { background: var(--c4); } .c5 { background: var(--c5); }
.c6 { background: var(--c6); } .c7 { background: var(--c7); }
table { border-collapse: collapse; width: 100%; font-size: .88rem; }
th { text-align: left; color: var(--dim); font-weight: 600; }
th, td { padding: .45rem .7rem .45rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
td small { display: block; }
.num { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums; }
.n { white-space: nowrap; }
.dot { display: inline-block; width: .65rem; height: .65rem; border-radius: 50%; margin-right: .4rem; }
.shapes { font: .8rem/1.5 ui-monospace, "DejaVu Sans Mono", monospace; }
.out { color: var(--dim); }
tr:target { background: var(--mark); }
dl { display: grid; grid-template-columns: repeat(auto-fill, minmax(14rem, 1fr)); gap: .6rem 1.5rem; margin: 0; }
dd { margin: 0; }
@media (max-width: 44rem) {
  thead { display: none; }
  table, tbody { display: block; }
  tr { display: grid; grid-template-columns: auto 1fr auto; gap: .15rem .7rem; padding: .7rem 0;
    border-bottom: 1px solid var(--line); }
  td { display: block; border: 0; padding: 0; }
  td[data-n=function] { grid-column: 1 / 4; grid-row: 1; padding-left: 2.4rem; font-weight: 600; }
  td small { font-weight: 400; }
  td[data-n=step] { grid-column: 1; grid-row: 1; }
  td[data-n=shapes] { grid-column: 1 / 4; padding-left: 2.4rem; }
  td[data-n=time] { grid-column: 1 / 2; padding-left: 2.4rem; text-align: left; }
  td[data-n=device] { color: var(--dim); }
  td[data-n=part], td[data-n=device] { text-align: right; }
}
</style>
</head>
<body>
<h1>$title</h1>
<section class="tiles">
$summary
</section>
<h2>The run, from left to right</h2>
$timeline
<h2>By operator</h2>
<ul>
$operators
</ul>
<h2>Step by step</h2>
<table>
<thead><tr><th>step</th><th>function</th><th>arguments, the last is the result</th><th class="num">time</th>
<th class="num">part</th><th>device</th></tr></thead>
<tbody>
$steps
</tbody>
</table>
<h2>How it was measured</h2>
<dl>
$facts
</dl>
</body>
</html>
"""
