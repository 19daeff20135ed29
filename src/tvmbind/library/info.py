"""``RuntimeInfo``: what is known of a runtime, and what it can do."""

from __future__ import annotations

from typing import NamedTuple

from .. import facts
from .._tvm import ffi, lib

CLASSIC, MODERN = "classic", "tvm-ffi"
#: A generation -> the versions of TVM whose artefacts need it.
COMPILED_BY = {CLASSIC: "TVM 0.20 or older", MODERN: "TVM 0.21 or newer"}


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
        return f"{'TVM' if self.abi == CLASSIC else 'tvm-ffi'} {self.version}"

    @property
    def has_runtime(self) -> bool:
        """Whether there is more than libtvm_ffi: devices, a thread pool, executors, a time evaluator."""
        return self.abi == CLASSIC or len(self.libraries) > 1

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
