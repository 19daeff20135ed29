"""One process of threads.py: counts what 1, 2, 4 and 8 threads do in a time, each on its own executor or function.

In an environment of peers.py. Prints JSON: by task, side and count of threads, for each round what `rate` returns.
"""

from __future__ import annotations

import argparse
import json
import os
import threading
import time
from collections.abc import Callable
from typing import Any

os.environ["TVM_NUM_THREADS"] = "1"  # the threads here are to be all there are

import numpy as np
from copies import aligned
from sides import attach

COUNTS = (1, 2, 4, 8)
DIGITS, KERNEL, CALL, CALLBACK = TASKS = (
    "digits: set_input, run, get_output", "myadd, arrays of 1 MB", "call, 1 int", "callback, 1 int",
)  # fmt: skip


def tasks(side: Any, load: Callable[[str], Any], models: str) -> dict[str, Callable[[], Callable[[], Any]]]:
    """By task, what makes a function for one thread, with everything of its own."""

    def digits() -> Callable[[], Any]:
        with open(os.path.join(models, "digits/deploy.json")) as graph:
            text = graph.read()
        with open(os.path.join(models, "digits/deploy.params"), "rb") as params:
            weights = params.read()
        g = side.graph(text, load(os.path.join(models, "digits/libdeploy.so")), side.device)
        g.load_params(bytearray(weights))
        x = aligned(64).reshape(1, 1, 8, 8)

        def turn() -> None:
            g.set_input("input", x)
            g.run()
            g.get_output(0).numpy()

        return turn

    def kernel() -> Callable[[], Any]:
        myadd = load(os.path.join(models, "myadd/libdeploy.so"))["myadd"]
        a, b, c = (side.from_dlpack(aligned(1 << 18)) for _ in range(3))
        return lambda: myadd(a, b, c)

    def call() -> Callable[[], Any]:
        f = side.nop
        return lambda: f(1)

    def callback() -> Callable[[], Any]:
        f = side.convert(lambda number: None)
        return lambda: f(1)

    return dict(zip(TASKS, (digits, kernel, call, callback)))


def rate(turns: list[Callable[[], Any]], seconds: float) -> tuple[float, float]:
    """How many turns a second threads do together, a thread for each function; a turn's seconds of processor time."""
    begin, done = threading.Barrier(len(turns) + 1), [0] * len(turns)
    stop = False

    def work(index: int, turn: Callable[[], Any]) -> None:
        count = 0
        begin.wait()
        while not stop:
            for _ in range(20):
                turn()
            count += 20
        done[index] = count

    threads = [threading.Thread(target=work, args=pair) for pair in enumerate(turns)]
    for thread in threads:
        thread.start()
    begin.wait()
    start, busy = time.perf_counter(), time.process_time()
    time.sleep(seconds)
    stop = True
    for thread in threads:
        thread.join()
    return sum(done) / (time.perf_counter() - start), (time.process_time() - busy) / sum(done)


def main() -> None:
    """Measures both sides, all tasks and counts in turns."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("peer", "library", "models"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--rounds", type=int, required=True)
    parser.add_argument("--seconds", type=float, required=True)
    options = parser.parse_args()
    ours, theirs = attach(options.peer, options.library)
    import tvm

    import tvmbind

    made = {
        "tvmbind": tasks(ours, tvmbind.load_module, options.models),
        options.peer: tasks(theirs, tvm.runtime.load_module, options.models),
    }
    np.zeros(1)
    work = [(side, task, [make() for _ in range(max(COUNTS))]) for side in made for task, make in made[side].items()]
    rates: dict[str, dict[str, dict[int, list[tuple[float, float]]]]] = {}
    for turn in range(options.rounds):
        for side, task, turns in work if turn % 2 == 0 else reversed(work):
            for count in COUNTS:
                found = rate(turns[:count], options.seconds)
                rates.setdefault(task, {}).setdefault(side, {}).setdefault(count, []).append(found)
    print(json.dumps({"rates": rates, "load": os.getloadavg()[0]}))


if __name__ == "__main__":
    main()
