"""Statements, timed in turns."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import repeat
from typing import Any

Timer = Callable[[int], float]


@dataclass(frozen=True)
class Values:
    """What was measured of one statement.

    Attributes
    ----------
    loops : int
        How often it ran for each value.
    warmup : float
        Seconds of one loop, the last before the values.
    values : list of float
        Seconds of one loop. Those of the same index, of all that were timed together, followed each other.
    """

    loops: int
    warmup: float
    values: list[float]


def timer_of(statement: str, names: dict[str, Any]) -> Timer:
    """A function that runs a statement so many times, and returns the seconds that took.

    Parameters
    ----------
    statement : str
        May assign to the names.
    names : dict
        What the statement uses; fast local variables in it.
    """
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
    timer(1)
    took = timer(1)
    if took > 4 * seconds:  # so long that no warm-up is left in it
        return 1, took
    loops = 1
    while min(timer(loops), timer(loops)) < seconds / 2:
        loops *= 2
    loops = max(1, round(loops * seconds / min(timer(loops) for _ in range(3))))
    return loops, timer(loops)


def in_turns(timers: Sequence[Timer], rounds: int, seconds: float) -> list[Values]:
    """Times statements in turns; every second round goes backwards.

    Parameters
    ----------
    timers : sequence of callable
        Of `timer_of`.
    rounds : int
        How many values each gets.
    seconds : float
        How long a value is timed, about; once through, where that is longer.
    """
    gc.collect()
    warmups = [calibrate(timer, seconds) for timer in timers]
    values: list[list[float]] = [[] for _ in timers]
    order = list(enumerate(timers))
    for turn in range(rounds):
        for index, timer in order if turn % 2 == 0 else reversed(order):
            loops = warmups[index][0]
            values[index].append(timer(loops) / loops)
    return [Values(loops, took / loops, found) for (loops, took), found in zip(warmups, values)]
