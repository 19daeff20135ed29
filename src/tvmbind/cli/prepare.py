"""What is done to arrays and pictures before a model has them: scale, mean, layout, shape, element type."""

from __future__ import annotations

import argparse
import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Optional

from tvmbind.cli.command import UserError

if TYPE_CHECKING:
    import numpy as np

    from tvmbind import TensorInfo

    Array = np.ndarray[Any, Any]

#: How files of pictures begin.
PICTURES = (b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"BM", b"II*\0", b"MM\0*", b"RIFF")
_CHANNELS = {1: "L", 3: "RGB", 4: "RGBA"}


class Preparation:
    """What is done to values before the model has them."""

    def __init__(self, arguments: argparse.Namespace) -> None:
        self.scale = _numbers("--scale", arguments.scale)
        self.mean, self.std = _numbers("--mean", arguments.mean), _numbers("--std", arguments.std)
        self.layout, self.resize = arguments.layout, arguments.resize
        if self.scale and len(self.scale) > 1:
            raise UserError(f"--scale takes one number, got {arguments.scale!r}")
        if self.std and 0 in self.std:
            raise UserError(f"--std divides, and cannot be 0: {arguments.std!r}")

    def array(self, value: Array, info: TensorInfo, name: str) -> Array:
        """The values scaled, in the input's shape and element type."""
        import numpy as np

        if value.dtype.kind not in "biufcV":
            raise UserError(f"input {name!r} takes numbers, got {value.dtype}")
        if not value.dtype.isnative:
            value = value.astype(value.dtype.newbyteorder("="))
        shaped = _shaped(value, info, name)
        if self.scale or self.mean or self.std:
            shaped = shaped.astype("float64")
            if self.scale:
                shaped = shaped * self.scale[0]
            if self.mean:
                shaped = shaped - self._channels(self.mean, shaped, "--mean")
            if self.std:
                shaped = shaped / self._channels(self.std, shaped, "--std")
        return np.ascontiguousarray(_typed(shaped, info, name)).reshape(shaped.shape)

    def _channels(self, numbers: list[float], value: Array, option: str) -> Any:
        import numpy as np

        if len(numbers) == 1:
            return numbers[0]
        axis = self._axis(value.shape)
        if value.shape[axis] != len(numbers):
            raise UserError(
                f"{option} has {len(numbers)} numbers, and an input of shape {shape_text(value.shape)} has "
                f"{value.shape[axis]} channels"
            )
        shape = [1] * value.ndim
        shape[axis] = len(numbers)
        return np.reshape(numbers, shape)

    def _axis(self, shape: Sequence[Any]) -> int:
        """Which axis of an input counts channels."""
        last, first = len(shape) - 1, max(len(shape) - 3, 0)
        if len(shape) < 3:
            return last
        if self.layout:
            return first if self.layout == "NCHW" else last
        if shape[first] in _CHANNELS:
            return first
        return last if shape[last] in _CHANNELS else first

    def picture(self, raw: bytes, where: str, info: TensorInfo) -> Array:
        """A picture as an array, in the size and layout of an input."""
        import numpy as np

        try:
            from PIL import Image, ImageOps
        except ImportError:
            raise UserError(f"{where} is a picture; to read it: pip install pillow") from None
        shape = info.shape or ()
        if len(shape) not in (2, 3, 4):
            raise UserError(f"{where} is a picture, and the input takes none: {info}")
        axis = self._axis(shape)
        sides: list[Any] = [extent for place, extent in enumerate(shape[-3:], max(len(shape) - 3, 0)) if place != axis]
        sides, channels = (list(shape), 1) if len(shape) == 2 else (sides, shape[axis])
        if isinstance(channels, int) and channels not in _CHANNELS:
            raise UserError(f"{where} is a picture, and {info} has {channels} channels: try --layout NCHW or NHWC")
        try:
            opened: Any = ImageOps.exif_transpose(Image.open(io.BytesIO(raw)))
            opened = opened.convert(_CHANNELS[channels] if isinstance(channels, int) else "RGB")
        except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
            raise UserError(f"{where} is no picture that can be read: {error}") from None
        height, width = (side if isinstance(side, int) else None for side in sides)
        size = (width or opened.width, height or opened.height)
        if self.resize == "crop":
            opened = ImageOps.fit(opened, size, Image.Resampling.BICUBIC)
        elif opened.size != size:
            opened = opened.resize(size, Image.Resampling.BICUBIC)
        pixels: Array = np.asarray(opened)
        if len(shape) == 2:
            return pixels
        pixels = pixels if pixels.ndim == 3 else pixels[..., None]
        if axis != len(shape) - 1:
            pixels = pixels.transpose(2, 0, 1)
        return pixels[None] if len(shape) == 4 else pixels


def _numbers(option: str, text: Optional[str]) -> list[float]:
    if text is None:
        return []
    found = []
    for part in text.split(","):
        above, _, below = part.partition("/")
        try:
            number = float(above) / float(below or 1)
        except (ValueError, ZeroDivisionError):
            raise UserError(f"{option} takes a number, such as 0.5 or 1/255; got {part!r}") from None
        if number - number != 0:
            raise UserError(f"{option} takes a finite number; got {part!r}")
        found.append(number)
    return found


def _fits(shape: Sequence[int], wanted: Sequence[Any]) -> bool:
    return len(shape) == len(wanted) and all(
        not isinstance(want, int) or want == have for have, want in zip(shape, wanted)
    )


def _shaped(value: Array, info: TensorInfo, name: str) -> Array:
    """The array in an input's shape, if only axes of one element are missing, or too many."""
    wanted = info.shape
    if wanted is None or _fits(value.shape, wanted):
        return value
    known = all(isinstance(extent, int) for extent in wanted)
    if known and [n for n in value.shape if n != 1] == [n for n in wanted if n != 1]:
        return value.reshape(wanted)
    if value.ndim < len(wanted) and _fits((1,) * (len(wanted) - value.ndim) + value.shape, wanted):
        return value.reshape((1,) * (len(wanted) - value.ndim) + value.shape)
    each = ""
    if value.ndim and _fits(value.shape[1:], wanted[-value.ndim + 1 :] if value.ndim > 1 else ()):
        each = f"; to run each of its {value.shape[0]} items: --each"
    raise UserError(f"input {name!r} takes shape {shape_text(wanted)}, got {shape_text(value.shape)}{each}")


def shape_text(shape: Sequence[Any]) -> str:
    """A shape as `TensorInfo` writes it."""
    return f"[{', '.join(map(str, shape))}]"


def _typed(value: Array, info: TensorInfo, name: str) -> Array:
    """The array in an input's element type, if no value changes by more than a float's rounding."""
    import numpy as np

    if info.dtype is None:
        return value
    dtype = info.dtype.numpy()
    if value.dtype == dtype:
        return value
    with np.errstate(all="ignore"):
        cast = value.astype(dtype)
        floats = value.dtype.kind == "f" and dtype.kind in "fV"
        same = floats or bool(np.array_equal(cast.astype(value.dtype), value))
        if floats and np.isfinite(value).all() and not np.isfinite(cast.astype("float64")).all():
            same = False
    if not same:
        raise UserError(f"input {name!r} takes {info.dtype}, and not every value of the {value.dtype} array fits it")
    return cast
