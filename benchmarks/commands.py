"""What the commands share: their options, the processes that they start, and what is said of those."""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Callable, Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

import peers

RESULTS = peers.HERE / "results"


def parser(doc: str) -> argparse.ArgumentParser:
    """The options that every command has.

    Parameters
    ----------
    doc : str
        The command's docstring: its first line is said in the help.
    """
    made = argparse.ArgumentParser(description=doc.partition("\n")[0])
    made.add_argument("--quick", action="store_true", help="less of everything; results in build/bench-quick")
    made.add_argument("--output", type=Path, metavar="FOLDER", help="where the results go")
    return made


def parser_with_choice(doc: str, rows: str) -> argparse.ArgumentParser:
    """The same, and what chooses rows, peers and Pythons."""
    made = parser(doc)
    made.add_argument("--only", metavar="REGEX", default="", help=f"{rows} whose name has this; saves nothing")
    made.add_argument("--peer", metavar="REGEX", default="", help="ctypes, cython, tvm-ffi; saves nothing")
    made.add_argument("--here", action="store_true", help="only the Python that runs this, not 3.10 too")
    return made


def parse(made: argparse.ArgumentParser, full: Mapping[str, float], quick: Mapping[str, float]) -> argparse.Namespace:
    """Reads the command line.

    Parameters
    ----------
    made : argparse.ArgumentParser
    full, quick : dict of str to number
        Further options, and what they are where they are not given, without and with ``--quick``.
    """
    for name, value in full.items():
        made.add_argument(f"--{name}", type=type(value), help=f"(default {value}, quick {quick[name]})")
    options = made.parse_args()
    for name, value in (quick if options.quick else full).items():
        if getattr(options, name) is None:
            setattr(options, name, value)
    if options.output is None:
        options.output = peers.BUILD / "bench-quick" if options.quick else RESULTS
    return options


def run(environment: peers.Environment, script: str, *arguments: object, **variables: str) -> str:
    """What a program of this folder prints, in an environment.

    Raises
    ------
    peers.PeerError
        If it fails.
    """
    words = [str(word) for word in (environment.python, peers.HERE / script, *arguments)]
    done = subprocess.run(words, env={**environment.variables, **variables}, capture_output=True, text=True)
    if done.returncode:
        what = " ".join(map(str, (environment.tag, script, *arguments)))
        raise peers.PeerError(f"{what} failed ({done.returncode}):\n{done.stdout}{done.stderr}")
    return done.stdout


def run_suite(environment: peers.Environment, script: str, *arguments: object, **variables: str) -> Any:
    """The pyperf suite that a program of this folder writes to its ``--output``."""
    import pyperf

    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "suite.json")
        run(environment, script, *arguments, "--output", file, **variables)
        return pyperf.BenchmarkSuite.load(str(file))


def in_turns(
    pairs: list[tuple[peers.Environment, str]], processes: int, work: Callable[[peers.Environment, str], Any]
) -> dict[tuple[str, str], Any]:
    """The suites of several processes for each environment and peer, which take turns.

    Parameters
    ----------
    pairs : list of (Environment, str)
    processes : int
        For each pair.
    work : callable
        Runs one process; returns its pyperf suite.
    """
    suites: dict[tuple[str, str], Any] = {}
    for number in range(processes):
        for environment, peer in pairs:
            _progress(f"process {number + 1} of {processes}: {environment.tag}, {peer}")
            suite = work(environment, peer)
            key = environment.tag, peer
            suites[key] = joined(suites.get(key), suite)
    _progress("")
    return suites


def joined(one: Any, other: Any) -> Any:
    """A suite with another process's runs of the same; the first may be None."""
    if one is None:
        return other
    one.add_runs(other)
    return one


def save(suites: Mapping[tuple[str, str], Any], folder: Path, name: str) -> None:
    """Writes each suite to a file of its own in a folder, which is made."""
    folder.mkdir(parents=True, exist_ok=True)
    for (tag, peer), suite in suites.items():
        suite.dump(str(folder / f"{name}-{tag}-{peer}.json"), replace=True)


def facts(suites: Collection[Any], options: argparse.Namespace, also: str) -> dict[str, str]:
    """What results of several processes were measured on, and how; besides TVM's Python, what `also` says."""
    import machine

    metadata = [suite.get_metadata() for suite in suites]
    return {
        **machine.describe(),
        "Python": "; ".join(dict.fromkeys(f"{m['python']}, numpy {m['numpy_version']}" for m in metadata)),
        "tvmbind": metadata[0]["tvmbind"],
        "peers": f"TVM 0.16's Python, from {peers.WHEEL.replace('==', ' ')}, on its own libtvm_runtime.so; {also}",
        "values": f"{options.processes} processes, {options.rounds} rounds, about {1000 * options.seconds:g} ms of "
        "processor time each",
        "load": load(suites),
    }


def load(suites: Iterable[Any]) -> str:
    """How busy the machine was."""
    runs = [run for suite in suites for benchmark in suite for run in benchmark.get_runs()]
    loads = [run.get_metadata()["load_avg_1min"] for run in runs]
    return f"1-minute load average from {min(loads):.1f} to {max(loads):.1f}"


def _progress(text: str) -> None:
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)
