"""What is timed by inference_loop.py: for each model the loops that a person would write, by each binding.

In one process TVM's Python is imported first, then tvmbind, which takes the runtime that it finds there. Each loop
has an executor of its own; those of one model are of the same library.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import peers
import sides

INPUT = "input"  # of both networks
TOLERANCE = 1e-4
DIGITS = peers.ROOT / "models" / "digits"
IMAGENET = peers.BUILD / "imagenet"

#: The ways to run a model, as the tables call them; `TVM` is what the others are compared with.
BOUND, COPIED, MODEL = "tvmbind, input bound once", "tvmbind, copied in and out", "tvmbind, Model.run"
TVM, TVM_BOUND, ORT = "TVM's Python", "TVM's Python, input bound once", "onnxruntime"


@dataclass(frozen=True)
class Network:
    """A model and its files.

    Attributes
    ----------
    name : str
        As the tables call it.
    files : tuple of Path
        The library; for the graph executor also the graph and the weights.
    onnx : Path
        The same network for onnxruntime.
    shape : tuple of int
        Of its input, float32.
    patience : int
        How many times more rounds it needs: what is beyond a long run is small beside how much runs differ.
    """

    name: str
    files: tuple[Path, ...]
    onnx: Path
    shape: tuple[int, ...]
    patience: int = 1


@dataclass(frozen=True)
class Loop:
    """One turn of a person's loop.

    Attributes
    ----------
    way : str
        `BOUND`, `COPIED`, ...
    statement : str
        What is timed; leaves the result in ``y``.
    names : dict
        What it names.
    evaluator : callable, optional
        Of a number, a function that makes the runtime call ``run`` so often, without Python; it calls it once more
        before. None for onnxruntime.
    """

    way: str
    statement: str
    names: dict[str, Any]
    evaluator: Callable[[int], Callable[[], Any]] | None

    def result(self) -> np.ndarray:
        """What one turn computes."""
        scope = dict(self.names)
        exec(self.statement, scope)
        return np.array(scope["y"])


def networks() -> list[Network]:
    """The digits CNN, compiled for two executors, and EfficientNet-Lite0, where `make imagenet` has made it."""

    def split(folder: Path) -> tuple[Path, ...]:
        return tuple(folder / file for file in ("libdeploy.so", "deploy.json", "deploy.params"))

    shape, onnx = (1, 1, 8, 8), DIGITS / "digits.onnx"
    found = [
        Network("digits, graph", split(DIGITS), onnx, shape),
        Network("digits, AOT", (DIGITS / "aot.so",), onnx, shape),
    ]
    if (IMAGENET / "complete").exists():
        large = split(IMAGENET / "model")
        found.append(Network("EfficientNet-Lite0, graph", large, IMAGENET / "model.onnx", (1, 3, 224, 224), 2))
    return found


def loops(network: Network, ffi: str) -> list[Loop]:
    """The loops over a network; raises if they do not compute the same."""
    x = np.random.default_rng(0).random(network.shape, "float32")
    found = [*_of_tvm(network, x, ffi), *_of_tvmbind(network, x), _of_onnxruntime(network, x)]
    expected = found[-1].result()
    for loop in found:
        np.testing.assert_allclose(loop.result(), expected, TOLERANCE, TOLERANCE, err_msg=f"{network.name}, {loop.way}")
    return found


def _of_tvm(network: Network, x: np.ndarray, ffi: str) -> Iterator[Loop]:
    tvm = sides.import_tvm(ffi)
    from tvm.contrib import graph_executor
    from tvm.runtime.executor.aot_executor import AotModule

    def executor() -> Any:
        library = tvm.runtime.load_module(str(network.files[0]))
        if len(network.files) == 1:
            return AotModule(library["default"](tvm.cpu()))
        made = graph_executor.create(network.files[1].read_text(), library, tvm.cpu())
        made.load_params(network.files[2].read_bytes())
        return made

    def evaluator(made: Any) -> Callable[[int], Callable[[], Any]]:
        return lambda number: made.module.time_evaluator("run", tvm.cpu(), number=number)

    m = executor()
    statement = f"m.set_input({INPUT!r}, x); m.run(); y = m.get_output(0).numpy()"
    yield Loop(TVM, statement, {"m": m, "x": x}, evaluator(m))
    if len(network.files) > 1:  # its AotModule binds nothing
        m = executor()
        bound = tvm.nd.array(x)  # nothing but the caller keeps it
        m.set_input_zero_copy(INPUT, bound)
        yield Loop(TVM_BOUND, "m.run(); y = m.get_output(0).numpy()", {"m": m, "x": bound}, evaluator(m))


def _of_tvmbind(network: Network, x: np.ndarray) -> Iterator[Loop]:
    import tvmbind

    sides.check_same_runtime()

    def executor() -> Any:
        library = tvmbind.load_module(network.files[0])
        if len(network.files) == 1:
            return tvmbind.AotModule(library["default"](tvmbind.cpu()))
        made = tvmbind.graph_executor.create(network.files[1].read_text(), library, tvmbind.cpu())
        made.load_params(network.files[2].read_bytes())
        return made

    def evaluator(made: Any) -> Callable[[int], Callable[[], Any]]:
        return lambda number: made.module.time_evaluator("run", tvmbind.cpu(), number=number)

    m = executor()
    aligned = tvmbind.aligned_empty(x.shape, "float32")
    aligned[:] = x
    m.set_input(INPUT, aligned, copy=False)
    yield Loop(BOUND, "m.run(); y = m.get_output(0).numpy()", {"m": m}, evaluator(m))
    m = executor()
    statement = f"m.set_input({INPUT!r}, x, copy=True); m.run(); y = m.get_output(0).numpy().copy()"
    yield Loop(COPIED, statement, {"m": m, "x": x}, evaluator(m))
    m = tvmbind.load_model(*network.files)
    yield Loop(MODEL, f"y = m.run({{{INPUT!r}: x}})[0].numpy()", {"m": m, "x": x}, evaluator(m.executor))


def _of_onnxruntime(network: Network, x: np.ndarray) -> Loop:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(network.onnx), options, providers=["CPUExecutionProvider"])
    return Loop(ORT, f"y = s.run(None, {{{INPUT!r}: x}})[0]", {"s": session, "x": x}, None)
