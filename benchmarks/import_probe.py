"""One process of import_cost.py: imports a package, calls a function, runs a model; prints what each took, as JSON.

    python import_probe.py PACKAGE NOP MODELS

Nothing is imported here that a package would have to import itself.
"""

import os
import sys
import time

_PAGE = os.sysconf("SC_PAGE_SIZE")


def tvmbind_import():
    """The package alone."""
    global tvmbind
    import tvmbind


def tvmbind_call(nop):
    """Opens the runtime too."""
    tvmbind.load_module(nop)["nop"]()


def tvmbind_model(models):
    """Of the graph executor, or the Relax VM."""
    import numpy as np

    modern = tvmbind.runtime_info().abi == "tvm-ffi"
    path = os.path.join(models, "modern/digits/relax_vm.so" if modern else "digits/factory.so")
    return tvmbind.load_model(path).run({"input": np.zeros((1, 1, 8, 8), "float32")})[0].numpy()


def tvm_import():
    """TVM's own Python, which opens the runtime."""
    global tvm
    import tvm


def tvm_call(nop):
    """A function of a compiled library."""
    tvm.runtime.load_module(nop)["nop"]()


def tvm_model(models):
    """Of the graph executor."""
    import numpy as np
    from tvm.contrib import graph_executor

    library = tvm.runtime.load_module(os.path.join(models, "digits/factory.so"))
    module = graph_executor.GraphModule(library["default"](tvm.cpu()))
    module.set_input("input", np.zeros((1, 1, 8, 8), "float32"))
    module.run()
    return module.get_output(0).numpy()


def tvm_ffi_import():
    """tvm-ffi's Python, which opens libtvm_ffi."""
    global tvm_ffi
    import tvm_ffi


def tvm_ffi_call(nop):
    """A function of a compiled library."""
    tvm_ffi.load_module(nop)["nop"]()


def onnxruntime_import():
    """onnxruntime."""
    global onnxruntime
    import onnxruntime


def onnxruntime_model(models):
    """The same network as the others'."""
    import numpy as np

    path = os.path.join(models, "digits/digits.onnx")
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return session.run(None, {"input": np.zeros((1, 1, 8, 8), "float32")})[0]


def numpy_import():
    """numpy, which the others need at some time."""
    import numpy  # noqa: F401


def resident():
    """Bytes of memory that this process has in use."""
    with open("/proc/self/statm") as file:
        return _PAGE * int(file.read().split()[1])


def main():
    """Measures every stage that the package has."""
    package, nop, models = sys.argv[1:]
    told, memory = time.process_time(), resident()
    found = {}
    for stage, argument in (("import", None), ("call", nop), ("model", models)):
        run = globals().get(f"{package}_{stage}")
        if run is not None:
            result = run(argument) if argument else run()
            found[stage] = {"seconds": time.process_time() - told, "bytes": resident() - memory}
            assert result is None or abs(result.sum() - 1) < 1e-5, "probabilities"
    import json

    print(json.dumps(found))


if __name__ == "__main__":
    main()
