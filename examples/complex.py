"""A whole model, step by step: library, graph and weights, through functions that the runtime has by name.

    python examples/complex.py

The model reads an 8x8 picture of a digit (models/digits, split files). `tvm.graph_executor.create(...)` and
`GraphModule` do the same in fewer lines, and check inputs first, which the runtime's own functions do not.
"""

from pathlib import Path

import numpy as np

import tvmbind as tvm

DIGITS = Path(__file__).resolve().parent.parent / "models" / "digits"


def as_text(image: np.ndarray) -> str:
    """Return a picture of numbers 0 to 16 as lines of characters, two per pixel."""
    return "\n".join("".join(" .:-=+*#%@"[9 * int(pixel) // 16] * 2 for pixel in row) for row in image)


def main() -> None:
    """Classify the first test image."""
    names = tvm.list_global_func_names()
    print(f"TVM {tvm.runtime_info().version}: {len(names)} global functions")

    # Three files make a model: compiled kernels, the graph that calls them, and the weights.
    module = tvm.load_module(DIGITS / "libdeploy.so")
    graph = (DIGITS / "deploy.json").read_text()
    params = (DIGITS / "deploy.params").read_bytes()

    # TVM 0.7 and earlier: "tvm.graph_runtime.create"
    create = tvm.get_global_func("tvm.graph_executor.create")
    device = tvm.cpu(0)
    executor = create(graph, module, device.device_type, device.device_id)
    print(f"executor: a module of type {executor.type_key}")
    executor.get_function("load_params")(params)

    with np.load(DIGITS / "test_images.npz") as data:
        image, label = data["images"][0], data["labels"][0]
    print(as_text(image))

    x = tvm.empty((1, 1, 8, 8), "float32", device)
    x.copyfrom(image.reshape(1, 1, 8, 8) / 16)
    probabilities = tvm.empty((1, 10), "float32", device)
    executor.get_function("set_input")("input", x)
    executor.get_function("run")()
    executor.get_function("get_output")(0, probabilities)

    scores = probabilities.numpy()[0]
    digit = int(scores.argmax())
    print(f"this is a {digit} ({scores[digit]:.1%} sure); the label says {label}")


if __name__ == "__main__":
    main()
