"""`tvmbind demo`: a compiled network reads pictures of digits, for whoever has only just installed tvmbind."""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tvmbind import install
from tvmbind.cli import screen
from tvmbind.cli.command import UserError, add_command, add_json_argument

if TYPE_CHECKING:
    import numpy as np

    from tvmbind import Model

    Array = np.ndarray[Any, Any]

#: The compiled network by the generation of runtime, and the pictures; in a checkout, links to models/.
FILES = Path(__file__).resolve().parent / "demo_files"
_SHADES = " ░▒▓█"
_WHITEST = 16


def add_parser(subparsers: Any) -> None:
    """Add the command to the line's parser."""
    parser = add_command(
        subparsers,
        "demo",
        run,
        "read 360 pictures of digits with a compiled network",
        examples=(
            ("demo", "asks before it downloads a runtime, if there is none"),
            ("demo --yes", "does not ask"),
        ),
    )
    parser.add_argument("--yes", action="store_true", help="download a runtime without asking, if there is none")
    add_json_argument(parser)


def run(arguments: argparse.Namespace) -> int:
    """Find or get a runtime, classify, and show."""
    import numpy as np

    import tvmbind as tvm

    _check_machine()
    generation = _generation(arguments.yes)
    with np.load(FILES / "test_images.npz") as data:
        images, labels = data["images"], data["labels"]
    with tvm.load_model(FILES / generation) as model:
        scores, milliseconds = _classify(model, images)
        info, found = tvm.runtime_info(), scores.argmax(axis=1)
        right = int((found == labels).sum())
        report = {
            "runtime": info.title,
            "path": info.path,
            "input": str(model.inputs[0]),
            "pictures": len(images),
            "right": right,
            "milliseconds": milliseconds,
        }
    if arguments.json:
        screen.print_json(report)
        return 0
    _draw(images, found, scores)
    screen.facts(
        [
            ("runtime", f"{info.title}, {screen.path(info.path)}"),
            ("model", f"a convolutional network that TVM compiled, {report['input']}"),
            ("accuracy", (f"{right} of {len(images)} right ({right / len(images):.1%})", "good")),
            ("time", f"{milliseconds:.3f} ms a picture, from numpy to numpy"),
        ]
    )
    screen.line("")
    screen.line(("Your own: ", "dim"), "tvmbind info MODEL", (", then ", "dim"), "tvmbind run MODEL -i x.npy")
    return 0


def _check_machine() -> None:
    from tvmbind.inspection.instructions import missing_here

    lost = missing_here("x86_64", ["AVX", "AVX2", "FMA"])
    if lost:
        raise UserError(f"the demo's network is for x86-64 with AVX2, and this machine has no {', '.join(lost)}")


def _generation(yes: bool) -> str:
    """The generation of the runtime to use; gets one if none here can run a model."""
    from tvmbind import library
    from tvmbind.library import modern, search
    from tvmbind.library.info import CLASSIC, MODERN

    if library.known_runtime() or os.environ.get(library.ENVIRONMENT):
        info = library.load_runtime()
        if not info.has_runtime:
            raise UserError(
                f"{info.title} alone runs functions, and no models: unset {library.ENVIRONMENT}, or "
                "tvmbind runtime install 0.27"
            )
        return info.abi
    here = [place.file for place in search.places() if os.path.isfile(place.file)]
    if any(not modern.is_modern(file) for file in here):
        return CLASSIC
    if any(os.path.basename(file) in modern.RUNTIME_NAMES for file in here):
        return MODERN
    _get_runtime(yes)
    return CLASSIC


def _get_runtime(yes: bool) -> None:
    wanted = install.pin(install.DEFAULT)
    sizes = f"{wanted.wheel_size / 1e6:.0f} MB to download and {wanted.library_size / 1e6:.0f} to keep"
    cost = f"TVM {wanted.name}'s, {sizes}"
    command = "tvmbind runtime install"
    if not yes:
        if not (sys.stdin is not None and sys.stdin.isatty() and sys.stderr.isatty()):
            raise UserError(f"a model needs a TVM runtime, and there is none: {command} ({cost}), or add --yes")
        print(f"A model needs a TVM runtime. Get one now ({cost})? [Y/n] ", end="", file=sys.stderr, flush=True)
        if sys.stdin.readline().strip().lower() not in ("", "y", "yes"):
            raise UserError(f"no runtime, no demo; later: {command}")
    install.install(wanted.name)


def _classify(model: Model, images: Array) -> tuple[Array, float]:
    """Probabilities (n, 10), and the median time of one picture in milliseconds."""
    import numpy as np

    batch = (images / _WHITEST).astype("float32").reshape(-1, 1, 1, 8, 8)
    rows, seconds = [], []
    for x in screen.progress(batch, len(batch), "reading"):
        start = time.perf_counter()
        rows.append(model.run(x)[0].numpy()[0])
        seconds.append(time.perf_counter() - start)
    return np.stack(rows), 1e3 * statistics.median(seconds)


def _draw(images: Array, found: Array, scores: Array) -> None:
    """The digits that the model is least sure of, side by side as far as the terminal is wide."""
    import numpy as np

    width = shutil.get_terminal_size((80, 24)).columns
    count = max(1, min(6, width // 18))
    order = np.argsort(scores.max(axis=1), kind="stable")[:count]
    steps = len(_SHADES) - 1
    screen.line(("The ones that it is least sure of, and what it reads:", "strong"))
    for row in range(images.shape[1]):
        rows = (images[index, row] for index in order)
        cells = ("".join(_SHADES[round(value / _WHITEST * steps)] * 2 for value in pixels) for pixels in rows)
        screen.line("  ".join(cells).rstrip())
    answers = (f"{found[index]} ({scores[index].max():.0%})" for index in order)
    screen.line(("  ".join(f"{answer:^16}" for answer in answers).rstrip(), "strong"))
    screen.line("")
