"""The process of copy_vs_zero_copy.py: moves arrays of one size in and out, in each way, timed in turns.

In an environment of peers.py. Writes a pyperf suite; benchmarks are called ``what, way, bytes``.
"""

from __future__ import annotations

import argparse
import json
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pyperf
from sides import GRAPH, Side, attach
from timing import Timer, in_turns, timer_of
from worker import describe, run_of

OURS, OURS_COPY, THEIRS, THEIRS_VIEW = WAYS = (
    "tvmbind, zero copy", "tvmbind, copies", "TVM's Python", "TVM's Python, by DLPack",
)  # fmt: skip
EXECUTOR, KERNEL, SET_INPUT = "set_input, run, get_output", "myadd(x, y, out)", "set_input"

#: What is timed. Every loop has another input than the one before: `x` and `z` in turn.
EXECUTOR_STATEMENTS = {
    OURS: "x, z = z, x; g.set_input('x', x, copy=False); g.run(); g.get_output(0).numpy()",
    OURS_COPY: "x, z = z, x; g.set_input('x', x, copy=True); g.run(); g.get_output(0).numpy().copy()",
    THEIRS: "x, z = z, x; g.set_input('x', x); g.run(); g.get_output(0).numpy()",
    THEIRS_VIEW: "x, z = z, x; g.set_input_zero_copy('x', from_dlpack(x)); g.run(); np.from_dlpack(g.get_output(0))",
}
KERNEL_STATEMENTS = {
    OURS: "f(x, y, out)",
    OURS_COPY: "c = empty(x.shape); f(array(x), array(y), c); c.numpy().copy()",
    THEIRS: "c = empty(x.shape); f(array(x), array(y), c); c.numpy()",
    THEIRS_VIEW: "f(from_dlpack(x), from_dlpack(y), from_dlpack(out))",
}


def graph_of(elements: int) -> str:
    """The graph of one operator that does nothing, for this many elements."""
    graph = json.loads(GRAPH)
    graph["attrs"].update(shape=["list_shape", [[elements], [elements]]], storage_id=["list_int", [0, 1]])
    return json.dumps(graph)


def aligned(elements: int) -> np.ndarray:
    """Float32 ones at an address that every runtime takes."""
    memory = np.empty(4 * elements + 128, np.uint8)
    start = -memory.ctypes.data % 128
    found = memory[start : start + 4 * elements].view(np.float32)
    found[:] = 1
    return found


def timer_of_way(way: str, what: str, elements: int, side: Side, myadd: Callable[..., None]) -> Timer:
    """A timer of one way; `myadd` is the kernel, as this side loads it."""
    names: dict[str, Any] = {"np": np, "x": aligned(elements), "z": aligned(elements), "from_dlpack": side.from_dlpack}
    if what == KERNEL:
        names.update(f=myadd, y=aligned(elements), out=names["z"], empty=side.empty, array=side.array)
        return timer_of(KERNEL_STATEMENTS[way], names)
    return timer_of(EXECUTOR_STATEMENTS[way], {**names, "g": executor(elements, side)})


def set_input_timer(elements: int, side: Side) -> Timer:
    """A timer of tvmbind's zero-copy set_input alone."""
    names = {"g": executor(elements, side), "x": aligned(elements), "z": aligned(elements)}
    return timer_of("x, z = z, x; g.set_input('x', x, copy=False)", names)


def executor(elements: int, side: Side) -> Any:
    """A graph executor for arrays of this many elements."""
    assert side.graph is not None
    return side.graph(graph_of(elements), side.module, side.device)


def check(elements: int, side: Side, myadd: Callable[..., None]) -> None:
    """That tvmbind's ways which claim to copy nothing copy nothing, and give what they should."""
    x, out = aligned(elements), aligned(elements)
    myadd(x, x, out)
    assert (out == 2).all()
    g = executor(elements, side)
    g.set_input("x", x, copy=False)
    assert np.shares_memory(g.get_input("x").numpy(), x)
    assert np.shares_memory(g.get_output(0).numpy(), np.from_dlpack(g.get_output(0)))


def main() -> None:
    """Measures one thing at one size."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("peer", "library", "myadd", "what", "output"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--bytes", type=int, nargs="+", required=True)
    parser.add_argument("--rounds", type=int, required=True)
    parser.add_argument("--seconds", type=float, required=True)
    options = parser.parse_args()
    warnings.simplefilter("error")  # a warning would be a copy
    ours, theirs = attach(options.peer, options.library)
    import tvm

    import tvmbind

    kernels = [load(options.myadd)["myadd"] for load in (tvmbind.load_module, tvm.runtime.load_module)]
    timers: dict[str, Timer] = {}
    check(1000, ours, kernels[0])
    for size in options.bytes:
        elements = size // 4
        if options.what == SET_INPUT:
            timers[f"{SET_INPUT}, {OURS}, {size}"] = set_input_timer(elements, ours)
            continue
        for way in WAYS:
            side, kernel = (ours, kernels[0]) if way in (OURS, OURS_COPY) else (theirs, kernels[1])
            timers[f"{options.what}, {way}, {size}"] = timer_of_way(way, options.what, elements, side, kernel)
    about = describe()
    benchmarks = []
    for name, found in zip(timers, in_turns(list(timers.values()), options.rounds, options.seconds)):
        benchmarks.append(pyperf.Benchmark([run_of(found, {**about, "name": name})]))
    pyperf.BenchmarkSuite(benchmarks).dump(options.output, replace=True)


if __name__ == "__main__":
    main()
