"""Shared libraries of Linux: read, and looked at before the system's loader does, which believes what a file says.

A library says most things twice: to the loader in program headers and its dynamic section, and to other tools in
section headers; a symbol's name and its hash; where a function starts and where the one before it ends. What does not
agree with itself is damaged, and loading it would end the process, or calling it. Code and data are not looked at.
``tables`` reads, the other modules check. Source: the ELF specification and its supplement for x86-64; glibc's
``elf/dl-load.c``, ``elf/dl-lookup.c``.
"""

from __future__ import annotations

import struct

from . import headers, relocations, symbols, versions
from .tables import MACHINES, Damaged, Library, is_known

#: What a damaged file raises, when it is read or checked.
ERRORS = (Damaged, struct.error, IndexError, ValueError, OverflowError, KeyError)


def check(library: Library) -> None:
    """Checks headers and tables.

    Raises
    ------
    Damaged, struct.error, IndexError, OverflowError
        If something is wrong: one of `ERRORS`.
    """
    for part in (headers, symbols, relocations, versions):
        part.check(library)


def describe(error: Exception) -> str:
    """What one of `ERRORS` says of a library."""
    if isinstance(error, Damaged):
        return f"it is damaged: {error}"
    return f"it is damaged: its headers point out of it ({error})"


__all__ = ["ERRORS", "MACHINES", "Library", "check", "describe", "is_known"]
