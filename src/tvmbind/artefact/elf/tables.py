"""``Library``: the tables of a 64-bit ELF library, found as the system's loader finds them."""

from __future__ import annotations

import struct
from collections.abc import Collection, Iterator
from functools import cached_property
from typing import Any, NamedTuple

MACHINES = {3: "x86", 21: "ppc64", 22: "s390x", 40: "arm", 62: "x86_64", 183: "aarch64", 243: "riscv64"}
# Types of segments.
LOAD, DYNAMIC, NOTE, TLS, UNWIND, RELRO, PROPERTY = 1, 2, 4, 7, 0x6474E550, 0x6474E552, 0x6474E553
RUN, WRITE = 1, 2  # flags of segments
OBJECT, FUNCTION, THREAD_LOCAL, INDIRECT = 1, 2, 6, 10  # types of symbols
# Tags of the dynamic section.
NEEDED, STRTAB, STRSZ, SYMTAB, SYMENT = 1, 5, 10, 6, 11
HASH, GNU_HASH = 4, 0x6FFFFEF5
RELA, RELASZ, RELAENT, RELACOUNT = 7, 8, 9, 0x6FFFFFF9
JMPREL, PLTRELSZ, PLTREL, PLTGOT = 23, 2, 20, 3
REL, RELSZ, RELR, RELRSZ, RELRENT = 17, 18, 36, 35, 37
INIT, FINI, INIT_ARRAY, INIT_ARRAYSZ, FINI_ARRAY, FINI_ARRAYSZ = 12, 13, 25, 27, 26, 28
PREINIT_ARRAY, PREINIT_ARRAYSZ = 32, 33
VERSYM, VERNEED, VERNEEDNUM, VERDEF, VERDEFNUM = 0x6FFFFFF0, 0x6FFFFFFE, 0x6FFFFFFF, 0x6FFFFFFC, 0x6FFFFFFD
TEXTS = (NEEDED, 14, 15, 29, 0x7FFFFFFD, 0x7FFFFFFF)  # those whose value is a text
SYMBOLIC, BIND_NOW, FLAGS, FLAGS_1 = 16, 24, 30, 0x6FFFFFFB
#: More than any address or size of a library.
LARGEST = 1 << 40
_SYMBOLS = 11  # the type of the section that has the symbols


class Damaged(ValueError):
    """What is wrong with a library."""


class Segment(NamedTuple):
    """A program header."""

    type: int
    flags: int
    offset: int
    address: int
    physical: int
    size: int
    memory: int
    align: int


class Section(NamedTuple):
    """A section header."""

    name: int
    type: int
    flags: int
    address: int
    offset: int
    size: int
    link: int
    info: int
    align: int
    entry: int


class Symbol(NamedTuple):
    """A symbol that the loader sees."""

    name: int
    info: int
    other: int
    section: int
    value: int
    size: int

    @property
    def type(self) -> int:
        """What it names, such as `FUNCTION`."""
        return self.info & 15


def is_known(data: Any) -> bool:
    """Whether a file is a 64-bit ELF of this byte order: others are not read here."""
    return bytes(data[:6]) == b"\x7fELF\2\1"


