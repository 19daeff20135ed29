"""The process whose instructions are counted: runs the rows' statements under callgrind.

Run by instructions.py, in an environment of peers.py. Each row of each side is run N and then 2N times; the
counts of both are dumped under ``[side] label``, N.
"""

from __future__ import annotations

import argparse
import ctypes
import gc
import re
import warnings

from operations import OPERATIONS
from sides import attach
from timing import timer_of

CALLS = 100
WARM_UP = 200  # the interpreter makes a plan of a loop that runs often, tvmbind of a call


def main() -> None:
    """Runs the rows that are asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peer", required=True)
    parser.add_argument("--library", required=True)
    parser.add_argument("--marks", required=True)
    parser.add_argument("--only", default="")
    parser.add_argument("--ours", action="store_true", help="not the peer's")
    options = parser.parse_args()
    marks = ctypes.CDLL(options.marks)
    warnings.simplefilter("ignore")
    ours, theirs = attach(options.peer, options.library)
    sides = (ours,) if options.ours else (ours, theirs)
    rows = [row for row in OPERATIONS if re.search(options.only, row.label) and row.runs_on(ours)]
    work = [
        (f"[{side.name}] {row.label}", timer_of(row.source(side), row.names(side))) for row in rows for side in sides
    ]
    gc.collect()
    gc.disable()  # when it runs hangs on what was allocated before
    marks.start()
    for name, timer in work:
        timer(WARM_UP)
        for calls in (CALLS, 2 * CALLS):
            marks.zero()
            timer(calls)
            marks.dump(f"{name}, {calls}".encode())


if __name__ == "__main__":
    main()
