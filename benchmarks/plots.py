"""What all charts share."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

BLUE, RED, GREEN, GREY = "#3b6ea5", "#c1582b", "#4c8c5a", "#888888"


def pyplot() -> Any:
    """Matplotlib's, drawing into files."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot

    return matplotlib.pyplot


def bare(axis: Any) -> None:
    """Takes the frame off an axis, and puts a light grid behind."""
    axis.spines[["top", "right"]].set_visible(False)
    axis.grid(color="#e4e4e4", linewidth=0.6)
    axis.set_axisbelow(True)


def save(figure: Any, path: Path, dpi: int = 100) -> None:
    """Writes a figure as a small PNG file: few colours are enough for a chart."""
    from PIL import Image

    memory = io.BytesIO()
    figure.savefig(memory, dpi=dpi, format="png")
    pyplot().close(figure)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.open(memory).convert("RGB").quantize(64).save(path, optimize=True)
