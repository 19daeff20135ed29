"""Small Relax models: an MLP, several outputs, a symbolic shape, weights as inputs."""

from __future__ import annotations

import numpy as np
import tvm
from tvm import relax
from tvm.relax.op import add, matmul, multiply

from . import values
from .target import FOLDER, save_relax


def tensor(name, shape, dtype="float32"):
    """A parameter of a Relax function."""
    return relax.Var(name, relax.TensorType(shape, dtype))


def function(name, parameters, body, num_input=None):
    """A module of one Relax function.

    Parameters
    ----------
    name : str
        The function's name in the executable.
    parameters : list of tvm.relax.Var
        What it takes.
    body : callable
        Gives the result, an expression or a tuple of them, from the parameters.
    num_input : int, optional
        How many of the parameters are inputs; those after them are weights.
    """
    builder = relax.BlockBuilder()
    attributes = None if num_input is None else {"num_input": num_input}
    with builder.function(name, parameters, attrs=attributes):
        with builder.dataflow():
            result = body(*parameters)
            if isinstance(result, tuple):
                result = relax.Tuple(result)
            result = builder.emit_output(builder.normalize(result))
        builder.emit_func_output(result)
    return builder.get()


def mlp(x):
    """Two dense layers and a softmax, the weights constants."""
    hidden = relax.op.nn.relu(matmul(x, relax.const(values.HIDDEN)))
    return relax.op.nn.softmax(matmul(hidden, relax.const(values.LAST)))


def many(a, b):
    """Five outputs of different dtypes, one of them 0-d."""
    return (
        add(multiply(a, relax.const(values.WEIGHT)), relax.op.astype(b, "float32")),
        multiply(b, relax.const(2, "int32")),
        relax.op.greater(a, relax.const(0.0, "float32")),
        relax.op.sum(a),
        relax.op.astype(b, "int64"),
    )


def build(sources, out):
    """Write ``modern/relax/relax_*.so`` and the one that has weights, their file."""
    n = tvm.tirx.Var("n", "int64")
    a, b = tensor("a", (2, 3)), tensor("b", (2, 3))
    modules = {
        "relax_mlp": function("forward", [tensor("x", (1, 16))], mlp),
        "relax_tuple": function("main", [a, b], lambda a, b: (add(a, b), relax.op.greater(a, b))),
        "relax_symbolic": function(
            "main",
            [tensor("x", (n, 4)), tensor("y", (n, 4))],
            lambda x, y: add(multiply(x, relax.const(2, "float32")), y),
        ),
        "relax_params": function(
            "main",
            [tensor("x", (1, 4)), tensor("weight", (4, 3)), tensor("bias", (3,))],
            lambda x, weight, bias: add(matmul(x, weight), bias),
            num_input=1,
        ),
        "relax_many": function("main", [tensor("a", (2, 3)), tensor("b", (2, 3), "int32")], many),
    }
    for name, module in modules.items():
        save_relax(module, out / FOLDER / "relax" / f"{name}.so")
    weights = {name: tvm.runtime.tensor(np.asarray(value)) for name, value in values.PARAMS.items()}
    (out / FOLDER / "relax" / "relax_params.params").write_bytes(tvm.runtime.save_param_dict(weights))
