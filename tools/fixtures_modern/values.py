"""The weights of the small Relax models, and what each gives; needs no TVM."""

from __future__ import annotations

import numpy as np


def waves(*shape):
    """A float32 array of many different values, the same on every machine."""
    steps = np.arange(np.prod(shape), dtype="int64")
    return ((steps * 37 % 101 - 50) / np.float32(64)).astype("float32").reshape(shape)


HIDDEN = waves(16, 8)
LAST = waves(8, 4)
WEIGHT = np.array([[0.5, 1.0, 1.5], [2.0, 2.5, 3.0]], dtype="float32")
PARAMS = {"weight": waves(4, 3), "bias": waves(3)}


def mlp(x):
    """``relax_mlp.so``: softmax(relu(x @ HIDDEN) @ LAST)."""
    scores = np.exp(np.maximum(x @ HIDDEN, 0) @ LAST)
    return scores / scores.sum(axis=1, keepdims=True)


def many(a, b):
    """``relax_many.so``: five arrays."""
    return [a * WEIGHT + b.astype("float32"), b * 2, a > 0, a.sum(), b.astype("int64")]


def params(x):
    """``relax_params.so``: x @ weight + bias."""
    return x @ PARAMS["weight"] + PARAMS["bias"]
