"""The benchmarks start, and run one tiny round: what they find is not looked at, for that is time."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from runtime_here import INFO, ROOT

pytest.importorskip("pyperf", reason="the benchmarks need tvmbind[bench]")
if importlib.util.find_spec("tvm_ffi") is None:
    pytest.skip("tvm-ffi is the peer here, and it has no wheel for this Python", allow_module_level=True)

FOLDER = ROOT / "benchmarks"
MODERN = INFO.abi == "tvm-ffi"


# The classic library of functions that do nothing calls the runtime, which tvmbind opens for itself alone.
_START = f"""
import ctypes, sys, tvmbind
ctypes.CDLL(tvmbind.runtime_info().path, ctypes.RTLD_GLOBAL)
sys.path.insert(0, {str(FOLDER)!r})
"""


@pytest.fixture(scope="module")
def nop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The library of functions that do nothing."""
    compiler = shutil.which("cc") or pytest.skip("there is no C compiler")
    library = tmp_path_factory.mktemp("benchmarks") / "nop.so"
    source = FOLDER / ("nop_modern.c" if MODERN else "nop.c")
    subprocess.run([compiler, "-shared", "-fPIC", "-o", library, source], check=True)
    return library


def run(*command: object, **variables: str) -> str:
    """What a program of the benchmarks prints."""
    words = [sys.executable, *map(str, command)]
    environment = {**os.environ, **variables}
    done = subprocess.run(words, env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def in_benchmarks(code: str) -> str:
    """What a piece of Python prints that imports the benchmarks' modules."""
    return run("-c", f"{_START}{code}")


@pytest.mark.skipif(not MODERN, reason="TVM's own Python, the peer on a classic runtime, is not a test's to download")
def test_every_row_runs_beside_tvm_ffi(nop: Path, tmp_path: Path) -> None:
    file = tmp_path / "suite.json"
    peer = ["--peer", "tvm-ffi", "--library", nop, "--output", file]
    run(FOLDER / "worker.py", *peer, "--rounds", 1, "--seconds", 1e-6, TVMBIND_LIBRARY="")
    names = [bench["metadata"]["name"] for bench in json.loads(file.read_text())["benchmarks"]]
    assert len(names) == 2 * len({re.sub(r" \[.*", "", name) for name in names}) >= 50


def test_every_row_runs_with_tvmbind(nop: Path) -> None:
    code = f"""
import sides, operations, timing
side = sides.attach_tvmbind({str(nop)!r})
for row in operations.OPERATIONS:
    if row.runs_on(side):
        timing.timer_of(row.source(side), row.names(side))(2)
        print(row.label)
"""
    assert len(in_benchmarks(code).splitlines()) >= (29 if MODERN else 36)


@pytest.mark.skipif(MODERN, reason="the graph executor is the classic runtimes'")
def test_threads_and_copies_run_with_tvmbind(nop: Path) -> None:
    code = f"""
import sides, copies, thread_worker, tvmbind
side = sides.attach_tvmbind({str(nop)!r})
models = {str(ROOT / "models")!r}
for make in thread_worker.tasks(side, tvmbind.load_module, models).values():
    print(min(thread_worker.rate([make(), make()], 0.01)) > 0)
myadd = tvmbind.load_module(models + "/myadd/libdeploy.so")["myadd"]
copies.check(1000, side, myadd)
for what in (copies.EXECUTOR, copies.KERNEL):
    for way in (copies.OURS, copies.OURS_COPY):
        print(copies.timer_of_way(way, what, 1000, side, myadd)(2) >= 0)
print(copies.set_input_timer(1000, side)(2) >= 0)
"""
    assert in_benchmarks(code).split() == ["True"] * 9


@pytest.mark.parametrize("package", ["tvmbind", "numpy"])
def test_import_is_measured(package: str, nop: Path) -> None:
    found = json.loads(run(FOLDER / "import_probe.py", package, nop, ROOT / "models"))
    assert list(found) == (["import", "call", "model"] if package == "tvmbind" else ["import"])
    assert all(0 < stage["seconds"] < 60 and stage["bytes"] > 0 for stage in found.values())


def test_a_row_that_takes_more_instructions_is_found() -> None:
    code = """
import instructions
row = "call, 1 int"
for new in (1000, 1010, 1030, 900):
    more, fewer = instructions.changes({row: {"tvmbind": 1000}}, {row: {"tvmbind": new}})
    print(len(more), len(fewer))
"""
    assert in_benchmarks(code).split("\n") == ["0 0", "0 0", "1 0", "0 1", ""]


def test_instructions_are_read_from_callgrinds_files(tmp_path: Path) -> None:
    for number, (side, calls, total) in enumerate([("tvmbind", 100, 5000), ("tvmbind", 200, 9000)]):
        text = f"version: 1\ndesc: Trigger: Client Request: [{side}] call, 3 ints, {calls}\n\nsummary: {total}\n"
        (tmp_path / f"out.{number}").write_text(text)
    code = f"import instructions, pathlib; print(instructions.read(pathlib.Path({str(tmp_path)!r})))"
    assert in_benchmarks(code).strip() == "{'call, 3 ints': {'tvmbind': 40}}"


def test_the_commands_explain_themselves() -> None:
    for name in ("call_overhead", "copy_vs_zero_copy", "import_cost", "threads", "instructions"):
        assert (FOLDER / f"{name}.py").read_text(encoding="utf-8").startswith('"""')
