"""How the executables of both virtual machines begin.

Source: TVM's ``runtime/vm/executable.cc`` and ``runtime/relax_vm/executable.cc`` (LoadHeader).
"""

from __future__ import annotations

from ..errors import TVMValueError
from .arrays import Reader

_MAGIC = (0xD225DE2F4214151D, 0xD225DE2F4214151E)


def read_version(reader: Reader) -> str:
    """Takes the first bytes off, up to the version: Relay's is that of the compiler.

    Raises
    ------
    TVMValueError
        If these are not an executable's.
    """
    (magic,) = reader.numbers("Q", "the executable's first bytes")
    if magic not in _MAGIC:
        raise TVMValueError(f"the executable begins with {magic:#x}")
    return reader.text("the executable's version")
