"""BenchmarkResult, and ``benchmark`` of every executor and of a model."""

from __future__ import annotations

import builtins
import importlib

import numpy as np
import pytest

import tvmbind as tvm
from runtime_here import can
from tvmbind.profiling.figures import time_text

RESULT = tvm.BenchmarkResult((3e-6, 1e-6, 2e-6, 4e-6))


def test_numbers():
    assert (RESULT.min, RESULT.max, RESULT.mean) == (1e-6, 4e-6, pytest.approx(2.5e-6))
    assert RESULT.median == pytest.approx(2.5e-6)
    assert tvm.BenchmarkResult((3.0, 1.0, 2.0)).median == 2.0
    assert RESULT.std == pytest.approx(np.std(RESULT.results))
    assert RESULT.spread == pytest.approx((3.25 - 1.75) / 2.5)
    assert tvm.BenchmarkResult((1.0, 1.0, 1.0, 1.0, 50.0)).spread == 0


def test_text_says_the_median_in_its_unit_and_shows_a_histogram():
    first, *bars = str(RESULT).splitlines()
    assert first == "median 2.5 µs, mean 2.5 µs, min 1 µs, max 4 µs, std 1.118 µs, spread 60.0% (4 results)"
    assert [line.split("│")[0].strip() for line in bars] == ["1 µs", "1.75 µs", "2.5 µs", "3.25 µs"]
    assert all(line.endswith("█ 1") for line in bars)
    assert str(tvm.BenchmarkResult((0.5,))) == "500 ms (1 result)"
    assert str(tvm.BenchmarkResult((0.0, 0.0))).endswith("│" + "█" * 40 + " 2")


def test_histogram_counts_each_result_once():
    values = tuple(np.random.default_rng(0).normal(5e-3, 1e-4, 500))
    for bins in (1, 2, 7, 20):
        lines = tvm.BenchmarkResult(values).histogram(bins, width=20).splitlines()
        assert len(lines) == bins
        assert sum(int(line.split()[-1]) if line.split()[-1].isdigit() else 0 for line in lines) == 500
        assert max(line.count("█") for line in lines) == 20
    with pytest.raises(ValueError, match="at least 1"):
        RESULT.histogram(0)


def test_an_outlier_does_not_press_the_others_into_one_bin():
    values = (*np.linspace(1.0, 1.1, 50), 40.0)
    lines = tvm.BenchmarkResult(values).histogram().splitlines()
    assert len(lines) == 8
    assert lines[-1].lstrip().startswith("≥")
    assert lines[-1].endswith(" 1")
    assert sum("█" in line or "▏" in line for line in lines) > 3


def test_plot(tmp_path):
    pytest.importorskip("matplotlib", reason="no matplotlib here")
    figure = RESULT.plot(tmp_path / "times.svg", "four times")
    assert "<svg" in (tmp_path / "times.svg").read_text(encoding="utf-8")
    assert figure.axes[0].get_xlabel() == "µs per call"
    assert sum(bar.get_height() for bar in figure.axes[0].patches) == 4


def test_plot_without_matplotlib_says_what_to_install(monkeypatch):
    real = builtins.__import__

    def without(name, *rest):
        if name.startswith("matplotlib"):
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ImportError, match=r"pip install 'tvmbind\[plot\]'"):
        RESULT.plot()


#: What a model is in -> what the runtime must have.
DIGITS = {
    ("libdeploy.so", "deploy.json", "deploy.params"): "graph executor",
    ("factory.so",): "graph factory",
    ("aot.so",): "AOT executor",
    ("relay_vm.so",): "Relay VM",
    ("relax_vm.so",): "Relax VM",
}


def load_digits(models, files):
    """The model of digits in these files, or a skip where this runtime does not run it."""
    if not can(DIGITS[files]):
        pytest.skip(f"{tvm.runtime_info().title} has no {DIGITS[files]}")
    try:
        return tvm.load_model(*(models / "digits" / file for file in files))
    except tvm.TVMOSError as error:  # an executable of Relay's, of another version
        if "only the version of TVM that compiled it" not in str(error):
            raise
        pytest.skip(str(error).splitlines()[0])


@pytest.mark.parametrize("files", DIGITS, ids=lambda files: files[0])
def test_benchmark_of_a_model(models, files):
    model = load_digits(models, files)
    image = np.zeros((1, 1, 8, 8), "float32")
    timed = model.benchmark({"input": image}, repeat=4, min_repeat_ms=1)
    assert len(timed.results) == 4
    assert 0 < timed.min < 0.1
    before = model.run(image)[0].numpy()
    np.testing.assert_array_equal(model.run(image)[0].numpy(), before)
    with pytest.raises(ValueError, match="shape"):
        model.benchmark(np.zeros((8, 8), "float32"))  # Relay's machine does not know extents
    with pytest.raises(ValueError, match="repeat"):
        model.benchmark(image, repeat=0)
    model.close()
    with pytest.raises(ValueError, match="closed"):
        model.benchmark(image)


@pytest.mark.parametrize("files", [("relay_vm.so",), ("relax_vm.so",)], ids=lambda files: files[0])
def test_benchmark_of_a_machine(models, files):
    machine = load_digits(models, files).executor
    timed = machine.benchmark(tvm.cpu(), np.zeros((1, 1, 8, 8), "float32"), repeat=3, number=2)
    assert len(timed.results) == 3
    assert timed.min > 0
    with pytest.raises(TypeError, match="takes 1"):
        machine.benchmark(tvm.cpu())
    with pytest.raises(TypeError, match="Device"):
        machine.benchmark(np.zeros((1, 1, 8, 8), "float32"))
    with pytest.raises(tvm.TVMAttributeError, match="nope"):
        machine.benchmark(None, func_name="nope")


def test_a_runtime_without_a_time_evaluator_is_timed_from_here(models, monkeypatch):
    module = importlib.import_module("tvmbind.module")
    real = module.get_global_func
    monkeypatch.setattr(
        module, "get_global_func", lambda name, *rest, **named: None if "TimeEvaluator" in name else real(name, **named)
    )
    library = tvm.load_module(models / "myadd" / "libdeploy.so")
    a, b, c = (tvm.array(np.ones(3, "float32")) for _ in range(3))
    timed = library.time_evaluator("myadd", number=3, repeat=4, min_repeat_ms=1)(a, b, c)
    assert len(timed.results) == 4
    assert 0 < timed.min < 1e-3
    assert c.numpy().tolist() == [2, 2, 2]
    with pytest.raises(tvm.TVMError):
        library.time_evaluator("myadd")(a)


def test_durations_are_read_in_their_unit():
    given = {0: "0 ns", 0.5: "500 ns", 1: "1 µs", 12.345: "12.3 µs", 999.6: "1 ms", 123456: "123 ms", 5e9: "5000 s"}
    assert {value: time_text(value) for value in given} == given
