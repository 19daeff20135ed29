"""What commands that load a model have in common: the paths, the device, and how results are named."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from tvmbind.cli.command import UserError, user_mistakes

if TYPE_CHECKING:
    from tvmbind import Model


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the model's paths, and ``--device``."""
    what = "the files of a model, in any order, or its folder or archive; before any -i"
    parser.add_argument("paths", nargs="+", metavar="PATH", help=what)
    parser.add_argument("--device", default="cpu", metavar="NAME[:ID]", help="where to compute (default: cpu)")


def load(arguments: argparse.Namespace) -> Model:
    """The model that the line names.

    Raises
    ------
    UserError
        If there is no such device.
    TVMError
        As `tvmbind.load_model` does.
    """
    import tvmbind as tvm
    from tvmbind.device import device

    with user_mistakes():
        name, _, number = arguments.device.partition(":")
        if number and not number.isdigit():
            raise UserError(f"--device takes a name and a number, such as cuda:0; got {arguments.device!r}")
        place = device(name, int(number or 0))
    if name != "cpu" and not place.exist:
        raise UserError(f"this runtime ({tvm.runtime_info().title}) has no device {arguments.device}")
    with user_mistakes():
        return tvm.load_model(*arguments.paths, device=place)


def title(arguments: argparse.Namespace) -> str:
    """The names of the files that the line gives, without their folders."""
    return " ".join(os.path.basename(os.path.abspath(path)) for path in arguments.paths)


def output_names(model: Model, results: Sequence[Any]) -> list[str]:
    """A name for each result: the model's own, or ``output_0`` and so on."""
    try:
        known = [info.name for info in model.outputs]
    except NotImplementedError:
        known = []
    own = known if len(known) == len(results) and all(known) and len(set(known)) == len(known) else []
    return own or [f"output_{place}" for place in range(len(results))]
