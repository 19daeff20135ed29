"""``tvmbind bench`` and ``tvmbind profile``."""

# Fixtures that are imported have the names of the arguments that they fill.
# ruff: noqa: F811

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from runtime_here import INFO, need
from test_cli import Line, line, pictures  # noqa: F401


@pytest.fixture(scope="session")
def digits(models: Path) -> Path:
    """A whole model in one file."""
    need("graph factory" if INFO.abi == "classic" else "Relax VM")
    return models / "digits" / ("factory.so" if INFO.abi == "classic" else "relax_vm.so")


def test_bench(line: Line, digits: Path, pictures: Path) -> None:
    shown = line("bench", digits, "--repeat", 5, "-i", f"{pictures}:images", status=1)
    assert "shape" in shown
    shown = line("bench", digits, "--repeat", 5, "--min-repeat-ms", 0)
    assert re.search(r"^median +\d", shown, re.MULTILINE)
    assert "5 measurements" in shown
    assert shown.count("│") >= 2
    document = json.loads(line("bench", digits, "--repeat", 5, "--min-repeat-ms", 0, "--json"))
    assert len(document["results"]) == 5
    assert 0 < document["min"] <= document["median"] <= document["max"]
    assert "must be from 1" in line("bench", digits, "--repeat", 0, status=1)


def test_bench_draws(line: Line, digits: Path, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="no matplotlib here")
    line("bench", digits, "--repeat", 3, "--plot", tmp_path / "times.png")
    assert (tmp_path / "times.png").read_bytes().startswith(b"\x89PNG")
    assert "tiff" in line("bench", digits, "--repeat", 3, "--plot", tmp_path / "times.nope", status=1)


def test_profile(line: Line, digits: Path, tmp_path: Path) -> None:
    page, steps = tmp_path / "report.html", tmp_path / "steps.trace.json"
    shown = line("profile", digits, "--repeat", 2, "-o", page, "-o", steps)
    assert "softmax" in shown
    assert "whole run" in shown
    assert "<title>" + digits.name in page.read_text(encoding="utf-8")
    assert json.loads(steps.read_text(encoding="utf-8"))["traceEvents"]
    few = line("profile", digits, "--repeat", 1, "--top", 1)
    assert "that are not shown" in few
    document = json.loads(line("profile", digits, "--repeat", 1, "--json"))
    assert any("softmax" in call["Name"]["string"] for call in document["calls"])


def test_profile_knows_what_it_cannot_write_before_it_measures(line: Line) -> None:
    assert ".html, .csv" in line("profile", "nowhere.so", "-o", "report.pdf", status=1)


@pytest.mark.needs("AOT executor")
def test_profile_of_what_has_no_graph(line: Line, models: Path) -> None:
    assert "no graph" in line("profile", models / "digits" / "aot.so", status=1)
