"""What a model is fed on the line: files of numpy's, pictures, standard input, or random numbers.

An input is given as ``FILE``, ``name=FILE``, ``FILE:key`` (of an ``.npz``), or ``-`` for standard input. What a file is
shows in its contents. Pictures are brought to the input's size and layout; arrays to its shape where only
axes of one element differ, and to its element type where that loses nothing.
"""

from __future__ import annotations

import argparse
import io
import os
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from tvmbind.cli.command import UserError, did_you_mean
from tvmbind.cli.prepare import PICTURES, Preparation, shape_text

if TYPE_CHECKING:
    import numpy as np

    from tvmbind import TensorInfo

    Array = np.ndarray[Any, Any]

_LARGEST = 2**31  # bytes of random numbers


class Feed(NamedTuple):
    """What one run takes.

    Attributes
    ----------
    label : str
        Where it comes from, for people.
    values : dict of str to numpy.ndarray
        By the name of the input (its number, where it has none).
    """

    label: str
    values: dict[str, Any]


class Source(NamedTuple):
    """A word of the line, taken apart."""

    name: str
    file: str
    key: str


def add_arguments(parser: argparse.ArgumentParser, *, random_by_default: bool = False) -> None:
    """Add the options that say what a model is fed, and how that is prepared."""
    group = parser.add_argument_group("inputs")
    group.add_argument(
        "-i", "--input", nargs="+", action="extend", default=[], metavar="[NAME=]FILE[:KEY]",
        help="a file (.npy, .npz, a picture, - for standard input); NAME= for a model of several inputs; with one "
        "input several files are one run each",
    )  # fmt: skip
    what = "random numbers for what -i does not give" + (" (the default)" if random_by_default else "")
    group.add_argument("--random", action="store_true", default=random_by_default, help=what)
    group.add_argument("--seed", type=_number, default=0, metavar="N", help="of the random numbers (default: 0)")
    group.add_argument(
        "--dim", action="append", default=[], metavar="NAME=N",
        help="the size of a dimension that the model leaves open, for random numbers (default: 1)",
    )  # fmt: skip
    group.add_argument("--scale", metavar="F", help="multiply each value, such as 1/255")
    group.add_argument("--mean", metavar="M[,M...]", help="then subtract this, a number or one for each channel")
    group.add_argument("--std", metavar="S[,S...]", help="then divide by this, a number or one for each channel")
    group.add_argument("--layout", choices=("NCHW", "NHWC"), help="of pictures, where the shape does not tell it")
    group.add_argument(
        "--resize", choices=("crop", "stretch"), default="crop",
        help="pictures of another size: keep the middle (default), or change the proportions",
    )  # fmt: skip


def _number(text: str) -> int:
    if not text.isdigit():
        raise argparse.ArgumentTypeError(f"expected a number from 0 on, got {text!r}")
    return int(text)


def read(arguments: argparse.Namespace, inputs: Sequence[TensorInfo], each: bool = False) -> Sequence[Feed]:
    """The feeds that the line asks for.

    Parameters
    ----------
    arguments
        As `add_arguments` had them parsed.
    inputs
        What the model takes.
    each
        Whether the first axis of each file counts inputs, each for a run of its own.

    Returns
    -------
    sequence of Feed
        Of several files, or with `each`, made when their turn comes.

    Raises
    ------
    UserError
        If the files do not fit the model, or are missing.
    """
    wanted = {info.name or str(place): info for place, info in enumerate(inputs)}
    prepare = Preparation(arguments)
    sources = [_source(word, wanted) for word in arguments.input]
    loaded: dict[str, Array] = {}
    if len(sources) > 1 and len(wanted) == 1 and not each:
        (name,) = wanted
        return _of_files(sources, name, wanted[name], prepare)
    for source in sources:
        for name, value in _arrays(source, wanted, prepare.picture).items():
            if name in loaded:
                raise UserError(f"there are two files for the input {name!r}: {source.file} is the second")
            loaded[name] = value
    missing = [name for name in wanted if name not in loaded]
    made = _random(arguments, {name: wanted[name] for name in missing}) if arguments.random else {}
    if missing and not made:
        lacking = ", ".join(str(wanted[name]) for name in missing)
        raise UserError(f"the model also needs {lacking}: give it with -i {missing[0]}=FILE, or add --random" if loaded
                        else f"the model needs {lacking}: give it with -i FILE, or add --random")  # fmt: skip
    label = ", ".join(dict.fromkeys(source.file for source in sources)) or "random"
    if each and loaded:
        return _of_items(label, loaded, made, wanted, prepare)
    fitted = {name: prepare.array(value, wanted[name], name) for name, value in loaded.items()}
    return [Feed(label, {name: fitted[name] if name in fitted else made[name] for name in wanted})]


class _Lazy(Sequence[Feed]):
    """Feeds that are made when asked for: there may be more than fit the memory."""

    def __init__(self, count: int, make: Callable[[int], Feed]) -> None:
        self._count, self._make = count, make

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, index: Any) -> Any:
        return self._make(range(self._count)[index])


def _of_files(sources: list[Source], name: str, info: TensorInfo, prepare: Preparation) -> _Lazy:
    """A feed for each file."""

    def make(index: int) -> Feed:
        source = sources[index]
        value = _arrays(source, {name: info}, prepare.picture)[name]
        return Feed(source.file, {name: prepare.array(value, info, name)})

    return _Lazy(len(sources), make)


