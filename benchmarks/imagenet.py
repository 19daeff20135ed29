"""EfficientNet-Lite0 by tvmbind beside torch's answers and onnxruntime's time, on what `make imagenet` compiled.

    python benchmarks/imagenet.py [--rounds N]

One thread each. Both sides get the same numpy array and give a numpy array, in turns; the ratio is the median
over pairs of values that were timed directly after each other.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import time
from pathlib import Path

os.environ.update(TVM_NUM_THREADS="1", OMP_NUM_THREADS="1")  # before a runtime is opened

import numpy as np
from PIL import Image

import tvmbind as tvm

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "examples"))

import imagenet as example

TOLERANCE = 1e-4  # logits are about 10; float32 sums of another order


def compare(model: tvm.Model) -> bool:
    """Hold tvmbind's answers against torch's; prints a line, returns whether they are the same."""
    with np.load(example.FOLDER / "torch.npz") as data:
        expected = dict(zip(data["names"].tolist(), data["logits"]))
    same, worst = 0, 0.0
    for name, theirs in expected.items():
        with Image.open(example.FOLDER / "photographs" / f"{name}.png") as photograph:
            ours = model.run(example.prepare(photograph))[0].numpy()[0]
        same += bool((ours.argsort()[:-6:-1] == theirs.argsort()[:-6:-1]).all())
        worst = max(worst, float(abs(ours - theirs).max()))
    count = len(expected)
    print(f"torch     the same top 5 on {same} of {count} photographs; logits differ by {worst:.1e} at most")
    return same == count and worst < TOLERANCE


def race(model: tvm.Model, rounds: int) -> None:
    """Time tvmbind and onnxruntime in turns; prints a line."""
    try:
        import onnxruntime
    except ImportError as error:
        print(f"time      not compared: {error} (onnxruntime has no wheel for every Python)")
        return
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    path = str(example.FOLDER / "model.onnx")
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    with Image.open(example.FOLDER / "photographs" / "chelsea.png") as photograph:
        x = example.prepare(photograph)
    sides = (lambda: model.run({"input": x})[0].numpy(), lambda: session.run(None, {"input": x})[0])
    np.testing.assert_allclose(*(side() for side in sides), atol=TOLERANCE)
    seconds: tuple[list[float], list[float]] = ([], [])
    for turn in range(rounds + 5):
        for index in (0, 1) if turn % 2 == 0 else (1, 0):
            start = time.perf_counter()
            sides[index]()
            elapsed = time.perf_counter() - start
            if turn >= 5:  # the first are for warming up
                seconds[index].append(elapsed)
    ours, theirs = (1e3 * statistics.median(side) for side in seconds)
    ratio = statistics.median(our / their for our, their in zip(*seconds))
    name = f"onnxruntime {onnxruntime.__version__}"
    print(f"time      tvmbind {ours:.1f} ms an image, {name} {theirs:.1f} ms: {ratio:.2f} times as long")
    print(f"          (one thread each, in turns, medians of {rounds}; 1-minute load {os.getloadavg()[0]:.1f})")


def main() -> int:
    """Compare, then time."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=100, help="how often each side is timed (default 100)")
    rounds = parser.parse_args().rounds
    model = tvm.load_model(example.FOLDER / "model")
    same = compare(model)
    race(model, rounds)
    return 0 if same else 1


if __name__ == "__main__":
    sys.exit(main())
