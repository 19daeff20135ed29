"""The TVM runtime of this process: found, opened once, and described.

A process has one runtime. A second, different one would abort the process while it is being opened, so
it is refused before. Nothing is closed again: compiled modules point into the runtime until the end.
"""

from __future__ import annotations

import atexit
import os
import threading
from typing import NamedTuple, Optional, Union

from . import dtype, facts, import_guard, load_errors, modern, search
from ._tvm import ffi, lib
from .errors import RuntimeNotFoundError, TVMError

ENVIRONMENT = "TVMBIND_LIBRARY"
#: A generation -> the versions of TVM whose artefacts need it.
COMPILED_BY = {search.CLASSIC: "TVM 0.20 or older", search.MODERN: "TVM 0.21 or newer"}

_lock = threading.RLock()
_info: Optional[RuntimeInfo] = None


def _after_fork() -> None:
    global _lock
    _lock = threading.RLock()  # another thread may have held it, and there is none in the child


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


class RuntimeInfo(NamedTuple):
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
    minor : int
        The first version 0.x that it may be; 22 for any of tvm-ffi's generation.
    libraries : tuple of str
        All of its files: on tvm-ffi libtvm_runtime, if there is one that fits, and libtvm_ffi.
    problem : str
        Why it is less than it could be: a libtvm_runtime that does not fit libtvm_ffi. Empty if nothing is.
    """

    path: str
    abi: str
    version: str
    evidence: str
    source: str
    alignment: int
    minor: int
    libraries: tuple[str, ...] = ()
    problem: str = ""

    @property
    def title(self) -> str:
        """The generation and version in words: ``"TVM 0.9"``, ``"tvm-ffi 0.1.16"``."""
        return f"{'TVM' if self.abi == search.CLASSIC else 'tvm-ffi'} {self.version}"

    @property
    def has_runtime(self) -> bool:
        """Whether there is more than libtvm_ffi: devices, a thread pool, executors, a time evaluator."""
        return self.abi == search.CLASSIC or len(self.libraries) > 1

    def has(self, fact: str) -> bool:
        """Whether this runtime has a C function, or a fact of `facts.FACTS` holds for it.

        Raises
        ------
        KeyError
            If it is neither.
        """
        if fact.startswith("TVMFFI"):  # libtvm_ffi is there for everyone to see
            return lib.tvmb_loaded_path(fact.encode()) != ffi.NULL
        if fact.startswith("TVM"):
            return bool(lib.tvmb_has(fact.encode()))
        return facts.holds(fact, self.minor)


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
        if name and name not in (search.CLASSIC, search.MODERN):
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
    return _open_classic(file, source)


def _find(abi: Optional[str], asked_by: str) -> RuntimeInfo:
    present, loaded = search.present(), "already loaded in this process"
    if present.classic and abi != search.MODERN:
        return _open_classic(present.classic, loaded)
    if present.ffi and abi != search.CLASSIC:
        return _open_modern(present.runtime or present.ffi, loaded, present.ffi, False)
    other = present.classic if abi == search.MODERN else present.runtime
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
            return _open_classic(file, source)
        except RuntimeNotFoundError as error:
            why = str(error).splitlines()
            tried.append(f"{source}: " + "\n    ".join(why if os.sep in file else why[:1]))
    command = "pip install apache-tvm-ffi" if abi == search.MODERN else "tvmbind runtime install"
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
        libraries[0], search.MODERN, opened.version, evidence, source, 64, facts.MODERN, libraries, opened.problem
    )


#: Facts, and what csrc/old.c does where they do not hold.
_ADAPTED = {
    "callback codes by address": lib.TVMB_CODE_BY_VALUE,
    "device copies of arrays": lib.TVMB_OTHER_COPY,
    "bad_alloc is an error": lib.TVMB_BAD_ALLOC_ENDS,
}


def _open_classic(path: str, source: str) -> RuntimeInfo:
    problem = load_errors.file_problem(path)
    if problem:
        raise RuntimeNotFoundError(f"cannot load {path}: {problem}")
    library = lib.tvmb_open(os.fsencode(path), 0, 0)
    if library == ffi.NULL:
        reason = ffi.string(lib.tvmb_open_error()).decode(errors="replace")
        raise RuntimeNotFoundError(load_errors.explain(reason, path))
    if lib.tvmb_symbol(library, b"TVMFuncCall") == ffi.NULL:
        raise RuntimeNotFoundError(f"{path} is no TVM runtime: it has neither TVMFuncCall nor TVMFFIFunctionCall")
    lib.tvmb_bind_classic(library)
    first, last, evidence = facts.fingerprint(
        lambda name: lib.tvmb_symbol(library, name.encode()) != ffi.NULL, _has_global, _arity_text, _aligns_to_64
    )
    lib.tvmb_adapt_classic(sum(number for fact, number in _ADAPTED.items() if not facts.holds(fact, first)))
    if lib.tvmb_symbol(library, b"GOMP_parallel") != ffi.NULL:
        _settle_thread_count()
    version = f"0.{first}" if first == last else f"0.{first}-0.{last}"
    alignment = 128 if facts.holds("128-byte alignment", first) else 64
    found = lib.tvmb_loaded_path(b"TVMFuncCall") if os.sep not in path else ffi.NULL
    file = ffi.string(found).decode() if found != ffi.NULL else path
    return RuntimeInfo(file, search.CLASSIC, version, evidence, source, alignment, first, (file,))


def _settle_thread_count() -> None:
    """Tells a runtime that was built with OpenMP how many threads there are: what it would find out itself.

    It asks the system at each parallel launch, which takes longer than a small kernel, unless a variable of the
    environment says it (TVM's ``runtime/threading_backend.cc``, MaxConcurrency: half of the processors on x86).
    """
    if not any(os.environ.get(name) for name in ("TVM_NUM_THREADS", "OMP_NUM_THREADS")):
        import platform  # here, not above: it is slow to import

        half = platform.machine().lower() in ("x86_64", "amd64", "i386", "i686")
        os.environ["TVM_NUM_THREADS"] = str(max(1, (os.cpu_count() or 1) // (2 if half else 1)))


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


def _aligns_to_64() -> bool:
    handles = [lib.tvmb_array_alloc((size,), 1, 2, 32, 1, 1, 0) for size in range(1, 33)]  # float32 on the host
    addresses = [int(ffi.cast("uintptr_t", ffi.cast("DLTensor *", handle).data)) for handle in handles if handle > 0]
    for handle in handles:
        lib.tvmb_free_array(max(handle, 0))
    return any(address % 128 for address in addresses)


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
