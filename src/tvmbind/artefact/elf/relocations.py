"""Whether a library's relocations are of places and symbols that are there, and what starts it is code."""

from __future__ import annotations

from typing import NamedTuple

from . import tables as elf
from .tables import FUNCTION, OBJECT, Damaged, Library

_PROGBITS = 1  # a type of sections
_DF_SYMBOLIC = 2


class _Kinds(NamedTuple):
    """Types of relocations: absolute, of slots of data, of functions, relative, of thread-local data, indirect."""

    absolute: set[int]
    data: set[int]
    functions: set[int]
    relative: set[int]
    thread: set[int]
    indirect: set[int]


_X86_64, _AARCH64 = 62, 183
_RELOCATIONS = {
    _X86_64: _Kinds({1}, {6}, {7}, {8}, {16, 17, 18, 36}, {37}),
    _AARCH64: _Kinds({257}, {1025}, {1026}, {1027}, {1028, 1029, 1030, 1031}, {1032}),
}
_STARTERS = (
    (elf.INIT_ARRAY, elf.INIT_ARRAYSZ), (elf.FINI_ARRAY, elf.FINI_ARRAYSZ), (elf.PREINIT_ARRAY, elf.PREINIT_ARRAYSZ),
)  # fmt: skip


def check(library: Library) -> None:
    """Checks relocations, and what the loader calls.

    Raises
    ------
    Damaged, struct.error, IndexError, OverflowError
        If something is wrong.
    """
    _check_use(library, _check_relocations(library))
    _check_starters(library)


def _rows(library: Library, tag: int, size: int) -> list[tuple[int, ...]]:
    if tag not in library.dynamic:
        return []
    return list(library.table("QIIq", library.dynamic[tag], library.dynamic.get(size, 0)))


def _check_relocations(library: Library) -> set[int]:
    """Checks each; returns the numbers of the symbols that they are of."""
    dynamic = library.dynamic
    dyn, plt = _rows(library, elf.RELA, elf.RELASZ), _rows(library, elf.JMPREL, elf.PLTRELSZ)
    known = library.machine in _RELOCATIONS
    kinds = _RELOCATIONS.get(library.machine, _RELOCATIONS[_X86_64])
    of_symbols, of_slots = kinds.data | kinds.functions, kinds.data | kinds.functions | kinds.relative
    in_plt = kinds.functions | kinds.thread | kinds.indirect
    allowed = set().union(*kinds)
    got = [
        (each.address, each.address + each.size)
        for each in library.sections
        if each.type == _PROGBITS and each.entry == 8
    ]
    relative = dynamic.get(elf.RELACOUNT, 0)  # so many stand first
    of_loader = dynamic.get(elf.PLTGOT, 0)
    thread_local = any(each.type == elf.TLS for each in library.segments)
    seen, used, called = set(), set(), set()
    for at, (offset, kind, index, addend) in enumerate(dyn + plt):
        if not library.within(offset, 8, elf.WRITE) or index >= len(library.symbols):
            raise Damaged("a relocation is outside of it")
        if known and (kind or index) and kind not in (in_plt if at >= len(dyn) else allowed):
            raise Damaged(f"a relocation is of the unknown kind {kind}")
        if known and kind in kinds.relative:
            if index or not _maps(library, addend):
                raise Damaged("a relocation points out of it")
            if library.of_tvm:
                _check_pointer(library, offset, addend)
        if known and kind in of_symbols:
            if not index or (addend and kind in kinds.functions):
                raise Damaged("a relocation has no symbol")
            if got and not any(start <= offset <= end - 8 for start, end in got):
                raise Damaged("a relocation is not in the table that it is for")
        if kind in of_slots and (offset in seen or offset % 8):
            raise Damaged("two relocations are for one place")
        if not thread_local and kind in kinds.thread and not index:
            raise Damaged("a relocation is for thread-local data, and there is none")
        if at < relative and known and kind not in kinds.relative:
            raise Damaged("its relocations are not in their order")
        if library.of_tvm and 0 < at < relative and offset <= dyn[at - 1][0]:
            raise Damaged("its relocations are not in their order")
        if library.machine == _X86_64 and kind in of_symbols and of_loader <= offset < of_loader + 24:
            raise Damaged("a relocation is for the loader's own place")
        if at >= len(dyn):
            if kind in kinds.functions and index in called:
                raise Damaged("two relocations of functions are for one symbol")
            called.add(index)
        seen.add(offset)
        used.add(index)
    if relative > len(dyn):
        raise Damaged("it has fewer relocations than it says")
    return used


def _check_pointer(library: Library, place: int, goal: int) -> None:
    """A pointer in the library to something in it: the linker left room for it, or wrote it there as well."""
    (there,) = library.unpack("Q", place)
    if there not in (0, goal):
        raise Damaged("a relocation is where no pointer is")


def _maps(library: Library, address: int) -> bool:
    return any(each.address <= address <= each.address + each.memory for each in library.loads)


def _check_use(library: Library, used: set[int]) -> None:
    """The code reaches what the runtime fills in, and functions of others, by relocations only."""
    pointers = [
        symbol.value
        for symbol, name in zip(library.symbols, library.names)
        if symbol.section and symbol.type == OBJECT and name.startswith(b"__TVM")
    ]
    if len(set(pointers)) < len(pointers):
        raise Damaged("two pointers that the runtime fills in are in one place")
    if library.machine not in _RELOCATIONS:
        return
    # Linked with -Bsymbolic, it reaches what the library defines without one.
    preemptible = elf.SYMBOLIC not in library.dynamic and not library.dynamic.get(elf.FLAGS, 0) & _DF_SYMBOLIC
    for index, (symbol, name) in enumerate(zip(library.symbols, library.names)):
        ours = preemptible and symbol.type != FUNCTION and symbol.other & 3 == 0
        unused = index not in used and name.startswith((b"__TVM", b"TVM"))
        if unused and (ours or not symbol.section):
            raise Damaged(f"nothing uses the symbol {name.decode(errors='replace')!r}")


def _check_starters(library: Library) -> None:
    """The functions that the loader calls are there."""
    dynamic = library.dynamic
    for array, size in _STARTERS:
        if array in dynamic and (dynamic.get(size, 0) % 8 or not library.within(dynamic[array], 8, elf.WRITE)):
            raise Damaged("the functions that start it are lost")
        if array not in dynamic and dynamic.get(size):
            raise Damaged("the functions that start it are lost")
    for tag in (elf.INIT, elf.FINI):
        if tag in dynamic and not library.within(dynamic[tag], 1, elf.RUN):
            raise Damaged("what starts or ends it is no code")
