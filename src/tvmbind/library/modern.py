"""Opening a modern runtime: libtvm_ffi.so, and libtvm_runtime.so beside it where there is one.

A process may hold one libtvm_ffi only: a second copy, even of the same bytes, ends it while it is opened.
So the one that is there is used, else that of the installed package tvm_ffi. It is opened for everyone to
see (artefacts call it by name), and libtvm_runtime for itself alone (else a classic runtime opened later
aborts). Between the two there is no stable interface: an unfitting pair is refused by the system's loader.
"""

from __future__ import annotations

import mmap
import os
from collections.abc import Iterable
from typing import Any, NamedTuple, Optional

from .. import load_errors
from .._tvm import ffi, lib
from ..errors import RuntimeNotFoundError

FFI_NAMES = ("libtvm_ffi.so", "libtvm_ffi.dylib")
RUNTIME_NAMES = ("libtvm_runtime.so", "libtvm_runtime.dylib")
_EXTRA = "libtvm_runtime_extra"


class Opened(NamedTuple):
    """What was opened.

    Attributes
    ----------
    ffi : str
        The file of libtvm_ffi.
    runtime : str or None
        The file of libtvm_runtime.
    version : str
        Of libtvm_ffi.
    problem : str
        Why there is no libtvm_runtime though there is a file of it.
    """

    ffi: str
    runtime: Optional[str]
    version: str
    problem: str


def package_file(package: str, names: tuple[str, ...]) -> Optional[str]:
    """A library of an installed Python package, found without importing it."""
    from importlib.util import find_spec  # here, not above: it is slow to import

    spec = find_spec(package)
    return first_of((spec.submodule_search_locations if spec else None) or (), names)


def first_of(folders: Iterable[str], names: tuple[str, ...]) -> Optional[str]:
    """The first library of these names in a package's folders."""
    places = [place for folder in folders for place in (os.path.join(folder, "lib"), folder)]
    files = (os.path.join(place, name) for place in places for name in names)
    return next((file for file in files if os.path.isfile(file)), None)


def open_modern(path: str, present: Optional[str], chosen: bool) -> Opened:
    """Opens libtvm_ffi and, if there is one that fits, libtvm_runtime, and fills the table.

    Parameters
    ----------
    path : str
        Either library's file.
    present : str, optional
        The file of the libtvm_ffi that this process already has.
    chosen : bool
        Whether a person named the file: then nothing is added to it but what lies beside it.

    Raises
    ------
    RuntimeNotFoundError
        If there is no libtvm_ffi, or a runtime that was named does not fit it.
    """
    if _is_prototype(path):
        raise RuntimeNotFoundError(f"{path} {_OF_0_21}")
    named = os.path.basename(path).startswith("libtvm_runtime")
    ffi_file = present or (_beside(path, FFI_NAMES) or package_file("tvm_ffi", FFI_NAMES) if named else path)
    if ffi_file is None:
        raise RuntimeNotFoundError(f"{path} needs libtvm_ffi; get it with: pip install apache-tvm-ffi")
    library = _open(ffi_file, True)
    if library is None:
        raise RuntimeNotFoundError(_reason(ffi_file))
    if lib.tvmb_symbol(library, b"TVMFFIGetVersion") == ffi.NULL:
        raise RuntimeNotFoundError(f"{ffi_file} {_OF_0_21}")
    if lib.tvmb_bind_modern(library) < 0:
        missing = ffi.string(lib.tvmb_missing_name()).decode()
        raise RuntimeNotFoundError(f"{ffi_file} has no {missing}: it is no libtvm_ffi of 0.1.0 or newer")
    version = _version()
    lib.tvmb_modern_context(library)
    if named:
        runtime: Optional[str] = path
    elif chosen:
        runtime = _beside(path, RUNTIME_NAMES)
    else:
        runtime = package_file("tvm", RUNTIME_NAMES) or _installed()
    if runtime is None or not is_modern(runtime):
        return Opened(ffi_file, None, version, "")
    if _open(runtime, False) is None:
        problem = f"{_reason(runtime)}\nIt does not fit libtvm_ffi {version} ({ffi_file}): {_FITTING}"
        if named:
            raise RuntimeNotFoundError(problem)
        return Opened(ffi_file, None, version, problem)
    folder = os.path.dirname(runtime)
    for extra in sorted(os.listdir(folder)):
        if extra.startswith(f"{_EXTRA}."):
            _open(os.path.join(folder, extra), False)
    return Opened(ffi_file, runtime, version, "")


_OF_0_21 = "is of TVM 0.21, whose interface no other version has; use TVM 0.20 or older, or 0.22 or newer"
_FITTING = (
    "a runtime of TVM 0.25 needs apache-tvm-ffi 0.1.12 or older, one of 0.26 or newer needs 0.1.13.post1 or newer"
)


def _installed() -> Optional[str]:
    from .. import install  # here, not above: seldom needed, and slow to import

    pins = [pin for pin in install.PINS.values() if pin.generation == "tvm-ffi" and pin.path.is_file()]
    return str(pins[0].path) if pins else None


def is_modern(file: str) -> bool:
    """Whether a library is of tvm-ffi's generation: libtvm_ffi itself, or one that needs it."""
    try:
        with open(file, "rb") as opened, mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as data:
            # A classic library says so near its start; a whole libtvm is too large to read for nothing.
            return data.find(b"\0TVMFuncCall\0") < 0 and data.find(b"\0TVMFFI") >= 0
    except (OSError, ValueError):  # not there, or empty
        return False


def _is_prototype(file: str) -> bool:
    """Whether a library is TVM 0.21's, which has tvm-ffi's C functions in it, as they were then.

    To be asked before it is opened: beside libtvm_ffi it ends the process.
    """
    with open(file, "rb") as opened, mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as data:
        return data.find(b"\0TVMFFIObjectFree\0") >= 0


def _beside(path: str, names: tuple[str, ...]) -> Optional[str]:
    files = (os.path.join(os.path.dirname(path), name) for name in names)
    return next((file for file in files if os.path.isfile(file)), None)


def _open(file: str, visible: bool) -> Any:
    problem = load_errors.file_problem(file)
    if problem:
        raise RuntimeNotFoundError(f"cannot load {file}: {problem}")
    library = lib.tvmb_open(os.fsencode(file), visible, 1)
    return None if library == ffi.NULL else library


def _reason(file: str) -> str:
    return load_errors.explain(ffi.string(lib.tvmb_open_error()).decode(errors="replace"), file)


def _version() -> str:
    numbers = ffi.new("unsigned[3]")
    lib.tvmb_modern_version(numbers)
    return ".".join(map(str, numbers))
