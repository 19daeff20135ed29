"""The TVM runtime of this process: found, opened once, and described.

A process has one runtime. A second, different one would abort the process while it is being opened, so
it is refused before. Nothing is closed again: compiled modules point into the runtime until the end.
"""

from __future__ import annotations

import atexit
import importlib.util
import os
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Optional, Union

from . import facts, load_errors
from ._tvm import ffi, lib
from .errors import RuntimeNotFoundError, TVMError

ENVIRONMENT = "TVMBIND_LIBRARY"
_NAMES = ("libtvm_runtime.so", "libtvm.so", "libtvm_runtime.dylib", "libtvm.dylib")
_SYSTEM = ("/usr/local/lib", "/usr/lib", "/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/opt/tvm/lib")

_lock = threading.RLock()
_info: Optional[RuntimeInfo] = None
_library: Any = None


@dataclass(frozen=True)
class RuntimeInfo:
    """What is known of the runtime in this process.

    Attributes
    ----------
    path : str
        The library's file.
    abi : str
        ``"classic"`` (TVM 0.5 to 0.20) or ``"tvm-ffi"`` (0.22 and later).
    version : str
        ``"0.16-0.17"`` where the two cannot be told apart: a classic runtime does not say its version.
    evidence : str
        What the version was told by.
    source : str
        Which place it was found in.
    alignment : int
        What the runtime asks of memory that it is to use without copying, in bytes.
    """

    path: str
    abi: str
    version: str
    evidence: str
    source: str
    alignment: int
    minor: int

    def has(self, fact: str) -> bool:
        """Whether this runtime has a C function, or a fact of `facts.FACTS` holds for it.

        Raises
        ------
        KeyError
            If it is neither.
        """
        if fact.startswith("TVM"):
            return bool(lib.tvmb_has(fact.encode()))
        first, last = facts.FACTS[fact]
        return first <= self.minor <= last


def load_runtime(path: Union[str, os.PathLike[str], None] = None) -> RuntimeInfo:
    """Opens the TVM runtime, if this process has none yet.

    Called by itself at the first need. Call it to choose the library, or to have its errors early.

    Parameters
    ----------
    path : str or path, optional
        The library's file. Otherwise, in this order: the file that ``TVMBIND_LIBRARY`` names, one that
        is already loaded in this process, one that ``tvmbind runtime install`` got, one in an installed
        Python package, one in the system's places.

    Returns
    -------
    RuntimeInfo

    Raises
    ------
    RuntimeNotFoundError
        If there is none, or none that opens. The message lists every place that was tried.
    TVMError
        If this process already has another runtime.
    """
    global _info
    if _info is not None and path is None:
        return _info
    with _lock:
        named = (str(path), "load_runtime") if path is not None else (os.environ.get(ENVIRONMENT), ENVIRONMENT)
        present = _info.path if _info is not None else _in_process()
        if present is not None:
            if named[0] and not _same(present, named[0]) and (path is not None or _info is None):
                raise TVMError(_second(present, *named))
            if _info is None:
                _info = _open(present, "already loaded in this process")
        elif named[0]:
            _info = _open(named[0], named[1])
        else:
            _info = _search()
        return _info


def runtime_info() -> RuntimeInfo:
    """What is known of the runtime in this process; loads it if there is none yet.

    Raises
    ------
    RuntimeNotFoundError
        As `load_runtime` does.
    """
    return load_runtime()


def known_runtime() -> Optional[RuntimeInfo]:
    """As `runtime_info`, but None if no runtime is loaded yet."""
    return _info


def promote() -> None:
    """Makes the runtime's symbols visible to libraries opened from now on (as RTLD_GLOBAL does)."""
    lib.tvmb_promote(load_runtime().path.encode())


def dlpack_version() -> str:
    """The newest DLPack version whose capsules tvmbind makes and takes."""
    return "1.0"


def _search() -> RuntimeInfo:
    tried = []
    for source, file in _places():
        if not Path(file).is_file() and os.sep in str(file):
            tried.append(f"{source}: {file} is not there")
            continue
        try:
            return _open(str(file), source)
        except RuntimeNotFoundError as error:
            tried.append(f"{source}: {error}")
    raise RuntimeNotFoundError(
        "no TVM runtime was found. Get one with:\n\n    tvmbind runtime install\n\n"
        f"or name your own libtvm_runtime.so in {ENVIRONMENT} or load_runtime(path). These places were tried:\n"
        + "\n".join(f"  - {line}" for line in tried)
    )


