"""Whether a library's tables of versions are right: which version of which library a symbol is of."""

from __future__ import annotations

from . import tables as elf
from .tables import Damaged, Library

_NUMBER = 0x7FFF  # the bits of a version's number
_MOST = 4096


def check(library: Library) -> None:
    """Checks the tables of versions.

    Raises
    ------
    Damaged, struct.error, IndexError, OverflowError
        If something is wrong.
    """
    highest = max(1, _check_needed(library), _check_defined(library))
    if elf.VERSYM in library.dynamic:
        table = library.table("H", library.dynamic[elf.VERSYM], 2 * len(library.symbols))
        if max((number & _NUMBER for (number,) in table), default=0) > highest or highest > _MOST:
            raise Damaged("a symbol is of an unknown version")


def _check_needed(library: Library) -> int:
    """Checks the versions that it needs of others; returns the highest number."""
    if elf.VERNEED not in library.dynamic:
        return 0
    place, highest = library.dynamic[elf.VERNEED], 0
    libraries = {library.text(value) for tag, value in library.entries if tag in elf.TEXTS}
    for left in reversed(range(library.dynamic.get(elf.VERNEEDNUM, 0))):
        version, count, file, aux, following = library.unpack("HHIII", place)
        if library.text(file) not in libraries:
            raise Damaged("its table of versions is of a library that it does not need")
        if version != 1 or not count or (following == 0) != (left == 0) or following > 1 << 24:
            raise Damaged("its table of versions has another form")
        at = place + aux
        for rest in reversed(range(count)):
            value, _, other, name, step = library.unpack("IHHII", at)
            if value != _elf_hash(library.text(name)):
                raise Damaged("its table of versions has another hash for a name")
            highest = max(highest, other & _NUMBER)
            if (step == 0) != (rest == 0) or step > 1 << 24:
                raise Damaged("its table of versions has another form")
            at += step
        place += following
    if not library.dynamic.get(elf.VERNEEDNUM):
        raise Damaged("its table of versions is empty")
    return highest


def _check_defined(library: Library) -> int:
    """Checks the versions that it has itself; returns the highest number."""
    if elf.VERDEF not in library.dynamic:
        return 0
    place, highest = library.dynamic[elf.VERDEF], 0
    for left in reversed(range(library.dynamic.get(elf.VERDEFNUM, 0))):
        version, _, number, _, _, aux, following = library.unpack("HHHHIII", place)
        library.text(library.unpack("II", place + aux)[0])
        highest = max(highest, number & _NUMBER)
        if version != 1 or (following == 0) != (left == 0):
            raise Damaged("its table of versions has another form")
        place += following
    return highest


def _elf_hash(name: bytes) -> int:
    found = 0
    for byte in name:
        found = (found << 4) + byte
        high = found & 0xF0000000
        found = (found ^ high >> 24) & ~high & 0xFFFFFFFF
    return found
