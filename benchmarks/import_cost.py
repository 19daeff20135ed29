"""What it costs to begin: import, the first call, the first answer of a model, and the memory in use after each.

    python benchmarks/import_cost.py           a minute, results in benchmarks/results
    python benchmarks/import_cost.py --quick   fewer processes, results in build/bench-quick

Each value is of a process of its own; the packages take turns. Times are the process's processor time from the start
of its own code on, threads that a package starts included; memory is what the process has in use beyond the bare
interpreter's. Files are in the system's cache, and compiled Python is there: what a second start of a program finds.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys

import commands
import peers

#: What is begun: the package, the runtime it is told to take, and how the table calls it.
SUBJECTS = (
    ("tvmbind", "classic", "tvmbind, TVM 0.16's runtime"),
    ("tvm", "", "tvm (hhb-tvm, runtime only)"),
    ("tvmbind", "tvm-ffi", "tvmbind, tvm-ffi with TVM 0.27's runtime"),
    ("tvm_ffi", "", "tvm_ffi"),
    ("onnxruntime", "", "onnxruntime"),
    ("numpy", "", "numpy alone"),
)
STAGES = {"import": "import", "call": "and the first call", "model": "and a model's first answer"}


def main() -> int:
    """Measures, shows and saves."""
    return peers.run_inside(__file__, lambda home: _measure(_parse(), home))


def _parse() -> argparse.Namespace:
    return commands.parse(commands.parser(__doc__), {"processes": 15}, {"processes": 3})


def _measure(options: argparse.Namespace, home: peers.Environment) -> int:
    import machine

    found: dict[str, list[dict[str, dict[str, float]]]] = {name: [] for _, _, name in SUBJECTS}
    for turn in range(options.processes + 1):
        for subject in SUBJECTS if turn % 2 else reversed(SUBJECTS):
            values = _probe(home, *subject[:2])
            if turn:  # the first fills the system's cache
                found[subject[2]].append(values)
    versions = map(peers.version_of, ("apache-tvm-ffi", "onnxruntime", "numpy"))
    facts = {
        **machine.describe(),
        "versions": f"{peers.WHEEL.replace('==', ' ')}; {', '.join(versions)}",
        "values": f"medians of {options.processes} processes each, in turns; in brackets the lowest and the highest",
    }
    parts = ["# What it costs to begin", _EXPLANATION, "\n".join(_table(found)), machine.markdown(facts)]
    text = "\n\n".join(parts) + "\n"
    print(text)
    options.output.mkdir(parents=True, exist_ok=True)
    (options.output / "import_cost.md").write_text(text, encoding="utf-8")
    (options.output / "import_cost.json").write_text(json.dumps(found) + "\n", encoding="utf-8")
    return 0


def _probe(home: peers.Environment, package: str, runtime: str) -> dict[str, dict[str, float]]:
    nop = peers.compile_nop("tvm-ffi" if "tvm-ffi" in runtime or package == "tvm_ffi" else "classic")
    variables = {"TVM_FFI": "ctypes", "TVM_USE_RUNTIME_LIB": "1"}
    if runtime:
        variables["TVMBIND_LIBRARY"] = runtime
    said = commands.run(home, "import_probe.py", package, nop, peers.ROOT / "models", **variables)
    return json.loads(said.splitlines()[-1])


def _table(found: dict[str, list[dict[str, dict[str, float]]]]) -> list[str]:
    heads = [f"{stage}, {unit}" for stage in STAGES.values() for unit in ("ms", "MB")]
    lines = [f"| | {' | '.join(heads)} |", f"| --- {'| ---: ' * len(heads)}|"]
    for name, processes in found.items():
        cells = []
        for stage in STAGES:
            values = [process[stage] for process in processes if stage in process]
            seconds = sorted(1e3 * value["seconds"] for value in values)
            memory = [value["bytes"] / 1e6 for value in values]
            if values:
                cells.append(f"{statistics.median(seconds):.0f} ({seconds[0]:.0f}-{seconds[-1]:.0f})")
                cells.append(f"{statistics.median(memory):.1f}")
            else:
                cells += ["", ""]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return lines


_EXPLANATION = (
    "Processor time and resident memory, added up from the start of a program: after the import; after a first call of "
    "a function out of a compiled library that does nothing; after the first answer of the digits network in "
    "`models/digits` (graph executor; Relax VM on tvm-ffi; the same network as ONNX), numpy and its input included. "
    "tvm_ffi has no executor, onnxruntime no functions to call. Made by `make bench-imports`."
)


if __name__ == "__main__":
    sys.exit(main())
