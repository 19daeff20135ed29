"""One process of inference_loop.py: every loop over every network, timed in turns with the bare run.

Run by inference_loop.py, in an environment of peers.py. Writes a pyperf suite.
"""

from __future__ import annotations

import re
import time

import loops
import onnxruntime
import pyperf
from timing import Timer, in_turns, timer_of
from worker import describe, run_of, worker_parser, write


def bare_timer(loop: loops.Loop) -> Timer:
    """A function that makes the runtime run the model so many times, and returns the seconds that took."""
    assert loop.evaluator is not None
    evaluator = loop.evaluator

    def timer(number: int) -> float:
        evaluate = evaluator(number)
        start = time.thread_time()
        evaluate()
        return (time.thread_time() - start) * number / (number + 1)  # it runs the model once more before

    return timer


def measure(network: loops.Network, ffi: str, rounds: int, seconds: float) -> list[pyperf.Run]:
    """Times each loop over a network directly before or after its bare run, and the loops in turns."""
    found = loops.loops(network, ffi)
    # Not before: tvmbind would open a runtime of its own.
    about = {**describe(), "onnxruntime_version": onnxruntime.__version__}
    names, timers = [], []
    for loop in found:
        names.append((loop.way, "loop"))
        timers.append(timer_of(loop.statement, loop.names))
        if loop.evaluator:
            names.append((loop.way, "run"))
            timers.append(bare_timer(loop))
    measured = in_turns(timers, rounds * network.patience, seconds)
    return [
        run_of(found, {**about, "name": f"{network.name} | {way} | {part}"})
        for (way, part), found in zip(names, measured)
    ]


def main() -> None:
    """Measures the networks that are asked for."""
    options = worker_parser(__doc__).parse_args()
    wanted = [network for network in loops.networks() if re.search(options.only, network.name)]
    runs = [run for network in wanted for run in measure(network, options.peer, options.rounds, options.seconds)]
    write(runs, options.output)


if __name__ == "__main__":
    main()
