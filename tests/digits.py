"""The pictures of digits, and what every executor of the digits network has to do with them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

import tvmbind as tvm
from runtime_here import ROOT


class Digits(NamedTuple):
    """360 pictures, as inputs of the network, the digits that they show, and the probabilities that torch gives."""

    inputs: np.ndarray
    labels: np.ndarray
    probabilities: np.ndarray


def load() -> Digits:
    """All of them; they are the same for both generations."""
    file = np.load(ROOT / "models" / "digits" / "test_images.npz")
    inputs = (file["images"].reshape(-1, 1, 1, 8, 8) / 16).astype("float32")
    return Digits(inputs, file["labels"], file["probabilities"])


def check_every_digit(images: Digits, answer: Callable[[np.ndarray], tvm.NDArray]) -> None:
    """Every picture's probabilities are torch's, and its digit is the right one."""
    found = np.concatenate([answer(image).numpy().copy() for image in images.inputs])
    np.testing.assert_allclose(found, images.probabilities, atol=1e-5)
    assert (found.argmax(1) == images.labels).sum() == 360


def check_ways_to_set_an_input(executor: Any, images: Digits, *more: Callable[[np.ndarray], object]) -> None:
    """Whatever an input is given as, the answer is right; after each way one that is not."""
    image, expected = images.inputs[7], images.probabilities[7]
    ways = [
        lambda x: executor.set_input("input", x),
        lambda x: executor.set_input(0, x),
        lambda x: executor.set_input(np.int64(0), x),
        lambda x: executor.set_input(input=x),
        lambda x: executor.set_input("input", tvm.array(x)),
        lambda x: executor.set_input("input", x.tolist()),
        lambda x: executor.set_input("input", x[:, :, ::-1, ::-1][:, :, ::-1, ::-1]),
        lambda x: executor.set_input("input", np.asfortranarray(x)),
        lambda x: executor.set_input("input", x.astype(">f4")),
        lambda x: executor.get_input("input").copyfrom(x),
        lambda x: np.copyto(executor.get_input(0).numpy(), x),
        *more,
    ]
    for way in ways:
        # A copy: up to TVM 0.13 its own set_input is without effect on an input that was bound.
        executor.set_input("input", np.zeros_like(image), copy=True)
        executor.run()
        assert abs(executor.get_output(0).numpy()[0] - expected).max() > 0.01
        way(image)
        executor.run()
        np.testing.assert_allclose(executor.get_output(0).numpy()[0], expected, atol=1e-5)
