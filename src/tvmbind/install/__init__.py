"""Install, list and remove TVM runtimes, and say why one does not load.

TVM publishes no runtime by itself. One shared library taken out of a pinned wheel is enough to run
compiled models, so that is what `install` keeps: a few megabytes under the user's data folder, one
folder per version, side by side. Nothing here needs, or loads, the native part of tvmbind.
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

from .. import load_errors
from .pins import DEFAULT, PINS, InstallError, Pin, folder, installed, pin

__all__ = [
    "DEFAULT", "PINS", "InstallError", "Pin", "folder", "install",
    "installed", "pin", "remove",
]  # fmt: skip


def install(name: str = DEFAULT, *, force: bool = False) -> Path:
    """Install one runtime and return the path of its library.

    pip does the download, so the index, proxy, certificates and cache are the ones set for pip. Progress goes
    to standard error. What is there with the right checksum is not downloaded again, unless `force`.
    The library is put in place in one step: a reader sees the old one or the new one, never a part.

    Raises
    ------
    InstallError
        If it cannot be had (platform, pip, network, checksum, disk), or if it is in place but does not load,
        as when libgomp is missing. In that last case it stays installed.
    """
    from .download import check_platform, fetch, sha256  # here, not above: to ask what is installed is to be quick

    wanted = pin(name)
    target = wanted.path
    try:
        if force or not target.is_file() or sha256(target) != wanted.library_sha256:
            check_platform()
            fetch(wanted, target)
    except OSError as error:
        raise InstallError(f"cannot install TVM {name} as {target}: {error.strerror or error}") from error
    _check_loads(wanted)
    return target


def remove(name: str) -> None:
    """Remove an installed runtime. A process that has it loaded goes on unharmed.

    Raises
    ------
    InstallError
        If it is unknown, not installed, or may not be removed.
    """
    target = pin(name).path
    try:
        target.unlink()
    except FileNotFoundError:
        raise InstallError(f"TVM {name} is not installed ({target} does not exist)") from None
    except OSError as error:
        raise InstallError(f"cannot remove {target}: {error.strerror}") from error
    if not any(target.parent.iterdir()):
        target.parent.rmdir()


_LOAD = """
import ctypes, sys
for library in sys.argv[1:]:
    ctypes.CDLL(library, ctypes.RTLD_GLOBAL)
"""


def _check_loads(wanted: Pin) -> None:
    import subprocess

    # In a process of its own: a second TVM runtime in this one would abort it.
    target = wanted.path
    libraries = [str(target)]
    if wanted.generation == "tvm-ffi":
        spec = importlib.util.find_spec("tvm_ffi")
        folders = (spec.submodule_search_locations if spec else None) or ()
        libraries[:0] = [str(file) for folder in folders for file in Path(folder, "lib").glob("libtvm_ffi.so")]
    command = [sys.executable, "-I", "-c", _LOAD, *libraries]
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    if done.returncode < 0:
        signal = -done.returncode
        raise InstallError(f"{target} is installed, but loading it kills the process (signal {signal})")
    if done.returncode:
        said = done.stderr.strip().splitlines() or ["(nothing)"]
        why = load_errors.explain(said[-1].partition("OSError: ")[2] or said[-1], target)
        raise InstallError(f"TVM's runtime is installed, but this system cannot load it.\n{why}")