def _of_items(
    label: str, loaded: dict[str, Array], made: dict[str, Array], wanted: dict[str, TensorInfo], prepare: Preparation
) -> _Lazy:
    """A feed for each item of the first axis."""
    counts = {name: value.shape[0] if value.ndim else 0 for name, value in loaded.items()}
    if len(set(counts.values())) != 1 or not all(counts.values()):
        listed = ", ".join(f"{name} has {count}" for name, count in counts.items())
        raise UserError(f"--each runs once for each item of the first axis, and there {listed}")

    def make(index: int) -> Feed:
        one = {name: prepare.array(value[index], wanted[name], name) for name, value in loaded.items()}
        return Feed(f"{label}[{index}]", {name: one[name] if name in one else made[name] for name in wanted})

    return _Lazy(next(iter(counts.values())), make)


def _source(word: str, wanted: dict[str, TensorInfo]) -> Source:
    name, file, key = "", word, ""
    if not os.path.exists(word):
        before, equals, after = word.partition("=")
        if equals:
            name, file = before, after
            if name not in wanted:
                raise UserError(
                    f"the model has no input {name!r}{did_you_mean(name, list(wanted))}; it takes "
                    f"{', '.join(map(str, wanted.values()))}"
                )
        if not os.path.exists(file) and ":" in file:
            file, _, key = file.rpartition(":")
    if file != "-" and (os.path.isdir(file) or not os.path.exists(file)):
        raise UserError(f"{file or repr(word)}: {'it is a folder' if os.path.isdir(file) else 'there is no such file'}")
    return Source(name, file, key)


def _arrays(source: Source, wanted: dict[str, TensorInfo], picture: Any) -> dict[str, Array]:
    """What a file gives, by the inputs that it is for."""
    import numpy as np

    try:
        if source.file == "-":
            raw = sys.stdin.buffer.read()
        else:
            with open(source.file, "rb") as opened:
                raw = opened.read()
    except OSError as error:
        raise UserError(f"{source.file}: {error.strerror or error}") from None
    where = "standard input" if source.file == "-" else source.file
    name = source.name or (next(iter(wanted)) if len(wanted) == 1 else "")
    try:
        if raw.startswith(b"PK"):
            with np.load(io.BytesIO(raw), allow_pickle=False) as archive:
                return _of_archive({key: archive[key] for key in archive.files}, source, where, name, wanted)
        if source.key:
            raise UserError(f"{where} is no .npz, and has no parts: leave out {':' + source.key!r}")
        if raw.startswith(b"\x93NUMPY"):
            value = np.load(io.BytesIO(raw), allow_pickle=False)
        elif raw.startswith(PICTURES):
            value = picture(raw, where, wanted[_named(name, where, wanted)])
        elif not raw:
            raise UserError(f"{where} is empty")
        else:
            raise UserError(f"{where} is of no kind known here: expected .npy, .npz or a picture (PNG, JPEG, ...)")
    except (ValueError, OSError, EOFError, KeyError) as error:
        raise UserError(f"cannot read {where}: {error}") from None
    return {_named(name, where, wanted): value}


def _named(name: str, where: str, wanted: dict[str, TensorInfo]) -> str:
    if not name:
        raise UserError(
            f"the model takes {len(wanted)} inputs ({', '.join(wanted)}): say which of them {where} is, "
            f"as {next(iter(wanted), 'name')}={where}"
        )
    return name


def _of_archive(
    parts: dict[str, Array], source: Source, where: str, name: str, wanted: dict[str, TensorInfo]
) -> dict[str, Array]:
    keys = list(parts)
    if source.key:
        if source.key not in parts:
            raise UserError(f"{where} has no {source.key!r}{did_you_mean(source.key, keys)}; it has {', '.join(keys)}")
        return {_named(name, where, wanted): parts[source.key]}
    if not source.name and any(key in wanted for key in keys):
        return {key: value for key, value in parts.items() if key in wanted}
    if len(keys) == 1:
        return {_named(name, where, wanted): parts[keys[0]]}
    if not keys:
        raise UserError(f"{where} has no array in it")
    raise UserError(f"{where} has several arrays ({', '.join(keys)}): say which one, as {where}:{keys[0]}")


def _random(arguments: argparse.Namespace, wanted: dict[str, TensorInfo]) -> dict[str, Array]:
    import numpy as np

    sizes = dict(map(_dimension, arguments.dim))
    generator = np.random.default_rng(arguments.seed)
    known = {extent for info in wanted.values() for extent in info.shape or () if isinstance(extent, str)}
    for name in sizes:
        if name not in known:
            has = f"; those that are open: {', '.join(sorted(known))}" if known else "; it leaves none open"
            raise UserError(f"the model has no dimension {name!r}{did_you_mean(name, sorted(known))}{has}")
    made = {}
    for name, info in wanted.items():
        if info.shape is None or info.dtype is None:
            raise UserError(f"the model does not tell what its input {name!r} is: give it with -i {name}=FILE")
        shape = [extent if isinstance(extent, int) else sizes.get(extent, 1) for extent in info.shape]
        dtype = info.dtype.numpy()
        if float(np.prod(shape, dtype="float64")) * dtype.itemsize > _LARGEST:
            raise UserError(f"random numbers of shape {shape_text(shape)} would take more than {_LARGEST >> 30} GB")
        # Whole numbers may be places in a table: 0 and 1 are in any.
        whole = dtype.kind in "iub"
        made[name] = (generator.integers(0, 2, shape) if whole else generator.standard_normal(shape)).astype(dtype)
    return made


def _dimension(word: str) -> tuple[str, int]:
    name, _, size = word.rpartition("=")
    if not name or not size.isdigit():
        raise UserError(f"--dim takes NAME=N, such as n=8; got {word!r}")
    return name, int(size)
