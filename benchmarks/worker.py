"""One process of the benchmark: tvmbind and a peer on one runtime, timed in turns.

Run by call_overhead.py, in an environment of peers.py. Writes a pyperf suite.
"""

from __future__ import annotations

import argparse
import os
import platform
import re
from typing import Any

import machine
import numpy as np
import pyperf
from operations import OPERATIONS, Operation
from sides import Side, attach
from timing import Values, in_turns, timer_of


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
    timers = [timer_of(operation.source(side), operation.names(side)) for side in sides]
    about = describe()
    return [
        run_of(found, {**about, "name": f"{operation.label} [{side.name}]"})
        for side, found in zip(sides, in_turns(timers, rounds, seconds))
    ]


def run_of(found: Values, metadata: dict[str, Any]) -> pyperf.Run:
    """What was measured, as pyperf keeps it."""
    warmups = [(found.loops, found.warmup)]
    return pyperf.Run(
        found.values, warmups=warmups, metadata={**metadata, "loops": found.loops}, collect_metadata=False
    )


def worker_parser(doc: str) -> argparse.ArgumentParser:
    """The options of a process that measures tvmbind beside a peer."""
    parser = argparse.ArgumentParser(description=doc)
    parser.add_argument("--peer", required=True)
    parser.add_argument("--rounds", type=int, required=True)
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--only", default="")
    parser.add_argument("--output", required=True)
    return parser


def write(runs: list[pyperf.Run], file: str) -> None:
    """Writes what was measured as a pyperf suite."""
    pyperf.BenchmarkSuite([pyperf.Benchmark([run]) for run in runs]).dump(file, replace=True)


def main() -> None:
    """Measures the rows that are asked for."""
    parser = worker_parser(__doc__)
    parser.add_argument("--library", required=True)
    options = parser.parse_args()
    sides = attach(options.peer, options.library)
    wanted = [row for row in OPERATIONS if re.search(options.only, row.label)]
    rows = [row for row in wanted if row.runs_on(sides[0])]
    runs = [run for row in rows for run in measure(row, sides, options.rounds, options.seconds)]
    write(runs, options.output)


if __name__ == "__main__":
    main()
