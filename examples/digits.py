"""The demo: a compiled CNN reads 360 pictures of digits, and a kernel calls a Python closure.

    python examples/digits.py [--picture FILE]

The picture (out/digits.png if not given) needs matplotlib: pip install 'tvmbind[plot]'.
"""

import argparse
import sys
import time
from pathlib import Path

import numpy as np

import tvmbind as tvm

MODELS = Path(__file__).resolve().parent.parent / "models"


def models() -> Path:
    """The folder of what TVM compiled for the generation of this process's runtime."""
    return MODELS / "modern" if tvm.runtime_info().abi == "tvm-ffi" else MODELS


def load_model() -> tvm.Model:
    """Open the CNN: kernels, graph and weights, or all of it in one file."""
    folder = models() / "digits"
    if folder.parent.name == "modern":
        return tvm.load_model(folder / "relax_vm.so")
    return tvm.load_model(folder / "libdeploy.so", folder / "deploy.json", folder / "deploy.params")


def classify(model: tvm.Model, images: np.ndarray) -> tuple[np.ndarray, float]:
    """Run the model on one picture at a time.

    Parameters
    ----------
    model : Model
    images : numpy.ndarray
        (n, 8, 8), 0 to 16.

    Returns
    -------
    probabilities : numpy.ndarray
        (n, 10) float32.
    milliseconds : float
        Median time of one picture, from numpy array to numpy array.
    """
    batch = (images / 16).astype("float32").reshape(-1, 1, 1, 8, 8)
    probabilities = np.empty((len(batch), 10), "float32")
    seconds = []
    for x, row in zip(batch, probabilities):
        start = time.perf_counter()
        row[:] = model.run(x)[0].numpy()[0]
        seconds.append(time.perf_counter() - start)
    return probabilities, 1e3 * float(np.median(seconds))


def show_bars(probabilities: np.ndarray) -> int:
    """Draw ten probabilities as bars of text: compiled code counts, a closure here prints.

    The kernel `call_report` looks up `tvmbind.demo.report` in TVM's registry and calls it for each digit.
    """
    calls = 0

    @tvm.register_func("tvmbind.demo.report", override=True)
    def report(text: str, digit: int, probability: float, tensor: tvm.NDArray) -> None:
        nonlocal calls
        calls += 1
        print(f"    {digit} {'█' * round(40 * probability):<40} {probability:6.1%}")

    tvm.load_module(models() / "kernels" / "call_packed.so")["call_report"](
        tvm.asarray(probabilities), len(probabilities)
    )
    tvm.remove_global_func("tvmbind.demo.report")
    return calls


def save_picture(path: Path, title: str, images: np.ndarray, labels: np.ndarray, scores: np.ndarray) -> None:
    """Draw the digits that the model is least sure of, the wrong ones first.

    Parameters
    ----------
    path : Path
    title : str
    images, labels : numpy.ndarray
        (n, 8, 8) and (n,).
    scores : numpy.ndarray
        Probabilities, (n, 10).
    """
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    found, certainty = scores.argmax(axis=1), scores.max(axis=1)
    order = np.lexsort((certainty, found == labels))
    figure, axes = plt.subplots(4, 10, figsize=(8, 4.6), dpi=100)
    for axis, index in zip(axes.flat, order):
        right = found[index] == labels[index]
        ink, frame, width = ("#222222", "#d8d8d8", 0.8) if right else ("#c8102e", "#c8102e", 2.5)
        axis.imshow(images[index], cmap="gray_r", vmin=0, vmax=16)
        axis.set(xticks=[], yticks=[])
        axis.spines[:].set(color=frame, linewidth=width)
        note = f"{certainty[index]:.0%}" if right else f"not {labels[index]}"
        axis.set_title(
            found[index], loc="left", size=13, pad=4, color=ink, weight="normal" if right else "bold"
        )
        axis.set_title(note, loc="right", size=8, pad=4, color="#8a8a8a" if right else ink)
    figure.text(0.02, 0.975, title, size=14, va="top")
    shown = f"the {axes.size} of which the model is least sure, with its answer and how sure it is"
    figure.text(0.02, 0.895, shown, size=9, va="top", color="#8a8a8a")
    figure.subplots_adjust(0.02, 0.03, 0.98, 0.79, wspace=0.18, hspace=0.4)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, pil_kwargs={"optimize": True})
    plt.close(figure)


def main() -> int:
    """Classify, report, draw."""
    parser = argparse.ArgumentParser(description="Read digits with a compiled CNN.")
    parser.add_argument(
        "--picture", type=Path, default=Path("out/digits.png"), help="where to save the picture"
    )
    arguments = parser.parse_args()

    info = tvm.runtime_info()
    print(f"runtime   {info.title}, {info.path}")
    model = load_model()
    print(f"model     {model.inputs[0]} -> {model.outputs[0].dtype}{list(model.outputs[0].shape)}")
    with np.load(MODELS / "digits" / "test_images.npz") as data:
        images, labels = data["images"], data["labels"]

    scores, milliseconds = classify(model, images)
    right = scores.argmax(axis=1) == labels
    result = f"{right.sum()}/{len(right)} right"
    print(f"accuracy  {result} ({right.mean():.1%})")
    print(f"time      {milliseconds:.3f} ms per image")

    hardest = int(scores.max(axis=1).argmin())
    print(f"closure   a compiled kernel prints, through Python, what the model thinks of image {hardest}:")
    calls = show_bars(scores[hardest])
    print(f"          {calls} calls; the label says {labels[hardest]}")

    title = f"Digits read by a CNN on {info.title}: {result}, {milliseconds:.3f} ms each"
    try:
        save_picture(arguments.picture, title, images, labels, scores)
    except ImportError as error:
        print(f"picture   none: {error} (pip install 'tvmbind[plot]')")
    else:
        print(f"picture   {arguments.picture}")
    return 0 if right.all() else 1


if __name__ == "__main__":
    sys.exit(main())
