"""One process of the benchmark: tvmbind and a peer on one runtime, timed in turns.

Run by call_overhead.py, in an environment of peers.py. Writes a pyperf suite.
"""

from __future__ import annotations

import argparse
import gc
import os
import platform
import re
import time
from collections.abc import Callable
from itertools import repeat
from typing import Any

import machine
import numpy as np
import pyperf
from operations import OPERATIONS, Operation
from sides import Side, attach

Timer = Callable[[int], float]


def make_timer(operation: Operation, side: Side) -> Timer:
    """A timer of the operation's statement."""
    return timer_of(operation.source(side), operation.names(side))


def timer_of(statement: str, names: dict[str, Any]) -> Timer:
    """A function that runs a statement so many times, and returns the seconds that took."""
    # The processor time of this thread: what other programs on the machine take is not in it.
    scope: dict[str, Any] = {**names, "clock": time.thread_time, "repeat": repeat}
    parameters = ", ".join(f"{name}={name}" for name in names)
    source = (
        f"def timer(loops, clock=clock, repeat=repeat, {parameters}):\n"
        "    turns = repeat(None, loops)\n"
        "    start = clock()\n"
        "    for _ in turns:\n"
        f"        {statement}\n"
        "    return clock() - start\n"
    )
    exec(source, scope)
    return scope["timer"]


def calibrate(timer: Timer, seconds: float) -> tuple[int, float]:
    """How many loops take about `seconds`, and how long they took: the last of some warm-ups.

    The first calls of a row are hundreds of times slower than the rest (plans are made, modules imported),
    and a machine that others use may stop anything for a while: only a time that is long enough when it is
    taken again counts.
    """
    loops = 1
    while min(timer(loops), timer(loops)) < seconds / 2:
        loops *= 2
    loops = max(1, round(loops * seconds / min(timer(loops) for _ in range(3))))
    return loops, timer(loops)


def describe() -> dict[str, Any]:
    """What pyperf's files say of each run."""
    import tvmbind

    return {
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "numpy_version": np.__version__,
        "tvmbind": machine.tvmbind(),
        "tvm_runtime": tvmbind.runtime_info().version,
        "cpu_model_name": machine.processor(),
        "load_avg_1min": os.getloadavg()[0],
    }


def measure(operation: Operation, sides: tuple[Side, Side], rounds: int, seconds: float) -> list[pyperf.Run]:
    """Times both sides in turns.

    Parameters
    ----------
    operation : Operation
    sides : tuple of Side
        Two; every second round begins with the second.
    rounds : int
        How many values each side gets.
    seconds : float
        How long a value is timed, about.

    Returns
    -------
    list of pyperf.Run
        One of each side. Values of the same index were timed directly after each other.
    """
    about = describe()
    timers = [make_timer(operation, side) for side in sides]
    gc.collect()
    warmups = [calibrate(timer, seconds) for timer in timers]
    values: tuple[list[float], list[float]] = ([], [])
    for turn in range(rounds):
        for index in (0, 1) if turn % 2 == 0 else (1, 0):
            loops = warmups[index][0]
            values[index].append(timers[index](loops) / loops)
    return [
        pyperf.Run(
            values[index],
            warmups=[(warmups[index][0], warmups[index][1] / warmups[index][0])],
            metadata={**about, "name": f"{operation.label} [{side.name}]", "loops": warmups[index][0]},
            collect_metadata=False,
        )
        for index, side in enumerate(sides)
    ]


def main() -> None:
    """Measures the rows that are asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peer", required=True)
    parser.add_argument("--library", required=True)
    parser.add_argument("--rounds", type=int, required=True)
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--only", default="")
    parser.add_argument("--output", required=True)
    options = parser.parse_args()
    sides = attach(options.peer, options.library)
    wanted = [row for row in OPERATIONS if re.search(options.only, row.label)]
    rows = [row for row in wanted if row.runs_on(sides[0])]
    runs = [run for row in rows for run in measure(row, sides, options.rounds, options.seconds)]
    pyperf.BenchmarkSuite([pyperf.Benchmark([run]) for run in runs]).dump(options.output, replace=True)


if __name__ == "__main__":
    main()
