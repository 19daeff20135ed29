"""A Python function in TVM's registry, where every language in the process finds it by name.

    python examples/pack_func_register.py

The last call comes from compiled code: a kernel of models/ calls `tvmbind.test.map` for each element.
"""

from pathlib import Path

import numpy as np

import tvmbind as tvm

MODELS = Path(__file__).resolve().parent.parent / "models"


@tvm.register_func("example.add")
def add(a: int, b: int) -> int:
    """Add two numbers, or whatever else has a +."""
    return a + b


def main() -> None:
    """Register, find, call, replace, remove."""
    print("listed:", "example.add" in tvm.list_global_func_names())
    print("result:", tvm.get_global_func("example.add")(10, 20))

    tvm.register_func("example.add", lambda a, b: f"{a} and {b}", override=True)
    print("replaced:", tvm.get_global_func("example.add")(10, 20))
    tvm.remove_global_func("example.add")
    print("removed:", tvm.get_global_func("example.add", allow_missing=True))

    factor = 1.5  # a closure sees the names around it
    tvm.register_func("tvmbind.test.map", lambda element: factor * element)
    x = tvm.array(np.array([1.0, 2.0, 3.0]))
    y = tvm.empty(3, "float64")
    compiled = MODELS if tvm.runtime_info().abi == "classic" else MODELS / "modern"
    tvm.load_module(compiled / "kernels" / "call_packed.so")["call_map"](x, y)
    print("called by a kernel:", y.numpy())


if __name__ == "__main__":
    main()
