"""One process of the benchmark: tvmbind and one FFI of TVM's Python on one runtime, timed in turns.

Run by call_overhead.py, in an environment of peers.py. Writes a pyperf suite.
"""

from __future__ import annotations

import argparse
import gc
import os
import platform
import re
from collections.abc import Callable
from itertools import repeat
from pathlib import Path
from typing import Any

import numpy as np
import pyperf
from operations import OPERATIONS, Operation, Side

Timer = Callable[[int], float]


def attach_tvm(ffi: str, library: str) -> Side:
    """TVM's own Python, with the named FFI; opens the runtime.

    Parameters
    ----------
    ffi : str
        ``"ctypes"`` or ``"cython"``.
    library : str
        The compiled nop.c.
    """
    os.environ.update(TVM_FFI=ffi, TVM_USE_RUNTIME_LIB="1")
    if not hasattr(np, "float_"):
        np.float_ = np.float64  # numpy 2, and all that TVM 0.16's Python misses in it
    import tvm
    from tvm.runtime.packed_func import PackedFuncBase

    used = "ctypes" if "_ctypes" in PackedFuncBase.__module__ else "cython"
    if used != ffi:
        raise SystemExit(f"TVM's Python took its {used} FFI, not {ffi}")
    module = tvm.runtime.load_module(library)
    return Side(
        ffi, module["nop"], module["make_text"](),
        tvm.runtime.convert, tvm.get_global_func, tvm.nd.empty, tvm.nd.array,
    )  # fmt: skip


def attach_tvmbind(library: str) -> Side:
    """Tvmbind, on the runtime that is already in this process."""
    import tvm

    import tvmbind

    info = tvmbind.runtime_info()
    if not os.path.samefile(info.path, tvm._ffi.base._LIB._name):
        raise SystemExit("tvmbind and TVM's Python are not on the same runtime")
    module = tvmbind.load_module(library)
    return Side(
        "tvmbind", module["nop"], module["make_text"](),
        tvmbind.convert, tvmbind.get_global_func, tvmbind.empty, tvmbind.array,
    )  # fmt: skip


def make_timer(operation: Operation, side: Side) -> Timer:
    """A function that runs the operation's statement so many times, and returns the seconds that took."""
    names = operation.names(side)
    scope: dict[str, Any] = {**names, "clock": pyperf.perf_counter, "repeat": repeat}
    parameters = ", ".join(f"{name}={name}" for name in names)
    source = (
        f"def timer(loops, clock=clock, repeat=repeat, {parameters}):\n"
        "    turns = repeat(None, loops)\n"
        "    start = clock()\n"
        "    for _ in turns:\n"
        f"        {operation.source(side)}\n"
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
    """What the values hang on, for the file: versions and the machine, no names or paths of it."""

    import tvmbind

    name = platform.python_implementation()
    return {
        "python": f"{name} {platform.python_version()}",
        "numpy_version": np.__version__,
        "tvmbind": f"tvmbind {tvmbind.__version__}, core {tvmbind._core.NAME}",
        "tvm_runtime": tvmbind.runtime_info().version,
        "cpu_model_name": _processor(),
        "load_avg_1min": os.getloadavg()[0],
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    names = [line.partition(": ")[2] for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


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
            metadata={**describe(), "name": f"{operation.label} [{side.name}]", "loops": warmups[index][0]},
            collect_metadata=False,
        )
        for index, side in enumerate(sides)
    ]


def main() -> None:
    """Measures the rows that are asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ffi", required=True)
    parser.add_argument("--library", required=True)
    parser.add_argument("--rounds", type=int, required=True)
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--only", default="")
    parser.add_argument("--output", required=True)
    options = parser.parse_args()
    peer = attach_tvm(options.ffi, options.library)  # first: tvmbind then attaches to its runtime
    sides = (attach_tvmbind(options.library), peer)
    rows = [row for row in OPERATIONS if re.search(options.only, row.label)]
    runs = [run for row in rows for run in measure(row, sides, options.rounds, options.seconds)]
    pyperf.BenchmarkSuite([pyperf.Benchmark([run]) for run in runs]).dump(options.output, replace=True)


if __name__ == "__main__":
    main()
