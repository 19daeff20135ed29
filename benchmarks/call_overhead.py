"""What a call costs from Python: tvmbind beside TVM's own Python and tvm-ffi's.

    python benchmarks/call_overhead.py            some minutes, results in benchmarks/results
    python benchmarks/call_overhead.py --quick    under a minute, results in build/bench-quick
    python benchmarks/call_overhead.py --only 'callback|str'    some rows; nothing is saved

Makes what it needs in build/ first: an environment for the Python that runs it, TVM's Python, and the same
for CPython 3.10 if there is one, for TVM's Cython FFI runs nowhere else.

How it measures
---------------
A process loads a peer, TVM's Python with one of its two FFIs or tvm-ffi's, then tvmbind, on one runtime. For
each row it finds how many loops take some milliseconds, then times both sides in turns, many rounds; every
second round begins with the other side. The values, their files and their statistics are pyperf's. Its runner
is not used: it times each benchmark in processes of its own, minutes apart, and on a machine that others
use too that compares two moods of the machine. Here the two values of a pair are milliseconds apart, what
slows one slows the other, and the ratio is the median over all pairs, so that a disturbed pair does not move
it. The clock is the thread's processor time, which stands still while another program has the core; none of
the rows waits for anything. Where memory happens to lie and how an interpreter happened to start is the same
for all values of a process: so there are several processes, the peers taking turns here too, and the table
gives the range of the ratios that single processes found.

The loop's own cost (some 10 ns) is in both times, which makes a ratio smaller than it is, never larger. The
garbage collector runs, as it does in a program.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
from pathlib import Path
from typing import Any

import commands
import peers

QUICK = {"processes": 2, "rounds": 11, "seconds": 0.002}
FULL = {"processes": 4, "rounds": 25, "seconds": 0.005}


def main() -> int:
    """Makes the environments, measures, shows and saves."""
    return peers.run_inside(__file__, lambda home: _measure(_parse(), home))


def _parse() -> argparse.Namespace:
    return commands.parse(commands.parser_with_choice(__doc__, "rows"), FULL, QUICK)


def _measure(options: argparse.Namespace, home: peers.Environment) -> int:
    import report

    pairs = [pair for pair in peers.pairs(home, options.here) if re.search(options.peer, pair[1])]
    libraries = {peer: peers.compile_nop(peer) for _, peer in pairs}
    suites = commands.in_turns(
        pairs, options.processes, lambda environment, peer: _work(environment, peer, libraries[peer], options)
    )
    columns = [report.read_column(suite, peer) for (_, peer), suite in suites.items()]
    report.print_tables(columns)
    print(*report.verdict(columns), sep="\n")
    if not (options.only or options.peer):
        _save(options, suites, columns)
    return 0


def _work(environment: peers.Environment, peer: str, library: Path, options: argparse.Namespace) -> Any:
    """One process; returns its pyperf suite."""
    choice = ("--peer", peer, "--library", library, "--only", options.only)
    return commands.run_suite(
        environment, "worker.py", *choice, "--rounds", options.rounds, "--seconds", options.seconds
    )


def _save(options: argparse.Namespace, suites, columns) -> None:
    import readme
    import report

    commands.save(suites, options.output, "call_overhead")
    also = f"{peers.version_of('apache-tvm-ffi')}, on its own libtvm_ffi.so"
    facts = commands.facts(suites.values(), options, also)
    chart = options.output / "call_overhead.png"
    report.chart(columns, chart, f"{facts['tvmbind']}; {facts['processor']}")
    (options.output / "call_overhead.md").write_text(report.markdown(columns, facts), encoding="utf-8")
    if options.output == commands.RESULTS:
        readme.put("calls", report.summary(columns, facts))
    print("saved in", os.path.relpath(options.output))


if __name__ == "__main__":
    sys.exit(main())