def _places() -> Iterator[tuple[str, Union[str, Path]]]:
    from . import install

    source = "tvmbind runtime install"
    installed = install.installed()
    if not installed:
        yield source, install.folder() / install.DEFAULT / _NAMES[0]
    for file in installed.values():
        yield source, file
    spec = importlib.util.find_spec("tvm") if "tvm" not in sys.modules else None
    for folder in (spec.submodule_search_locations if spec else None) or ():
        for place in (Path(folder), Path(folder, "lib")):
            for name in _NAMES:
                yield "Python package tvm", place / name
    if spec is None:
        yield "Python package tvm", Path("site-packages") / "tvm" / _NAMES[0]
    for name in (_NAMES[:2] if sys.platform != "darwin" else _NAMES[2:]):
        for folder in _SYSTEM:
            if Path(folder).is_dir():
                yield "the system", Path(folder) / name
        yield "the system's library path", name


def _open(path: str, source: str) -> RuntimeInfo:
    global _library
    problem = load_errors.file_problem(path)
    if problem:
        raise RuntimeNotFoundError(f"cannot load {path}: {problem}")
    library = lib.tvmb_open(os.fsencode(path), 0)
    if library == ffi.NULL:
        reason = ffi.string(lib.tvmb_open_error()).decode(errors="replace")
        raise RuntimeNotFoundError(load_errors.explain(reason, path))
    if lib.tvmb_symbol(library, b"TVMFuncCall") == ffi.NULL:
        modern = lib.tvmb_symbol(library, b"TVMFFIFunctionCall") != ffi.NULL
        what = "a library of tvm-ffi (TVM 0.22 or later)" if modern else "no TVM runtime: it has no TVMFuncCall"
        raise RuntimeNotFoundError(f"{path} is {what}; tvmbind runs on libtvm_runtime.so of TVM 0.7 to 0.20")
    lib.tvmb_bind(library)
    _library = library
    first, last, evidence = facts.fingerprint(
        lambda name: lib.tvmb_symbol(library, name.encode()) != ffi.NULL, _has_global, _arity_text
    )
    low, high = facts.FACTS["128-byte alignment"]
    version = f"0.{first}" if first == last else f"0.{first}-0.{last}"
    alignment = 128 if low <= first <= high else 64
    found = lib.tvmb_loaded_path(b"TVMFuncCall") if os.sep not in path else ffi.NULL
    file = ffi.string(found).decode() if found != ffi.NULL else path
    atexit.register(lib.tvmb_closing)
    return RuntimeInfo(file, "classic", version, evidence, source, alignment, first)


def _global(name: str) -> int:
    handle = ffi.new("void **")
    return int(ffi.cast("uintptr_t", handle[0])) if lib.TVMFuncGetGlobal(name.encode(), handle) == 0 else 0


def _has_global(name: str) -> bool:
    handle = _global(name)
    lib.tvmb_free_function(handle)
    return handle != 0


def _arity_text(name: str) -> str:
    handle = _global(name)
    failed = lib.tvmb_call(handle, b"", 0, b"", ffi.NULL, ffi.new("int64_t *")) < 0
    lib.tvmb_free_function(handle)
    return ffi.string(lib.TVMGetLastError()).decode(errors="replace") if failed else ""


def _in_process() -> Optional[str]:
    """The file of a TVM runtime that somebody else has loaded into this process."""
    found = lib.tvmb_loaded_path(b"TVMFuncCall")
    if found != ffi.NULL:
        return os.fsdecode(ffi.string(found))
    try:
        with open("/proc/self/maps", encoding="utf-8", errors="surrogateescape") as maps:
            files = {line.split(maxsplit=5)[5].rstrip("\n") for line in maps if "libtvm" in line}
    except OSError:
        return None
    return next((file for file in sorted(files) if os.path.basename(file) in _NAMES), None)


def _same(one: str, other: str) -> bool:
    try:
        return os.path.samefile(one, other)
    except OSError:
        return False


def _second(present: str, path: str, source: str) -> str:
    return (
        f"this process already has a TVM runtime, {present}; a second one ({path}, asked for by {source}) would "
        "abort it. Use that one, or run the other in a process of its own"
    )
