"""Opening a classic runtime: libtvm_runtime.so or all of libtvm.so, which does not say its version.

It is opened for itself alone, and made visible only for an artefact that calls it by name.
"""

from __future__ import annotations

import os

from .. import facts, load_errors
from .._tvm import ffi, lib
from ..errors import RuntimeNotFoundError
from .info import CLASSIC, RuntimeInfo

#: Facts, and what csrc/old.c does where they do not hold.
_ADAPTED = {
    "callback codes by address": lib.TVMB_CODE_BY_VALUE,
    "device copies of arrays": lib.TVMB_OTHER_COPY,
    "bad_alloc is an error": lib.TVMB_BAD_ALLOC_ENDS,
}


def open_classic(path: str, source: str) -> RuntimeInfo:
    """Opens a runtime of TVM 0.5 to 0.20, fills the table, and tells its version.

    Parameters
    ----------
    path : str
    source : str
        Which place it was found in.

    Raises
    ------
    RuntimeNotFoundError
        If it does not open, or is none.
    """
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
    return RuntimeInfo(file, CLASSIC, version, evidence, source, alignment, first, (file,))


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
