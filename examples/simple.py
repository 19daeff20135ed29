"""A compiled kernel on arrays of the runtime's: c = a + b.

    python examples/simple.py [LIBRARY]

LIBRARY holds a kernel `myadd(a, b, c)` on float32 arrays of any length. If it is not given, that is
models/myadd/libdeploy.so.
"""

import sys
from pathlib import Path

import numpy as np

import tvmbind as tvm

MODELS = Path(__file__).resolve().parent.parent / "models"


def main() -> None:
    """Load the library, make three arrays, call the kernel."""
    path = sys.argv[1] if len(sys.argv) > 1 else MODELS / "myadd" / "libdeploy.so"
    info = tvm.runtime_info()
    print(f"TVM {info.version} ({info.path})")

    module = tvm.load_module(path)
    myadd = module["myadd"]

    rng = np.random.default_rng(0)
    a = tvm.array(rng.random(4, dtype="float32"))  # a copy of numpy's elements
    b = tvm.array(rng.random(4, dtype="float32"))
    c = tvm.empty((4,), "float32", tvm.cpu(0))  # whatever is in the memory
    myadd(a, b, c)  # a kernel writes to its last argument

    print("a    ", a.numpy())  # a view of the array's memory, not a copy
    print("b    ", b.numpy())
    print("a + b", c.numpy())


if __name__ == "__main__":
    main()
