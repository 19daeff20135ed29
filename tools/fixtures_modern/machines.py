"""Small Relax models for the virtual machine: tuples in and out, symbolic shapes; what fixtures/machines.py makes."""

from __future__ import annotations

import tvm
from tvm import relax
from tvm.relax.op import add, multiply, reshape
from tvm.relax.op import sum as total

from .relax_models import function, tensor
from .target import FOLDER, save_relax


def nested(x, y):
    """The tuple (x + y, (2 * (x + y), the sums of its rows))."""
    a = add(x, y)
    return a, relax.Tuple((multiply(a, relax.const(2, "float32")), total(a, axis=1)))


def build(sources, out):
    """Write ``modern/machines/``."""
    n, m = tvm.tirx.Var("n", "int64"), tvm.tirx.Var("m", "int64")
    pair = relax.Var("t", relax.TupleType([relax.TensorType((2, 4), "int32")] * 2))
    shape = relax.Var("s", relax.ShapeType([n, m]))
    modules = {
        "relax_nested": function("main", [tensor("x", (n, 4)), tensor("y", (4,))], nested),
        "relax_identity": function("main", [tensor("x", (n, 4))], lambda x: x),
        "relax_take_tuple": function(
            "main",
            [tensor("x", (2, 4), "int32"), pair],
            lambda x, t: add(add(x, relax.TupleGetItem(t, 0)), relax.TupleGetItem(t, 1)),
        ),
        "relax_take_shape": function("main", [tensor("x", (n, m)), shape], lambda x, s: reshape(x, (4,))),
    }
    for name, module in modules.items():
        save_relax(module, out / FOLDER / "machines" / f"{name}.so")
