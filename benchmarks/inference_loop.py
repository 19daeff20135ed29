"""What a person's loop costs beyond ``run()``: tvmbind beside TVM's own Python, and onnxruntime.

    python benchmarks/inference_loop.py            some minutes, results in benchmarks/results
    python benchmarks/inference_loop.py --quick    a minute, results in build/bench-quick
    python benchmarks/inference_loop.py --only AOT    some models; nothing is saved

On the digits CNN, by the graph executor and compiled ahead of time, and on EfficientNet-Lite0 where `make imagenet`
has compiled it. The loops are said in loops.py, how they are timed in loop_worker.py. As in call_overhead.py values
are taken in turns, in several processes, and the clock is the thread's processor time: all has one thread.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
from typing import Any

import commands
import peers

QUICK = {"processes": 2, "rounds": 11, "seconds": 0.002}
FULL = {"processes": 4, "rounds": 41, "seconds": 0.005}
ONE_THREAD = {"TVM_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}


def main() -> int:
    """Makes the environments, measures, shows and saves."""
    return peers.run_inside(__file__, lambda home: _measure(_parse(), home))


def _parse() -> argparse.Namespace:
    return commands.parse(commands.parser_with_choice(__doc__, "models"), FULL, QUICK)


def _measure(options: argparse.Namespace, home: peers.Environment) -> int:
    import loop_report
    import loops

    cython = None if options.here or "cython" in home.ffis else peers.find_cython_python()
    environments = [*([peers.prepare(cython)] if cython else []), home]
    pairs = [(environment, environment.ffis[-1]) for environment in environments]
    if len(environments) == 1:
        pairs = [(home, ffi) for ffi in reversed(home.ffis)]
    pairs = [pair for pair in pairs if re.search(options.peer, pair[1])]
    if not (loops.IMAGENET / "complete").exists():
        print("EfficientNet-Lite0 is left out: make imagenet compiles it", file=sys.stderr)
    suites = commands.in_turns(
        pairs, options.processes, lambda environment, peer: _work(environment, peer, options)
    )
    columns = [loop_report.read_column(suite, peer) for (_, peer), suite in suites.items()]
    loop_report.print_tables(columns)
    print(*loop_report.verdict(columns), sep="\n")
    if not (options.only or options.peer):
        _save(options, suites, columns)
    return 0


def _work(environment: peers.Environment, peer: str, options: argparse.Namespace) -> Any:
    """One process; returns its pyperf suite."""
    choice = ("--peer", peer, "--only", options.only, "--rounds", options.rounds, "--seconds", options.seconds)
    return commands.run_suite(environment, "loop_worker.py", *choice, **ONE_THREAD)


def _save(options: argparse.Namespace, suites, columns) -> None:
    import loop_report
    import readme

    commands.save(suites, options.output, "inference_loop")
    versions = dict.fromkeys(suite.get_metadata()["onnxruntime_version"] for suite in suites.values())
    facts = commands.facts(suites.values(), options, "; ".join(f"onnxruntime {version}" for version in versions))
    facts["values"] += ", or one turn"
    loop_report.chart(columns, options.output / "inference_loop.png", f"{facts['tvmbind']}; {facts['processor']}")
    (options.output / "inference_loop.md").write_text(loop_report.markdown(columns, facts), encoding="utf-8")
    print("saved in", os.path.relpath(options.output))
    if options.output == commands.RESULTS:
        readme.put("loops", f"{columns[0].title}:\n\n{loop_report.table(columns[0])}")


if __name__ == "__main__":
    sys.exit(main())
