"""Where a TVM runtime may be: what this process already has, and the places to look in, in order."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from typing import NamedTuple, Optional

from .._tvm import ffi, lib
from . import modern
from .info import CLASSIC, MODERN

_ENDING = ".dylib" if sys.platform == "darwin" else ".so"
_RUNTIME, _WHOLE, _FFI = (name + _ENDING for name in ("libtvm_runtime", "libtvm", "libtvm_ffi"))
_SYSTEM = ("/usr/local/lib", "/usr/lib", "/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/opt/tvm/lib")


class Place(NamedTuple):
    """A file that may be a runtime, and who says so."""

    source: str
    file: str


class Present(NamedTuple):
    """The runtimes that somebody else has loaded into this process.

    Attributes
    ----------
    classic, ffi, runtime : str or None
        The files of a classic runtime, of libtvm_ffi, and of the modern libtvm_runtime.
    """

    classic: Optional[str]
    ffi: Optional[str]
    runtime: Optional[str]


def present() -> Present:
    """Which TVM libraries this process has loaded."""
    files = _mapped()
    runtimes = [file for file in files if os.path.basename(file) in (_RUNTIME, _WHOLE)]
    classic = _provider(b"TVMFuncCall") or next((f for f in runtimes if not modern.is_modern(f)), None)
    ffi_file = _provider(b"TVMFFIFunctionCall") or next((f for f in files if os.path.basename(f) == _FFI), None)
    return Present(classic, ffi_file, next((f for f in runtimes if modern.is_modern(f)), None))


def _provider(symbol: bytes) -> Optional[str]:
    found = lib.tvmb_loaded_path(symbol)
    return os.fsdecode(ffi.string(found)) if found != ffi.NULL else None


def _mapped() -> list[str]:
    try:
        with open("/proc/self/maps", encoding="utf-8", errors="surrogateescape") as maps:
            return sorted({line.split(maxsplit=5)[5].rstrip("\n") for line in maps if "libtvm" in line})
    except OSError:
        return []


def places(abi: Optional[str] = None) -> Iterator[Place]:
    """The places to look in, best first; of one generation only if `abi` says which."""
    yield from _installed(abi)
    yield from _package(abi)
    if abi != CLASSIC:
        found = modern.package_file("tvm_ffi", modern.FFI_NAMES)
        yield Place("Python package apache-tvm-ffi", found or os.path.join("site-packages", "tvm_ffi", "lib", _FFI))
    yield from _system()


def _installed(abi: Optional[str]) -> Iterator[Place]:
    from .. import install  # here, not above: seldom needed, and slow to import

    source = "tvmbind runtime install"
    fitting = [pin for pin in install.PINS.values() if abi in (None, pin.generation)]
    found = [file for name, file in install.installed().items() if install.PINS[name] in fitting]
    for file in found:
        yield Place(source, str(file))
    if not found:
        yield Place(source, str(fitting[0].path))


def _package(abi: Optional[str]) -> Iterator[Place]:
    source = "Python package tvm"
    for name in (_RUNTIME, _WHOLE):
        found = modern.package_file("tvm", (name,))
        if found is None:
            yield Place(source, os.path.join("site-packages", "tvm", name))
        elif abi is None or (abi == MODERN) == modern.is_modern(found):
            yield Place(source, found)


def _system() -> Iterator[Place]:
    for name in (_RUNTIME, _WHOLE):
        for folder in _SYSTEM:
            if os.path.isdir(folder):
                yield Place("the system", os.path.join(folder, name))
        yield Place("the system's library path", name)
