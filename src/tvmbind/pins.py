"""``Pins``: what keeps memory alive that a module's functions use and do not own."""

from __future__ import annotations

import gc
import sys
from typing import Any
from weakref import WeakValueDictionary


class Pins(dict[Any, Any]):
    """Memory that a module's functions use and do not own, by where it is used: one for all handles of a module."""

    __slots__ = ("__weakref__", "given")

    #: What the functions in `guarded.BINDING` were given themselves, by their names and the input's or output's.
    given: dict[tuple[str, Any], Any]

    def __init__(self) -> None:
        self.given = {}


def let_go() -> None:
    """Lets go of what nobody uses any more, where Python does that later: PyPy."""
    if not hasattr(sys, "getrefcount"):
        gc.collect()
        gc.collect()  # of what the finalizers of the first time have let go of


_pins: WeakValueDictionary[int, Pins] = WeakValueDictionary()


def pins_at(identity: int) -> Pins:
    """Those of the module that is at an address."""
    found = _pins.setdefault(identity, Pins())
    if found:  # on PyPy perhaps those of an executor that was at this address and is gone
        del found
        let_go()
        found = _pins.setdefault(identity, Pins())
    return found
