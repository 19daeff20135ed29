"""What threads bring: 1, 2, 4 and 8 of them, each on its own executor or function, beside TVM's own Python.

    python benchmarks/threads.py           about a minute, results in benchmarks/results
    python benchmarks/threads.py --quick   fewer rounds, results in build/bench-quick

Each rate is what all threads of a count do together in a short time by the clock on the wall, for that is what threads
are for: here other programs on the machine do count. The counts and both sides take turns, and a speed-up is the median
over rounds of the rate beside that of one thread in the same round.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
from pathlib import Path

import commands
import peers

COUNTS = ("1", "2", "4", "8")


def main() -> int:
    """Measures, shows and saves."""
    return peers.run_inside(__file__, lambda home: _measure(_parse(), home))


def _parse() -> argparse.Namespace:
    return commands.parse(commands.parser(__doc__), {"rounds": 16, "seconds": 0.1}, {"rounds": 2, "seconds": 0.1})


def _measure(options: argparse.Namespace, home: peers.Environment) -> int:
    import machine

    environment, peer = peers.pairs(home)[-2]  # TVM's Python with its fastest FFI
    sides = ("--peer", peer, "--library", peers.compile_nop(peer), "--models", peers.ROOT / "models")
    said = commands.run(
        environment, "thread_worker.py", *sides, "--rounds", options.rounds, "--seconds", options.seconds
    )
    found = json.loads(said.splitlines()[-1])
    facts = {
        **machine.describe(),
        "Python": f"CPython {environment.version[0]}.{environment.version[1]}",
        "peer": f"TVM 0.16's Python with its {peer} FFI, from {peers.WHEEL.replace('==', ' ')}",
        "values": f"{options.rounds} rounds of {options.seconds:g} s",
        "load": f"1-minute load average {found['load']:.1f}",
    }
    names = {"tvmbind": "tvmbind", peer: f"TVM's {peer.replace('cython', 'Cython')} FFI"}
    parts = ["# Threads", _EXPLANATION.format(cores=os.cpu_count()), "![Speed-up over threads](threads.png)"]
    parts += ["\n".join(_table(found["rates"], names)), machine.markdown(facts)]
    text = "\n\n".join(parts) + "\n"
    print(text)
    options.output.mkdir(parents=True, exist_ok=True)
    (options.output / "threads.md").write_text(text, encoding="utf-8")
    (options.output / "threads.json").write_text(json.dumps(found) + "\n", encoding="utf-8")
    _plot(found["rates"], names, options.output / "threads.png", f"{facts['tvmbind']}; {facts['processor']}")
    return 0


def speed_ups(rates: dict[str, list[list[float]]]) -> dict[str, tuple[float, float, float]]:
    """By the count of threads: how many times the rate of one thread; the median of all rounds, and its quartiles."""
    return {count: _times_one(rates, count, 0) for count in COUNTS}


def _times_one(rates: dict[str, list[list[float]]], count: str, which: int) -> tuple[float, float, float]:
    ratios = sorted(many[which] / one[which] for one, many in zip(rates["1"], rates[count]))
    quarter = len(ratios) // 4
    return statistics.median(ratios), ratios[quarter], ratios[-1 - quarter]


def _table(rates, names: dict[str, str]) -> list[str]:
    heads = ["task", "", "1 thread, per second", *(f"{count} threads, times that" for count in COUNTS[1:])]
    heads.append(f"processor time of a turn, {COUNTS[-1]} threads / 1")
    lines = [f"| {' | '.join(heads)} |", f"| --- | --- {'| ---: ' * (len(heads) - 2)}|"]
    for task, sides in rates.items():
        for side, name in names.items():
            cells = ["{:.2f} ({:.2f}-{:.2f})".format(*speed_ups(sides[side])[count]) for count in COUNTS[1:]]
            cells.append("{:.2f} ({:.2f}-{:.2f})".format(*_times_one(sides[side], COUNTS[-1], 1)))
            one = statistics.median(rate for rate, _ in sides[side]["1"])
            lines.append(f"| {task} | {name} | {one:,.0f} | {' | '.join(cells)} |")
    return lines


def _plot(rates, names: dict[str, str], path: Path, note: str) -> None:
    import plots

    figure, axes = plots.pyplot().subplots(1, len(rates), figsize=(12, 3.8), sharey=True, layout="constrained")
    places = range(len(COUNTS))
    for axis, (task, sides) in zip(axes, rates.items()):
        for (side, name), colour in zip(names.items(), (plots.BLUE, plots.RED)):
            middle, low, high = zip(*speed_ups(sides[side]).values())
            axis.fill_between(places, low, high, color=colour, alpha=0.15, linewidth=0)
            axis.plot(places, middle, marker="o", markersize=4, color=colour, label=name)
        axis.axhline(min(os.cpu_count() or 1, int(COUNTS[-1])), color=plots.GREY, linewidth=0.8, linestyle=(0, (4, 3)))
        axis.set_xticks(list(places), COUNTS)
        axis.set_ylim(0)
        axis.set_title(task, fontsize=9)
        axis.set_xlabel("threads")
        plots.bare(axis)
    axes[0].set_ylabel("times the rate of one thread")
    axes[0].legend(frameon=False, fontsize=8)
    figure.suptitle(f"What threads bring on {os.cpu_count()} cores (dashed)\n{note}", fontsize=11)
    plots.save(figure, path)


_EXPLANATION = (
    "Turns a second of one thread, and how many times as many 2, 4 and 8 threads do together; in brackets the "
    "quartiles of all rounds. The last column is what the threads' struggle for Python's lock adds to the processor "
    "time of a turn. This machine has {cores} cores, so {cores} is the most there is to have, and only where no other "
    "program wants them: the load is under the table. Each "
    "thread has an executor, arrays or a function of its own; the runtime's own pool is off (`TVM_NUM_THREADS=1`). A "
    "kernel runs without Python's lock, so large ones run side by side; a call that does nothing is all lock. Made by "
    "`make bench-threads`."
)


if __name__ == "__main__":
    sys.exit(main())
