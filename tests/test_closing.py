"""What is closed while a call has it is freed after the call: by a callback of the call, by another thread."""

from __future__ import annotations

import gc
import shutil
import weakref

import numpy as np
import pytest

import tvmbind as tvm
from runtime_here import counts_references


class Mine(np.ndarray):
    """numpy's, but it can be told whether it is still there."""


def watched(values):
    """An array in numpy's memory, and what tells whether that is still there."""
    x = tvm.aligned_empty(len(values), np.asarray(values).dtype).view(Mine)
    x[:] = values
    return tvm.from_dlpack(x), weakref.ref(x)


def gone(reference):
    gc.collect()
    return reference() is None


@pytest.fixture
def call_map(models, tmp_path, register):
    """A kernel y[i] = map(x[i]), of a copy of the library: it keeps what it looked up."""
    def make(func):
        register("tvmbind.test.map", func)
        return tvm.load_module(shutil.copy(models / "kernels" / "call_packed.so", tmp_path))["call_map"]

    return make


@counts_references
@pytest.mark.needs("kernels that call packed functions")
def test_a_callback_closes_the_arguments_of_its_kernel(call_map):
    x, x_there = watched([0.0, 1.0, 2.0, 3.0])
    y, y_there = watched([0.0] * 4)
    seen = y.numpy().view()
    during = []

    def func(value):
        x.close()
        y.close()
        gc.collect()
        during.append((x_there() is not None, y_there() is not None, x.closed, y.closed))
        return value + 10

    call_map(func)(x, y)
    assert during == [(True, True, True, True)] * 4
    assert seen.tolist() == [10, 11, 12, 13]
    assert gone(x_there)
    assert not gone(y_there), "a view of it is still there"
    del seen
    assert gone(y_there)


@counts_references
@pytest.mark.needs("kernels that call packed functions")
def test_a_callback_closes_the_kernel_and_its_module(models, tmp_path, register):
    def func(value):
        kernel.close()
        module.close()
        gc.collect()
        return -value

    register("tvmbind.test.map", func)
    module = tvm.load_module(shutil.copy(models / "kernels" / "call_packed.so", tmp_path))
    kernel = module["call_map"]
    y = np.zeros(3)
    kernel(np.arange(3.0), y)
    assert y.tolist() == [0, -1, -2]
    with pytest.raises(ValueError, match="closed"):
        kernel(y, y)


@counts_references
@pytest.mark.parametrize("others", [(), (np.zeros(3)[::2],), ("text", b"bytes", 2.5, None)], ids=repr)
def test_a_callback_closes_an_argument(others):
    """Also where other arguments make the call go another way than the quickest."""
    x, there = watched(np.arange(5.0))
    states = []

    def close(array, *rest):
        x.close()
        gc.collect()
        states.append((there() is not None, array.numpy().sum()))
        return len(rest)

    func = tvm.convert(close)
    assert func(x, *others) == len(others)
    assert states == [(True, 10.0)]
    assert gone(there)
    with pytest.raises(ValueError, match="closed"):
        func(x, *others)


@counts_references
def test_an_inner_call_has_it_too():
    x, there = watched(np.arange(5.0))
    states = []

    def inner(array):
        x.close()
        return 1

    inner_func = tvm.convert(inner)

    def outer(array):
        inner_func(x)
        gc.collect()
        states.append(there() is not None)

    tvm.convert(outer)(x)
    assert states == [True]
    assert gone(there)


@counts_references
def test_a_function_closes_itself():
    class Callable:
        def __call__(self, value):
            func.close()
            gc.collect()
            return value + 1

    callable_ = Callable()
    there = weakref.ref(callable_)
    func = tvm.convert(callable_)
    del callable_
    assert func(2) == 3
    assert gone(there)


@counts_references
def test_it_is_freed_when_the_call_fails():
    x, there = watched(np.arange(5.0))

    def fail(array):
        x.close()
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        tvm.convert(fail)(x)
    assert gone(there)


def test_closed_in_a_with_block_and_again():
    x, _ = watched(np.arange(5.0))
    func = tvm.convert(lambda array: (x.close(), x.close(), x.closed)[2])
    with x:
        assert func(x)
    assert x.closed


@pytest.mark.parametrize("use", ["kernel", "copyfrom", "copyto", "numpy", "capsule", "bytes"])
def test_another_thread_closes_it(run_python, use):
    """Arrays that are large enough for the other thread to come in between."""
    run_python(f"""
import threading
import numpy as np
import tvmbind as tvm

N = 1 << 20
arrays = [tvm.array(np.ones(N, "float32")) for _ in range(20)]
out = tvm.empty((N,))
twice = tvm.load_module("models/kernels/dtypes.so")["twice_float32"]
use = {{
    "kernel": lambda a: twice(a, out),
    "copyfrom": lambda a: out.copyfrom(a),
    "copyto": lambda a: a.copyto(tvm.cpu(0)),
    "numpy": lambda a: a.numpy().sum(),
    "capsule": lambda a: tvm.from_dlpack(a).numpy().sum(),
    "bytes": lambda a: tvm.save_param_dict({{"a": a}}),
}}[{use!r}]
go = threading.Barrier(2)

def close():
    for a in arrays:
        go.wait()
        a.close()

thread = threading.Thread(target=close, daemon=True)
thread.start()
for a in arrays:
    go.wait()
    try:
        use(a)
    except ValueError as error:
        assert "closed" in str(error), error
thread.join()
assert all(a.closed for a in arrays)
""")


@pytest.mark.needs("graph executor")
def test_another_thread_closes_an_executor(run_python):
    run_python("""
import threading
from pathlib import Path
import numpy as np
import tvmbind as tvm

folder = Path("models/digits")
lib = tvm.load_module(folder / "libdeploy.so")
image = tvm.aligned_empty((1, 1, 8, 8))
go = threading.Barrier(2)

def run():
    go.wait()
    try:
        for _ in range(20):
            made.run()
    except ValueError as error:
        assert "closed" in str(error), error

for _ in range(30):
    made = tvm.graph_executor.create((folder / "deploy.json").read_text(), lib, tvm.cpu(0))
    made.load_params((folder / "deploy.params").read_bytes())
    made.set_input("input", tvm.aligned_empty((1, 1, 8, 8)), copy=None)  # without one, where the runtime can
    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    go.wait()
    made.close()
    thread.join()
""")
