"""What is on a photograph? EfficientNet-Lite0, compiled, names its five best guesses out of ImageNet's 1000.

    make imagenet                                     compiles the network first, then runs this
    python examples/imagenet.py [PHOTOGRAPH ...]      your own, in any format that pillow reads

Needs pillow and matplotlib: pip install 'tvmbind[imagenet]'.
"""

import argparse
import sys
import textwrap
from pathlib import Path

import numpy as np
from PIL import Image

import tvmbind as tvm

FOLDER = Path(__file__).resolve().parent.parent / "build" / "imagenet"
SIDE = 224  # pixels; what the network reads
MEAN, DEVIATION = np.float32([0.485, 0.456, 0.406]), np.float32([0.229, 0.224, 0.225])  # of ImageNet's RGB


def prepare(photograph: Image.Image) -> np.ndarray:
    """Turn a photograph into what the network reads: scaled to 256 on its short side, the centre of that.

    Returns
    -------
    numpy.ndarray
        (1, 3, 224, 224) float32.
    """
    scale = 256 / min(photograph.size)
    width, height = (round(scale * side) for side in photograph.size)
    left, top = (width - SIDE) // 2, (height - SIDE) // 2
    resized = photograph.convert("RGB").resize((width, height), Image.Resampling.BICUBIC)
    pixels = np.asarray(resized.crop((left, top, left + SIDE, top + SIDE)), "float32") / 255
    return ((pixels - MEAN) / DEVIATION).transpose(2, 0, 1)[None]


def probabilities(logits: np.ndarray) -> np.ndarray:
    """The softmax of the network's answer."""
    powers = np.exp(logits - logits.max())
    return powers / powers.sum()


def best(scores: np.ndarray, labels: list[str]) -> list[tuple[str, float]]:
    """The five best guesses, with how sure the network is of each."""
    return [(labels[index], float(scores[index])) for index in scores.argsort()[:-6:-1]]


def save_picture(path: Path, title: str, guesses: dict[Path, list[tuple[str, float]]]) -> None:
    """Draw each photograph with its guesses below.

    Parameters
    ----------
    path : Path
    title : str
    guesses : dict of Path to list of (str, float)
        By photograph, the best first.
    """
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    columns = min(len(guesses), 4)
    rows = -(-len(guesses) // columns)
    figure = plt.figure(figsize=(3.2 * columns, 3.7 * rows + 0.6), dpi=100, layout="constrained")
    figure.get_layout_engine().set(w_pad=0.08, h_pad=0.02, hspace=0.01)
    figure.suptitle(title, size=11, x=0.008, ha="left")
    grid = figure.add_gridspec(2 * rows, columns, height_ratios=[5, 4] * rows)
    for place, (file, found) in enumerate(guesses.items()):
        row, column = divmod(place, columns)
        above, below = (figure.add_subplot(grid[2 * row + part, column]) for part in (0, 1))
        with Image.open(file) as photograph:
            above.imshow(photograph.convert("RGB"))
        above.axis("off")
        chip = {"facecolor": "#111111", "alpha": 0.72, "edgecolor": "none", "boxstyle": "round,pad=0.35"}
        name = f"{textwrap.shorten(found[0][0], 28, placeholder=' ...')}  {found[0][1]:.0%}"
        above.text(0.03, 0.95, name, size=10, color="white", va="top", transform=above.transAxes, bbox=chip)
        for line, (label, score) in enumerate(found):
            below.barh(line, score, height=0.78, color="#7cc4b8" if line == 0 else "#d3e7e3")
            below.text(0.015, line, textwrap.shorten(label, 34, placeholder=" ..."), size=9, va="center")
            below.text(1, line, f"{score:.1%}", size=9, va="center", ha="right", color="#555555")
        below.set(xlim=(0, 1), ylim=(4.6, -0.6))
        below.axis("off")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, pil_kwargs={"optimize": True})
    plt.close(figure)


def main() -> int:
    """Classify, print, draw."""
    parser = argparse.ArgumentParser(description="Say what is on photographs.")
    parser.add_argument(
        "photographs", nargs="*", type=Path, metavar="PHOTOGRAPH", help="(default: four that come along)"
    )
    parser.add_argument("--picture", type=Path, default=Path("out/imagenet.png"), help="where to save the picture")
    arguments = parser.parse_args()
    if not (FOLDER / "complete").exists():
        print("the network is not compiled yet: make imagenet", file=sys.stderr)
        return 2

    labels = (FOLDER / "labels.txt").read_text(encoding="utf-8").splitlines()
    model = tvm.load_model(FOLDER / "model")
    info = tvm.runtime_info()
    print(f"runtime   {info.title}, {info.path}")
    print(f"model     {model.inputs[0]} -> {model.outputs[0].dtype}{list(model.outputs[0].shape)}")
    guesses = {}
    for file in arguments.photographs or sorted((FOLDER / "photographs").iterdir()):
        try:
            with Image.open(file) as photograph:
                x = prepare(photograph)
        except OSError as error:
            parser.error(str(error))
        logits = model.run(x)[0].numpy()[0]
        guesses[file] = best(probabilities(logits), labels)
        print(f"\n{file.stem}")
        for label, score in guesses[file]:
            print(f"  {score:6.1%} {'█' * round(30 * score):<30} {label}")
    save_picture(arguments.picture, f"EfficientNet-Lite0 on {info.title}, by tvmbind", guesses)
    print(f"\npicture   {arguments.picture}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
