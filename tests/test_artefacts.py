"""Every kind of artefact on every runtime that can run it: torch's answers; on every other: what it needs."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

import tvmbind as tvm
from artefact_table import kinds, table
from runtime_here import INFO, ROOT, can
from tvmbind import install
from tvmbind.facts import holds

pytestmark = pytest.mark.needs("libtvm_runtime")


def check(found, runs, minor):
    assert found
    for kind, result in found.items():
        fact = kinds()[kind][1]
        if fact == "Relay VM" and minor != 16 and runs(fact):
            assert "only the version of TVM that compiled it runs it" in result
        elif runs(fact):
            assert result == 360, kind
        else:
            assert "no graph executor" in result or "which this runtime lacks" in result, kind


def test_on_this_runtime(tmp_path):
    check(table(tmp_path), can, INFO.minor)


@pytest.mark.needs("graph executor")
@pytest.mark.parametrize("version", ["0.8", "0.9", "0.16"])
def test_on_the_others(version, tmp_path):
    """Those that `make test` has: of all others tools/test_matrix.py runs the test above."""
    library = install.install(version)
    if str(library) == str(tvm.runtime_info().path):
        pytest.skip("it is this one")
    done = subprocess.run(
        [sys.executable, ROOT / "tests" / "artefact_table.py", tmp_path],
        env={**os.environ, "TVMBIND_LIBRARY": str(library)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    minor = int(version[2:])
    check(json.loads(done.stdout), lambda fact: holds(fact, minor), minor)