class Library:
    """A library's tables. Symbols are read when they are asked for.

    Parameters
    ----------
    data : bytes-like
        With ``find``: the whole file, which `is_known`.

    Attributes
    ----------
    data
    machine : int
        For which processors; `MACHINES` names them.
    segments, loads : list of Segment
        All; those that are mapped.
    sections : list of Section
        Empty in a library that was stripped of them.
    entries : list of (int, int)
        Tags and values of the dynamic section.
    dynamic : dict of int to int
        Its values by tag; where there are several of a tag, the last.

    Raises
    ------
    Damaged, struct.error, OverflowError
        If a table is not there; also by the methods.
    """

    def __init__(self, data: Any) -> None:
        self.data = data
        self.size = len(data)
        kind, self.machine, version = self.file("HHI", 16)
        self.program_headers, section_headers = self.file("QQ", 32)
        own, entry, segments, section, self.section_count, self.section_of_names = self.file("6H", 52)
        if (kind, version, own, entry) != (3, 1, 64, 56):
            raise Damaged("its header is not that of a shared library")
        if self.section_count and (section != 64 or section_headers + 64 * self.section_count > self.size):
            raise Damaged("its section headers are outside of it")
        if not self.section_count and section_headers:
            raise Damaged("its section headers are lost")
        if self.program_headers < 64 or self.program_headers + 56 * segments > self.size:
            raise Damaged("its program headers are outside of it")
        self.segments = [Segment(*self.file("IIQQQQQQ", self.program_headers + 56 * i)) for i in range(segments)]
        self.loads = [each for each in self.segments if each.type == LOAD]
        self.sections = [Section(*self.file("IIQQQQIIQQ", section_headers + 64 * i)) for i in range(self.section_count)]
        self.entries = self._dynamic_entries()
        self.dynamic = dict(self.entries)
        if not self.dynamic.keys() >= {STRTAB, STRSZ, SYMTAB}:
            raise Damaged("its dynamic section has lost its symbols")

    def _dynamic_entries(self) -> list[tuple[int, int]]:
        found = [each for each in self.segments if each.type == DYNAMIC]
        if len(found) != 1:
            raise Damaged(f"it has {len(found)} dynamic sections")
        entries: list[tuple[int, int]] = []
        for tag, value in self.table("QQ", found[0].address, found[0].size // 16 * 16):
            if not tag:
                return entries
            entries.append((tag, value))
        raise Damaged("its dynamic section has no end")

    # ------------------------------------------------------------------------------- by place, by address

    def file(self, form: str, offset: int) -> tuple[Any, ...]:
        """Numbers at a place in the file."""
        if offset < 0:
            raise Damaged("an offset is negative")
        return struct.unpack_from("<" + form, self.data, offset)

    def at(self, address: int, size: int) -> int:
        """The offset in the file of what is loaded at an address."""
        for each in self.loads:
            if each.address <= address and address + size <= each.address + each.size:
                return address - each.address + each.offset
        raise Damaged(f"it has nothing of {size} bytes at {address:#x}")

    def unpack(self, form: str, address: int) -> tuple[Any, ...]:
        """Numbers at an address."""
        return self.file(form, self.at(address, struct.calcsize("<" + form)))

    def table(self, form: str, address: int, size: int) -> Iterator[tuple[Any, ...]]:
        """The rows of a table at an address."""
        start = self.at(address, size)
        return struct.iter_unpack("<" + form, self.data[start : start + size])

    def within(self, address: int, size: int, flag: int) -> bool:
        """Whether memory is in a segment that can be written to, or run."""
        return any(
            each.flags & flag and each.address <= address and address + size <= each.address + each.memory
            for each in self.loads
        )

    @cached_property
    def _texts(self) -> bytes:
        start, length = self.at(self.dynamic[STRTAB], self.dynamic[STRSZ]), self.dynamic[STRSZ]
        return bytes(self.data[start : start + length])

    def text(self, offset: int) -> bytes:
        """A text out of the table of names."""
        if not 0 <= offset < self.dynamic[STRSZ]:
            raise Damaged("a name is outside of its names")
        end = self._texts.find(b"\0", offset)
        if end < 0:
            raise Damaged("a name has no end")
        return self._texts[offset:end]

    def section_name(self, section: Section) -> bytes:
        """A section's name."""
        start = self.sections[self.section_of_names].offset + section.name
        return bytes(self.data[start : self.data.find(b"\0", start)])

    # ------------------------------------------------------------------------------------------- symbols

    @cached_property
    def symbols(self) -> list[Symbol]:
        """All symbols, the empty first one too."""
        return [Symbol(*row) for row in self.table("IBBHQQ", self.dynamic[SYMTAB], 24 * self._symbol_count())]

    @cached_property
    def names(self) -> list[bytes]:
        """Their names."""
        return [self.text(symbol.name) for symbol in self.symbols]

    @cached_property
    def of_tvm(self) -> bool:
        """Whether a symbol is one of TVM's, which makes a library in fewer ways than others."""
        return any(b"tvm" in name.lower() for name in self.names)

    def _symbol_count(self) -> int:
        table = self.dynamic[SYMTAB]
        sections = [each for each in self.sections if each.type == _SYMBOLS and each.address == table]
        if sections:
            if sections[0].size % 24 or sections[0].entry != 24:
                raise Damaged("its table of symbols has another size")
            return sections[0].size // 24
        if HASH in self.dynamic:
            return int(self.unpack("II", self.dynamic[HASH])[1])
        start = self.dynamic[STRTAB]
        if not table < start < table + (1 << 30):
            raise Damaged("its symbols cannot be counted")
        return (start - table) // 24

    def functions(self) -> list[bytes]:
        """The names of the functions that it defines, in the order of the file."""
        kinds = (FUNCTION, INDIRECT)
        return [name for symbol, name in zip(self.symbols, self.names) if symbol.section and symbol.type in kinds]

    def undefined(self) -> list[bytes]:
        """The names of what others must define."""
        return [name for symbol, name in zip(self.symbols, self.names) if name and not symbol.section]

    def contents(self, wanted: Collection[bytes]) -> dict[bytes, bytes]:
        """The contents of those symbols of these names that it defines as data."""
        found = {}
        for symbol, name in zip(self.symbols, self.names):
            if name in wanted and symbol.section and symbol.type == OBJECT:
                size = symbol.size or 8 + self.unpack("Q", symbol.value)[0]
                start = self.at(symbol.value, size)
                found[name] = bytes(self.data[start : start + size])
        return found

    def needed(self) -> list[bytes]:
        """The libraries that the system loads with it."""
        return [self.text(value) for tag, value in self.entries if tag == NEEDED]

    def code(self) -> bytes:
        """The section of its machine code; empty where nothing tells which that is."""
        found = next((each for each in self.sections if self.section_name(each) == b".text"), None)
        return bytes(self.data[found.offset : found.offset + found.size]) if found else b""
