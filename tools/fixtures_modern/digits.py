"""The digits CNN in Relax, its weights inside: ``modern/digits/``."""

from __future__ import annotations

import numpy as np
import tvm
from fixtures.digits_data import INPUT, INPUT_SHAPE, folded, load_weights
from tvm import relax

from .target import FOLDER, save_relax


def network(weights, batch):
    """The model as a Relax module, ``main(input)``.

    Parameters
    ----------
    weights : dict of str to numpy.ndarray
        The trained weights; constants of the function.
    batch : int or tvm.tirx.Var
        How many images a call takes.
    """
    builder = relax.BlockBuilder()
    x = relax.Var(INPUT, relax.TensorType((batch, *INPUT_SHAPE[1:]), "float32"))
    with builder.function("main", [x]):
        with builder.dataflow():
            for stage, pooled in ((1, False), (2, True), (3, True)):
                kernel, bias = map(relax.const, folded(weights, stage))
                x = builder.emit(relax.op.nn.conv2d(x, kernel, padding=1))
                x = builder.emit(relax.op.add(x, bias))
                x = builder.emit(relax.op.nn.relu(x))
                if pooled:
                    x = builder.emit(relax.op.nn.max_pool2d(x, (2, 2), strides=(2, 2)))
            x = builder.emit(relax.op.reshape(x, (batch, 128)))
            dense = relax.const(np.ascontiguousarray(weights["dense.weight"].T))
            x = builder.emit(relax.op.matmul(x, dense))
            x = builder.emit(relax.op.add(x, relax.const(weights["dense.bias"])))
            x = builder.emit_output(relax.op.nn.softmax(x))
        builder.emit_func_output(x)
    return builder.get()


def build(sources, out):
    """Write both forms of the model."""
    weights = load_weights(sources)
    save_relax(network(weights, 1), out / FOLDER / "digits/relax_vm.so")
    save_relax(network(weights, tvm.tirx.Var("n", "int64")), out / FOLDER / "digits/relax_vm_batch.so")
