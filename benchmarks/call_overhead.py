"""What a call costs from Python: tvmbind beside TVM's own Python.

    python benchmarks/call_overhead.py            a few minutes, results in benchmarks/results
    python benchmarks/call_overhead.py --quick    under a minute, results in build/bench-quick
    python benchmarks/call_overhead.py --only 'callback|str'    some rows; nothing is saved

Makes what it needs in build/ first: an environment for the Python that runs it, TVM's Python, and the same
for CPython 3.10 if there is one, for TVM's Cython FFI runs nowhere else.

How it measures
---------------
A process loads TVM's Python with one of its two FFIs, then tvmbind, on one runtime. For each row it finds
how many loops take some milliseconds, then times both sides in turns, many rounds; every second round
begins with the other side. The clock, the values, their files and their statistics are pyperf's. Its runner
is not used: it times each benchmark in processes of its own, minutes apart, and on a machine that others
use too that compares two moods of the machine. Here the two values of a pair are milliseconds apart, what
slows one slows the other, and the ratio is the median over all pairs, so that a disturbed pair does not move
it. Where memory happens to lie and how an interpreter happened to start is the same for all values of a
process: so there are several processes, the peers taking turns here too, and the table gives the range of
the ratios that single processes found.

The loop's own cost (some 10 ns) is in both times, which makes a ratio smaller than it is, never larger. The
garbage collector runs, as it does in a program.
"""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
import tempfile
from datetime import date
from pathlib import Path

import peers

QUICK = {"processes": 2, "rounds": 11, "seconds": 0.002}
FULL = {"processes": 6, "rounds": 25, "seconds": 0.005}


def main() -> int:
    """Makes the environments, measures, shows and saves."""
    options = _parse()
    try:
        home = peers.prepare(sys.executable)
        if Path(sys.prefix).resolve() != home.python.parent.parent.resolve():
            command = [str(home.python), __file__, *sys.argv[1:]]
            return subprocess.run(command, env=home.variables).returncode
        return _measure(options, home)
    except peers.PeerError as error:
        print(f"call_overhead.py: {error}", file=sys.stderr)
        return 2


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="fewer rounds: under a minute, once set up")
    parser.add_argument(
        "--only", metavar="REGEX", default="", help="rows whose label has this; saves nothing"
    )
    parser.add_argument("--here", action="store_true", help="only the Python that runs this, not 3.10 too")
    parser.add_argument("--output", type=Path, metavar="FOLDER", help="where the results go")
    for name, value in FULL.items():
        parser.add_argument(f"--{name}", type=type(value), help=f"(default {value}, quick {QUICK[name]})")
    options = parser.parse_args()
    for name, value in (QUICK if options.quick else FULL).items():
        if getattr(options, name) is None:
            setattr(options, name, value)
    if options.output is None:
        options.output = peers.BUILD / "bench-quick" if options.quick else peers.HERE / "results"
    return options


def _measure(options: argparse.Namespace, home: peers.Environment) -> int:
    import report

    cython = None if options.here or "cython" in home.ffis else peers.find_cython_python()
    environments = [home, *([peers.prepare(cython)] if cython else [])]
    library = peers.compile_nop()
    pairs = [(environment, ffi) for environment in environments for ffi in environment.ffis]
    suites = {}
    for number in range(options.processes):
        for environment, ffi in pairs:
            _progress(f"process {number + 1} of {options.processes}: {environment.tag}, {ffi}")
            suite = _work(environment, ffi, library, options)
            key = f"{environment.tag}-{ffi}"
            suites[key] = _join(suites[key], suite) if key in suites else suite
    _progress("")
    columns = [report.read_column(suite, key.rpartition("-")[2]) for key, suite in suites.items()]
    report.print_tables(columns)
    missed = report.short_of_goal(columns)
    print(f"less than {report.GOAL} times faster than TVM's ctypes FFI:", *(missed or ["no row"]), sep="\n  ")
    if not options.only:
        _save(options, suites, columns)
    return 0


def _work(environment: peers.Environment, ffi: str, library: Path, options: argparse.Namespace):
    """One process; returns its pyperf suite."""
    import pyperf

    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "suite.json")
        command = [environment.python, peers.HERE / "worker.py", "--ffi", ffi, "--library", library]
        command += ["--rounds", str(options.rounds), "--seconds", str(options.seconds)]
        command += ["--only", options.only, "--output", file]
        done = subprocess.run(command, env=environment.variables, capture_output=True, text=True)
        if done.returncode:
            said = done.stdout + done.stderr
            raise peers.PeerError(f"{environment.tag} with {ffi} failed ({done.returncode}):\n{said}")
        return pyperf.BenchmarkSuite.load(str(file))


def _join(one, other):
    one.add_runs(other)
    return one


def _save(options: argparse.Namespace, suites, columns) -> None:
    import report

    options.output.mkdir(parents=True, exist_ok=True)
    for key, suite in suites.items():
        suite.dump(str(options.output / f"call_overhead-{key}.json"), replace=True)
    facts = _facts(suites, options)
    chart = options.output / "call_overhead.png"
    report.chart(columns, chart, f"{facts['tvmbind']}; {facts['processor']}")
    (options.output / "call_overhead.md").write_text(report.markdown(columns, facts), encoding="utf-8")
    print("saved in", os.path.relpath(options.output))


def _facts(suites, options: argparse.Namespace) -> dict[str, str]:
    """What the results were measured on, and how."""
    metadata = [suite.get_metadata() for suite in suites.values()]
    system = f"{os.cpu_count()} cores, {platform.system()} {platform.machine()}"
    milliseconds = f"{1000 * options.seconds:g} ms"
    return {
        "date": date.today().isoformat(),
        "processor": f"{metadata[0]['cpu_model_name']}, {system}",
        "Python": "; ".join(dict.fromkeys(f"{m['python']}, numpy {m['numpy_version']}" for m in metadata)),
        "tvmbind": metadata[0]["tvmbind"] + _commit(),
        "peer": f"TVM 0.16's Python, from {peers.WHEEL.replace('==', ' ')}, on its own libtvm_runtime.so",
        "values": f"{options.processes} processes, {options.rounds} rounds, about {milliseconds} each",
        "load": "1-minute load average from {:.1f} to {:.1f}".format(*_loads(suites)),
    }


def _loads(suites) -> tuple[float, float]:
    runs = [run for suite in suites.values() for bench in suite for run in bench.get_runs()]
    loads = [run.get_metadata()["load_avg_1min"] for run in runs]
    return min(loads), max(loads)


def _commit() -> str:
    def git(*words: str) -> str:
        done = subprocess.run(["git", "-C", peers.ROOT, *words], capture_output=True, text=True)
        return done.stdout.strip() if done.returncode == 0 else ""

    try:
        commit = git("rev-parse", "--short", "HEAD")
        changed = git("status", "--porcelain", "--", "src", "csrc", "cdefs", "build_ffi.py")
    except OSError:
        return ""
    return f", commit {commit}{' with changes' if changed else ''}" if commit else ""


def _progress(text: str) -> None:
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
