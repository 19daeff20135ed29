"""Whether a library's symbols are what they say: their hashes, where they are, where functions begin."""

from __future__ import annotations

from bisect import bisect_right

from . import tables as elf
from .tables import FUNCTION, INDIRECT, OBJECT, THREAD_LOCAL, Damaged, Library, Symbol

_WRITE, _EXEC = 1, 4  # flags of sections
_RESERVED, _ABSOLUTE = 0xFF00, 0xFFF1  # numbers of sections that are none


def check(library: Library) -> None:
    """Checks symbols and their hashes.

    Raises
    ------
    Damaged, struct.error, IndexError, OverflowError
        If something is wrong.
    """
    functions = _Functions(library)
    _check_hashes(library)
    thread_local = [each for each in library.segments if each.type == elf.TLS]
    placed = []
    for symbol, name in zip(library.symbols[1:], library.names[1:]):
        if symbol.info >> 4 not in (0, 1, 2, 10) or (symbol.type > 6 and symbol.type != INDIRECT) or not name:
            raise Damaged("a symbol is of no kind that there is")
        what = f"the symbol {name.decode(errors='replace')!r}"
        if not symbol.section:
            if symbol.value or symbol.size:
                raise Damaged(f"{what} is nowhere")
        elif symbol.type == INDIRECT and library.of_tvm:
            raise Damaged(f"{what} is no function of TVM's")
        elif symbol.type == THREAD_LOCAL:
            if not thread_local or symbol.value + symbol.size > thread_local[-1].memory:
                raise Damaged(f"{what} is thread-local")
        elif symbol.section >= _RESERVED:
            if symbol.section != _ABSOLUTE or symbol.type > OBJECT or symbol.size:  # else the name of a version
                raise Damaged(f"{what} is nowhere")
        else:
            _check_section(library, symbol, name, what)
            if symbol.type == FUNCTION and library.of_tvm:
                functions.check(symbol, what)
            if symbol.type in (OBJECT, FUNCTION) and symbol.size:
                placed.append((symbol.value, symbol.size, name))
    placed.sort()
    for (start, size, name), (after, length, other) in zip(placed, placed[1:]):
        if start + size > after and (start, size) != (after, length) and b"tvm" in (name + other).lower():
            raise Damaged(f"{name.decode(errors='replace')!r} and {other.decode(errors='replace')!r} overlap")


def _check_section(library: Library, symbol: Symbol, name: bytes, what: str) -> None:
    """A symbol is in its section, and that fits what it is."""
    if library.sections and symbol.section >= library.section_count:
        raise Damaged(f"{what} is in no section")
    if library.sections and symbol.type:
        section = library.sections[symbol.section]
        if not section.address <= symbol.value <= symbol.value + symbol.size <= section.address + section.size:
            raise Damaged(f"{what} is outside of its section")
        if symbol.type in (FUNCTION, INDIRECT) and not section.flags & _EXEC:
            raise Damaged(f"{what} is no code")
        written = name.startswith((b"__TVM", b"__tvm_module_ctx")) and symbol.type == OBJECT
        if written and not section.flags & _WRITE:
            raise Damaged(f"{what} cannot be written to")
    if symbol.type == FUNCTION and not library.within(symbol.value, max(symbol.size, 1), elf.RUN):
        raise Damaged(f"{what} is no code")
    if name.startswith(b"__TVM") and symbol.type != FUNCTION and (symbol.value % 8 or symbol.size < 8):
        raise Damaged(f"{what} is no pointer")


class _Functions:
    """Where functions start and how long they are, by the table for unwinding, where it has the usual form."""

    def __init__(self, library: Library) -> None:
        self._found = _unwound(library)

    def check(self, symbol: Symbol, what: str) -> None:
        """A function starts where the table has one, not in the middle of it."""
        found = self._found
        at = bisect_right(found, (symbol.value, elf.LARGEST))
        start, length = found[at - 1] if at else (0, 0)
        following = found[at][0] if at < len(found) else elf.LARGEST
        other_size = start == symbol.value and length and symbol.size not in (0, length)
        inside = at > 0 and start < symbol.value < start + length
        if inside or other_size or symbol.value + symbol.size > following:
            raise Damaged(f"{what} is not where a function begins")


def _unwound(library: Library) -> list[tuple[int, int]]:
    headers = [each for each in library.segments if each.type == elf.UNWIND and each.size]
    if not headers:
        return []
    place = headers[0].address
    if library.unpack("4B", place) != (1, 0x1B, 3, 0x3B):  # addresses of four bytes, relative to the table
        return []
    (count,) = library.unpack("I", place + 8)
    if 12 + 8 * count > headers[0].size:
        raise Damaged("its table for unwinding has another size")
    found = []
    for start, entry in library.table("ii", place + 12, 8 * count):
        _, _, first, length = library.unpack("IIiI", place + entry)
        if place + entry + 8 + first != place + start:
            return []  # of another form
        found.append((place + start, length))
    return found


def _check_hashes(library: Library) -> None:
    count = len(library.symbols)
    if elf.GNU_HASH in library.dynamic:
        _check_gnu_hashes(library, library.dynamic[elf.GNU_HASH])
    if elf.HASH in library.dynamic:
        address = library.dynamic[elf.HASH]
        buckets, chains = library.unpack("II", address)
        if not buckets or chains != count:
            raise Damaged("its table of hashes is of other symbols")
        words = [word for (word,) in library.table("I", address + 8, 4 * (buckets + chains))]
        for first in words[:buckets]:
            index, steps = first, 0
            while index:
                index, steps = words[buckets + index], steps + 1
                if index >= count or steps > count:
                    raise Damaged("its table of hashes goes round in a circle")


def _check_gnu_hashes(library: Library, address: int) -> None:
    count = len(library.symbols)
    buckets, first, blooms, shift = library.unpack("4I", address)
    if not buckets or not blooms or blooms & (blooms - 1) or first > count or shift > 63 or blooms > 1 << 24:
        raise Damaged("its table of hashes has no such size")
    bloom = [word for (word,) in library.table("Q", address + 16, 8 * blooms)]
    place = address + 16 + 8 * blooms
    starts = [word for (word,) in library.table("I", place, 4 * buckets)]
    chain = [word for (word,) in library.table("I", place + 4 * buckets, 4 * (count - first))]
    expected = [0] * buckets
    hashes = [_gnu_hash(name) for name in library.names[first:]]
    for at, (value, word) in enumerate(zip(hashes, chain)):
        last = at + 1 == len(hashes) or hashes[at + 1] % buckets != value % buckets
        if word | 1 != value | 1 or word & 1 != last:
            name = library.names[first + at].decode(errors="replace")
            raise Damaged(f"the symbol {name!r} has another hash")
        if not expected[value % buckets]:
            expected[value % buckets] = first + at
        both = 1 << value % 64 | 1 << (value >> shift) % 64
        if bloom[value // 64 % blooms] & both != both:
            raise Damaged("its table of hashes misses a symbol")
    if hashes and starts != expected:
        raise Damaged("its table of hashes is of other symbols")


def _gnu_hash(name: bytes) -> int:
    found = 5381
    for byte in name:
        found = (found * 33 + byte) & 0xFFFFFFFF
    return found
