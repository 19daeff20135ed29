"""The TVM runtime of this process: chosen, and opened once.

A process has one runtime. A second, different one would abort the process while it is being opened, so
it is refused before. Nothing is closed again: compiled modules point into the runtime until the end.
"""

from __future__ import annotations

import atexit
import os
import threading
from typing import Optional, Union

from .. import dtype, facts
from .._tvm import lib
from ..errors import RuntimeNotFoundError, TVMError
from . import import_guard, modern, search
from .classic import open_classic
from .info import CLASSIC, COMPILED_BY, MODERN, RuntimeInfo

ENVIRONMENT = "TVMBIND_LIBRARY"
_lock = threading.RLock()
_info: Optional[RuntimeInfo] = None


def _after_fork() -> None:
    global _lock
    _lock = threading.RLock()  # another thread may have held it, and there is none in the child


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def load_runtime(path: Union[str, os.PathLike[str], None] = None) -> RuntimeInfo:
    """Opens the TVM runtime, if this process has none yet.

    Called by itself at the first need. Call it to choose the library, or to have its errors early.

    Parameters
    ----------
    path : str or path, optional
        The library's file; or ``"classic"`` or ``"tvm-ffi"``, for what there is of that generation. Otherwise,
        in this order: the file (or generation) that ``TVMBIND_LIBRARY`` names, one that is already loaded in
        this process, one that ``tvmbind runtime install`` got, one in an installed Python package, one in the
        system's places.

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
    if _info is not None and path is None:
        return _info
    return _load(None if path is None else os.fspath(path), None)


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


def load_runtime_for(abi: str, file: str) -> RuntimeInfo:
    """As `load_runtime`, but where nothing else decides, takes a runtime of the generation that a file needs."""
    if _info is not None:
        return _info
    try:
        return _load(None, abi)
    except RuntimeNotFoundError as error:
        if os.environ.get(ENVIRONMENT):
            raise
        raise RuntimeNotFoundError(f"cannot load {file}: {COMPILED_BY[abi]} compiled it, and {error}") from None


def _load(path: Optional[str], wanted: Optional[str]) -> RuntimeInfo:
    global _info
    with _lock:
        name, source = (path, "load_runtime") if path else (os.environ.get(ENVIRONMENT), ENVIRONMENT)
        if _info is not None:
            if path and not _is_loaded(path, _info):
                raise TVMError(_second(_info.path, path, source))
            return _info
        if name and name not in (CLASSIC, MODERN):
            found = _open_named(name, source)
        else:
            found = _find(name or wanted, source if name else "what is to be loaded")
        _info = found
        dtype.use_codes_of(found.abi)
        import_guard.install(found.libraries, found.abi)
        atexit.register(lib.tvmb_closing)
        return found


def _open_named(file: str, source: str) -> RuntimeInfo:
    present = search.present()
    if modern.is_modern(file):
        if present.classic:
            raise TVMError(_second(present.classic, file, source))
        return _open_modern(file, source, present.ffi, True)
    others = [other for other in (present.classic, present.runtime) if other and not _same(other, file)]
    if others:
        raise TVMError(_second(others[0], file, source))
    return open_classic(file, source)


def _find(abi: Optional[str], asked_by: str) -> RuntimeInfo:
    present, loaded = search.present(), "already loaded in this process"
    if present.classic and abi != MODERN:
        return open_classic(present.classic, loaded)
    if present.ffi and abi != CLASSIC:
        return _open_modern(present.runtime or present.ffi, loaded, present.ffi, False)
    other = present.classic if abi == MODERN else present.runtime
    if other:
        raise TVMError(_second(other, f"one of the generation {abi}", asked_by))
    tried = []
    for source, file in search.places(abi):
        if not os.path.isfile(file) and os.sep in file:
            tried.append(f"{source}: {file} is not there")
            continue
        try:
            if modern.is_modern(file):
                return _open_modern(file, source, present.ffi, False)
            return open_classic(file, source)
        except RuntimeNotFoundError as error:
            why = str(error).splitlines()
            tried.append(f"{source}: " + "\n    ".join(why if os.sep in file else why[:1]))
    command = "pip install apache-tvm-ffi" if abi == MODERN else "tvmbind runtime install"
    kind = f" of the generation {abi}" if abi else ""
    raise RuntimeNotFoundError(
        f"no TVM runtime{kind} was found. Get one with:\n\n    {command}\n\n"
        f"or name your own libtvm_runtime.so in {ENVIRONMENT} or load_runtime(path). These places were tried:\n"
        + "\n".join(f"  - {line}" for line in tried)
    )


def _open_modern(file: str, source: str, present: Optional[str], chosen: bool) -> RuntimeInfo:
    opened = modern.open_modern(file, present, chosen)
    libraries = tuple(name for name in (opened.runtime, opened.ffi) if name)
    evidence = f"TVMFFIGetVersion says {opened.version}"
    return RuntimeInfo(
        libraries[0], MODERN, opened.version, evidence, source, 64, facts.MODERN, libraries, opened.problem
    )


def _same(one: str, other: str) -> bool:
    try:
        return os.path.samefile(one, other)
    except OSError:
        return False


def _is_loaded(name: str, info: RuntimeInfo) -> bool:
    return name == info.abi or any(_same(name, library) for library in info.libraries)


def _second(present: str, path: str, source: str) -> str:
    return (
        f"this process already has a TVM runtime, {present}; a second one ({path}, asked for by {source}) would "
        "abort it. Use that one, or run the other in a process of its own"
    )
