"""Shared libraries of Linux, looked at before the system's loader does: it believes what a file says of itself.

A library says most things twice: to the loader in program headers and its dynamic section, and to other tools in
section headers; a symbol's name and its hash; where a function starts and where the one before it ends. What does not
agree with itself is damaged, and loading it would end the process, or calling it. Code and data are not looked at.
Source: the ELF specification and its supplement for x86-64; glibc's ``elf/dl-load.c``, ``elf/dl-lookup.c``.
"""

from __future__ import annotations

import struct
from bisect import bisect_right
from collections.abc import Collection, Iterator
from typing import Any, NamedTuple, Optional

_LOAD, _DYNAMIC, _NOTE, _TLS, _UNWIND, _RELRO, _PROPERTY = 1, 2, 4, 7, 0x6474E550, 0x6474E552, 0x6474E553
_X, _W = 1, 2  # of segments
_ALLOC, _WRITE, _EXEC = 2, 1, 4  # of sections
_NOBITS = 8
_IFUNC = 10
_LARGEST = 1 << 40
#: Tag of the dynamic section -> type of the section that it is about, tag of its size.
_TABLES = {
    5: (3, 10), 6: (11, None), 4: (5, None), 0x6FFFFEF5: (0x6FFFFFF6, None), 7: (4, 8), 23: (4, 2),
    25: (14, 27), 26: (15, 28), 32: (16, 33), 0x6FFFFFF0: (0x6FFFFFFF, None), 0x6FFFFFFE: (0x6FFFFFFE, None),
    0x6FFFFFFC: (0x6FFFFFFD, None), 36: (19, 35),
}  # fmt: skip
_STRTAB, _SYMTAB, _HASH, _GNU_HASH, _RELA, _JMPREL, _RELACOUNT = 5, 6, 4, 0x6FFFFEF5, 7, 23, 0x6FFFFFF9
_VERSYM, _VERNEED, _VERNEEDNUM, _VERDEF = 0x6FFFFFF0, 0x6FFFFFFE, 0x6FFFFFFF, 0x6FFFFFFC
_INIT, _FINI, _PLTGOT = 12, 13, 3
_SYMBOLIC, _FLAGS, _DF_SYMBOLIC = 16, 30, 2
#: Machine -> types of relocations: absolute, of slots of data, of functions, relative, of thread-local data.
_RELOCATIONS = {
    62: ({1}, {6}, {7}, {8}, {16, 17, 18, 36}),
    183: ({257}, {1025}, {1026}, {1027}, {1028, 1029, 1030, 1031}),
}
_IRELATIVE = {62: 37, 183: 1032}
_NAMES = (1, 14, 15, 29, 0x7FFFFFFD, 0x7FFFFFFF)  # tags whose value is a text


class _Damaged(Exception):
    """What is wrong."""


class _Segment(NamedTuple):
    type: int
    flags: int
    offset: int
    address: int
    physical: int
    size: int
    memory: int
    align: int


class _Section(NamedTuple):
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


class _Symbol(NamedTuple):
    name: int
    info: int
    other: int
    section: int
    value: int
    size: int


def problem(data: Any) -> Optional[str]:
    """What is wrong with a library's headers and tables; None if nothing is, or it is no 64-bit ELF of this order.

    Parameters
    ----------
    data : buffer
        The whole file.
    """
    if bytes(data[:6]) != b"\x7fELF\2\1":
        return None
    try:
        _Library(data).check()
    except _Damaged as damage:
        return f"it is damaged: {damage}"
    except (struct.error, IndexError, ValueError, OverflowError, KeyError) as error:
        return f"it is damaged: its headers point out of it ({error})"
    return None


def data_of(data: Any, names: Collection[bytes]) -> dict[bytes, bytes]:
    """The contents of the symbols of these names that a library defines as data.

    Parameters
    ----------
    data : buffer
        The whole file, of which `problem` found nothing wrong.
    names : collection of bytes
    """
    if bytes(data[:6]) != b"\x7fELF\2\1" or not any(data.find(name) >= 0 for name in names):
        return {}
    return _Library(data).contents(names)


class _Library:
    def __init__(self, data: Any) -> None:
        self.data = data
        self.size = len(data)
        self.dynamic: dict[int, int] = {}
        self.needed: set[bytes] = set()

    def check(self) -> None:
        self._header()
        self._segments()
        self._sections()
        self._dynamic()
        count = self._symbol_count()
        self.functions = self._unwound()
        self.symbols = [_Symbol(*self._unpack("IBBHQQ", self.dynamic[_SYMTAB] + 24 * i)) for i in range(count)]
        self.names = [self._text(symbol.name) for symbol in self.symbols]
        self.of_tvm = any(b"tvm" in name.lower() for name in self.names)
        self._hashes()
        self._symbols()
        self._relocations()
        self._versions()
        self._starters()

    def contents(self, names: Collection[bytes]) -> dict[bytes, bytes]:
        """As `data_of`."""
        self._header()
        self._segments()
        self._sections()
        self._dynamic()
        found = {}
        for index in range(self._symbol_count()):
            symbol = _Symbol(*self._unpack("IBBHQQ", self.dynamic[_SYMTAB] + 24 * index))
            name = self._text(symbol.name)
            if name in names and symbol.section and symbol.info & 15 == 1:
                size = symbol.size or 8 + self._unpack("Q", symbol.value)[0]
                start = self._at(symbol.value, size)
                found[name] = bytes(self.data[start : start + size])
        return found

    # ------------------------------------------------------------------------------------------ reading

    def _file(self, form: str, offset: int) -> tuple[Any, ...]:
        if offset < 0:
            raise _Damaged("an offset is negative")
        return struct.unpack_from("<" + form, self.data, offset)

    def _at(self, address: int, size: int) -> int:
        """The offset in the file of what is loaded at an address."""
        for each in self.loads:
            if each.address <= address and address + size <= each.address + each.size:
                return address - each.address + each.offset
        raise _Damaged(f"it has nothing of {size} bytes at {address:#x}")

    def _unpack(self, form: str, address: int) -> tuple[Any, ...]:
        return self._file(form, self._at(address, struct.calcsize("<" + form)))

    def _table(self, form: str, address: int, size: int) -> Iterator[tuple[Any, ...]]:
        start = self._at(address, size)
        return struct.iter_unpack("<" + form, self.data[start : start + size])

    def _text(self, offset: int) -> bytes:
        table, length = self.dynamic[_STRTAB], self.dynamic[10]
        if not 0 <= offset < length:
            raise _Damaged("a name is outside of its names")
        start = self._at(table, length)
        end = self.data.find(b"\0", start + offset, start + length)
        if end < 0:
            raise _Damaged("a name has no end")
        return bytes(self.data[start + offset : end])

    def _in(self, address: int, size: int, flag: int) -> bool:
        """Whether memory is in a segment that can be written to, or run."""
        return any(
            each.flags & flag and each.address <= address and address + size <= each.address + each.memory
            for each in self.loads
        )

    # ------------------------------------------------------------------------------------- headers, segments

    def _header(self) -> None:
        kind, self.machine, version = self._file("HHI", 16)
        self.phoff, self.shoff = self._file("QQ", 32)
        own, entry, self.phnum, section, self.shnum, self.shstrndx = self._file("6H", 52)
        if (kind, version, own, entry) != (3, 1, 64, 56) or self.data[6] != 1 or self.data[7] not in (0, 3):
            raise _Damaged("its header is not that of a shared library")
        if self.shnum and (section != 64 or self.shoff + 64 * self.shnum > self.size):
            raise _Damaged("its section headers are outside of it")
        if not self.shnum and self.shoff:
            raise _Damaged("its section headers are lost")
        if self.phoff < 64 or self.phoff + 56 * self.phnum > self.size:
            raise _Damaged("its program headers are outside of it")

    def _segments(self) -> None:
        self.segments: list[_Segment] = []
        segments = self.segments
        for index in range(self.phnum):
            kind, flags, *rest = self._file("IIQQQQQQ", self.phoff + 56 * index)
            segments.append(_Segment(kind, flags, *rest))
        self.loads = [each for each in segments if each.type == _LOAD]
        end = 0
        for each in self.loads:
            if each.size > each.memory or each.offset + each.size > self.size or each.address + each.memory > _LARGEST:
                raise _Damaged("a segment is larger than the file")
            if each.align & (each.align - 1) or each.align % 4096 or not 0 < each.align <= 1 << 30:
                raise _Damaged(f"a segment is aligned to {each.align}")
            if (each.address - each.offset) % each.align or each.address < end:
                raise _Damaged("its segments are not one after the other")
            if each.memory - each.size > 1 << 32:
                raise _Damaged(f"a segment has {each.memory} bytes")
            end = each.address + each.memory
        if not self.loads or self.loads[0].offset > self.phoff:
            raise _Damaged("it has no segments")
        self.relro: Optional[_Segment] = None
        self.tls: Optional[_Segment] = None
        dynamic = [each for each in segments if each.type == _DYNAMIC]
        if len(dynamic) != 1:
            raise _Damaged(f"it has {len(dynamic)} dynamic sections")
        self.dynamic_segment = dynamic[0]
        for each in segments:
            loaded = each.type in (_DYNAMIC, _NOTE, _TLS, _UNWIND, _RELRO, _PROPERTY) and each.size
            if loaded and self._at(each.address, each.size) != each.offset:
                raise _Damaged("a segment is not where it says")
            if each.type == _RELRO:
                self.relro = each
            if each.type == _TLS:
                self.tls = each
                if each.align & (each.align - 1) or each.memory > 1 << 30 or each.size > each.memory:
                    raise _Damaged("its thread-local data has no such size")

    def _sections(self) -> None:
        self.sections = [_Section(*self._file("IIQQQQIIQQ", self.shoff + 64 * i)) for i in range(self.shnum)]
        if self.sections and self.shstrndx >= self.shnum:
            raise _Damaged("the names of its sections are lost")
        for each in self.sections[1:]:
            if each.type != _NOBITS and each.offset + each.size > self.size:
                raise _Damaged("a section is outside of it")
            if not each.flags & _ALLOC or (each.flags & 0x400 and each.type == _NOBITS) or not each.size:
                continue
            inside = [
                load for load in self.loads
                if load.address <= each.address and each.address + each.size <= load.address + load.memory
            ]  # fmt: skip
            if not inside:
                raise _Damaged(f"a section at {each.address:#x} is in no segment")
            load = inside[0]
            if (each.flags & _EXEC and not load.flags & _X) or (each.flags & _WRITE and not load.flags & _W):
                raise _Damaged("a segment has not the rights that its sections need")
            if each.type != _NOBITS and self._at(each.address, each.size) != each.offset:
                raise _Damaged(f"the section at {each.address:#x} is not where it says")

    def _name(self, section: _Section) -> bytes:
        start = self.sections[self.shstrndx].offset + section.name
        return bytes(self.data[start : self.data.find(b"\0", start)])

    # ------------------------------------------------------------------------------------------ dynamic section

    def _dynamic(self) -> None:
        segment = self.dynamic_segment
        for tag, value in self._table("QQ", segment.address, segment.size // 16 * 16):
            if not tag:
                break
            if 38 < tag < 0x6000000D or tag > 0x7FFFFFFF:
                raise _Damaged(f"its dynamic section has the unknown tag {tag:#x}")
            if tag in self.dynamic and tag not in (1, 0x7FFFFFFD, 0x7FFFFFFF):
                raise _Damaged(f"its dynamic section has the tag {tag:#x} twice")
            self.dynamic[tag] = value
        else:
            raise _Damaged("its dynamic section has no end")
        lost = [tag for tag in (_STRTAB, _SYMTAB, 10, 11) if tag not in self.dynamic]
        if lost or not {_HASH, _GNU_HASH} & self.dynamic.keys():
            raise _Damaged("its dynamic section has lost its symbols")
        for tag, others in ((_JMPREL, (2, 20, _PLTGOT)), (_RELA, (8, 9)), (_VERNEED, (_VERNEEDNUM,)), (36, (35, 37))):
            if tag in self.dynamic and not all(each in self.dynamic for each in others):
                raise _Damaged(f"its dynamic section has lost what goes with {tag:#x}")
        self._at(self.dynamic[_STRTAB], self.dynamic[10])
        sizes = ((11, 24), (9, 24), (20, 7), (17, None), (18, None))
        wrong = [tag for tag, size in sizes if self.dynamic.get(tag, size) != size]
        if wrong:
            raise _Damaged(f"its dynamic section gives {self.dynamic[wrong[0]]} for {wrong[0]:#x}")
        for tag, value in self._table("QQ", segment.address, segment.size // 16 * 16):
            if not tag:
                break
            if tag in _NAMES:
                self.needed.add(self._text(value))
        if self.sections:
            self._agrees()

    def _agrees(self) -> None:
        """What the loader is told is what the sections say."""
        by_address = {each.address: each for each in self.sections if each.flags & _ALLOC and each.size}
        for tag, (kind, size) in _TABLES.items():
            there = [each for each in self.sections if each.type == kind and each.flags & _ALLOC and each.size]
            if tag not in self.dynamic:
                if len(there) > (1 if kind in (3, 4) else 0):
                    raise _Damaged(f"its dynamic section lacks what a section has ({tag:#x})")
                continue
            section = by_address.get(self.dynamic[tag])
            if size is not None and not self.dynamic.get(size):
                continue
            if section is None or section.type != kind:
                raise _Damaged(f"its dynamic section has another table than its sections ({tag:#x})")
            if size is not None and not self._spans(section, self.dynamic[size], kind):
                raise _Damaged(f"a table has another size than its section ({tag:#x})")
        rela = [each for each in self.sections if each.type == 4 and each.flags & _ALLOC and each.size]
        told = self.dynamic.get(8, 0) + (self.dynamic.get(2, 0) if not self._overlap() else 0)
        if sum(each.size for each in rela) != told:
            raise _Damaged("its relocations have another size than their sections")
        for tag in (_INIT, _FINI):
            section = by_address.get(self.dynamic.get(tag, -1))
            if tag in self.dynamic and (section is None or not section.flags & _EXEC):
                raise _Damaged("what starts or ends it is no code")
        named = {self._name(each): each for each in self.sections[1:]}
        for tag, name in ((_INIT, b".init"), (_FINI, b".fini")):
            if name in named and self.dynamic.get(tag) != named[name].address:
                raise _Damaged("what starts or ends it is elsewhere")
        got = named.get(b".got.plt") or named.get(b".got")
        if _PLTGOT in self.dynamic and got is not None and self.dynamic[_PLTGOT] != got.address:
            raise _Damaged("its table of functions is elsewhere")
        if self.relro is not None:
            end = (self.relro.address + self.relro.memory) & ~4095
            later = [named[name].address for name in (b".data", b".bss") if name in named and named[name].size]
            now = self.dynamic.get(24) is not None or self.dynamic.get(0x6FFFFFFB, 0) & 1 or self.dynamic.get(30, 0) & 8
            if b".got.plt" in named and not now:
                later.append(named[b".got.plt"].address + 24)
            if end > min(later, default=end):
                raise _Damaged("what is to be written to would be read-only")

    def _overlap(self) -> bool:
        """Whether the relocations of functions are counted among the others."""
        rela, jump = self.dynamic.get(_RELA, 0), self.dynamic.get(_JMPREL, -1)
        return rela <= jump < rela + self.dynamic.get(8, 0)

    def _spans(self, section: _Section, size: int, kind: int) -> bool:
        if section.size == size:
            return True
        return kind == 4 and size > section.size  # several sections of relocations, whose sum is looked at

    # ---------------------------------------------------------------------------------------------- symbols

    def _symbol_count(self) -> int:
        table = self.dynamic[_SYMTAB]
        sections = [each for each in self.sections if each.type == 11 and each.address == table]
        if sections:
            if sections[0].size % 24 or sections[0].entry != 24:
                raise _Damaged("its table of symbols has another size")
            return sections[0].size // 24
        if _HASH in self.dynamic:
            return int(self._unpack("II", self.dynamic[_HASH])[1])
        start = self.dynamic[_STRTAB]
        if not table < start < table + (1 << 30):
            raise _Damaged("its symbols cannot be counted")
        return (start - table) // 24

    def _hashes(self) -> None:
        count = len(self.symbols)
        if _GNU_HASH in self.dynamic:
            self._gnu_hash(self.dynamic[_GNU_HASH], count)
        if _HASH in self.dynamic:
            address = self.dynamic[_HASH]
            buckets, chains = self._unpack("II", address)
            if not buckets or chains != count:
                raise _Damaged("its table of hashes is of other symbols")
            words = [word for (word,) in self._table("I", address + 8, 4 * (buckets + chains))]
            for first in words[:buckets]:
                index, steps = first, 0
                while index:
                    index, steps = words[buckets + index], steps + 1
                    if index >= count or steps > count:
                        raise _Damaged("its table of hashes goes round in a circle")

    def _gnu_hash(self, address: int, count: int) -> None:
        buckets, first, blooms, shift = self._unpack("4I", address)
        if not buckets or not blooms or blooms & (blooms - 1) or first > count or shift > 63 or blooms > 1 << 24:
            raise _Damaged("its table of hashes has no such size")
        bloom = [word for (word,) in self._table("Q", address + 16, 8 * blooms)]
        place = address + 16 + 8 * blooms
        starts = [word for (word,) in self._table("I", place, 4 * buckets)]
        chain = [word for (word,) in self._table("I", place + 4 * buckets, 4 * (count - first))]
        expected = [0] * buckets
        hashes = [_gnu_hash(name) for name in self.names[first:]]
        for at, (value, word) in enumerate(zip(hashes, chain)):
            last = at + 1 == len(hashes) or hashes[at + 1] % buckets != value % buckets
            if word | 1 != value | 1 or word & 1 != last:
                raise _Damaged(f"the symbol {self.names[first + at].decode(errors='replace')!r} has another hash")
            if not expected[value % buckets]:
                expected[value % buckets] = first + at
            both = 1 << value % 64 | 1 << (value >> shift) % 64
            if bloom[value // 64 % blooms] & both != both:
                raise _Damaged("its table of hashes misses a symbol")
        if hashes and starts != expected:
            raise _Damaged("its table of hashes is of other symbols")

    def _symbols(self) -> None:
        placed = []
        for symbol, name in zip(self.symbols[1:], self.names[1:]):
            kind = symbol.info & 15
            if symbol.info >> 4 not in (0, 1, 2, 10) or (kind > 6 and kind != _IFUNC) or not name:
                raise _Damaged("a symbol is of no kind that there is")
            if not symbol.section:
                if symbol.value or symbol.size:
                    raise _Damaged(f"the symbol {name.decode(errors='replace')!r} is nowhere")
                continue
            what = f"the symbol {name.decode(errors='replace')!r}"
            if kind == _IFUNC and self.of_tvm:
                raise _Damaged(f"{what} is no function of TVM's")
            if kind == 6:
                if self.tls is None or symbol.value + symbol.size > self.tls.memory:
                    raise _Damaged(f"{what} is thread-local")
                continue
            if symbol.section >= 0xFF00:
                if symbol.section == 0xFFF1 and kind in (0, 1) and not symbol.size:  # the name of a version
                    continue
                raise _Damaged(f"{what} is nowhere")
            if self.sections and symbol.section >= self.shnum:
                raise _Damaged(f"{what} is in no section")
            if self.sections and kind:
                section = self.sections[symbol.section]
                end = section.address + section.size
                if not section.address <= symbol.value <= symbol.value + symbol.size <= end:
                    raise _Damaged(f"{what} is outside of its section")
                if kind in (2, _IFUNC) and not section.flags & _EXEC:
                    raise _Damaged(f"{what} is no code")
                if name.startswith((b"__TVM", b"__tvm_module_ctx")) and kind == 1 and not section.flags & _WRITE:
                    raise _Damaged(f"{what} cannot be written to")
            if kind == 2 and not self._in(symbol.value, max(symbol.size, 1), _X):
                raise _Damaged(f"{what} is no code")
            if name.startswith(b"__TVM") and kind != 2 and (symbol.value % 8 or symbol.size < 8):
                raise _Damaged(f"{what} is no pointer")
            if kind == 2 and self.of_tvm:
                self._begins(symbol, what)
            if kind in (1, 2) and symbol.size:
                placed.append((symbol.value, symbol.size, name))
        placed.sort()
        for (start, size, name), (after, length, other) in zip(placed, placed[1:]):
            if start + size > after and (start, size) != (after, length) and b"tvm" in (name + other).lower():
                raise _Damaged(f"{name.decode(errors='replace')!r} and {other.decode(errors='replace')!r} overlap")

    def _unwound(self) -> list[tuple[int, int]]:
        """Where functions start and how long they are, by the table for unwinding, where it has the usual form."""
        headers = [each for each in self.segments if each.type == _UNWIND and each.size]
        if not headers:
            return []
        place = headers[0].address
        form = self._unpack("4B", place)
        if form != (1, 0x1B, 3, 0x3B):  # addresses of four bytes, relative to the table
            return []
        (count,) = self._unpack("I", place + 8)
        if 12 + 8 * count > headers[0].size:
            raise _Damaged("its table for unwinding has another size")
        found = []
        for start, entry in self._table("ii", place + 12, 8 * count):
            _, _, first, length = self._unpack("IIiI", place + entry)
            if place + entry + 8 + first != place + start:
                return []  # of another form
            found.append((place + start, length))
        return found

    def _begins(self, symbol: _Symbol, what: str) -> None:
        """A function starts where the table for unwinding has one, not in the middle of it."""
        at = bisect_right(self.functions, (symbol.value, _LARGEST))
        start, length = self.functions[at - 1] if at else (0, 0)
        following = self.functions[at][0] if at < len(self.functions) else _LARGEST
        other_size = start == symbol.value and length and symbol.size not in (0, length)
        if self._cuts(symbol.value) or other_size or symbol.value + symbol.size > following:
            raise _Damaged(f"{what} is not where a function begins")

    def _cuts(self, address: int) -> bool:
        """Whether an address is in the middle of a function."""
        at = bisect_right(self.functions, (address, _LARGEST)) - 1
        return at >= 0 and self.functions[at][0] < address < sum(self.functions[at])

    # ------------------------------------------------------------------------- relocations, versions, starters

    def _relocations(self) -> None:
        dyn, plt = (
            list(self._table("QIIq", self.dynamic[tag], self.dynamic.get(size, 0))) if tag in self.dynamic else []
            for tag, size in ((_RELA, 8), (_JMPREL, 2))
        )
        known = self.machine in _RELOCATIONS
        absolute, data, functions, relative, thread = _RELOCATIONS.get(self.machine, _RELOCATIONS[62])
        indirect = {_IRELATIVE.get(self.machine, 0)}
        allowed = data | absolute | relative | thread | functions | indirect
        got = [(each.address, each.address + each.size) for each in self.sections if each.type == 1 and each.entry == 8]
        seen, used, called = set(), set(), set()
        for at, (offset, kind, index, addend) in enumerate(dyn + plt):
            if not self._in(offset, 8, _W) or index >= len(self.symbols):
                raise _Damaged("a relocation is outside of it")
            fits = kind in (functions | thread | indirect if at >= len(dyn) else allowed)
            if known and (kind or index) and not fits:
                raise _Damaged(f"a relocation is of the unknown kind {kind}")
            if known and kind in relative and (index or not self._maps(addend)):
                raise _Damaged("a relocation points out of it")
            if known and kind in relative and self.of_tvm:
                self._points(offset, addend)
            if known and kind in data | functions and (not index or (addend and kind in functions)):
                raise _Damaged("a relocation has no symbol")
            if known and kind in data | functions and got and not any(a <= offset <= b - 8 for a, b in got):
                raise _Damaged("a relocation is not in the table that it is for")
            if kind in data | functions | relative and (offset in seen or offset % 8):
                raise _Damaged("two relocations are for one place")
            if self.tls is None and kind in thread and not index:
                raise _Damaged("a relocation is for thread-local data, and there is none")
            if at < self.dynamic.get(_RELACOUNT, 0) and known and kind not in relative:
                raise _Damaged("its relocations are not in their order")
            if self.of_tvm and 0 < at < self.dynamic.get(_RELACOUNT, 0) and offset <= dyn[at - 1][0]:
                raise _Damaged("its relocations are not in their order")
            if self.machine == 62 and kind in data | functions and self.dynamic.get(_PLTGOT, 0) <= offset < (
                self.dynamic.get(_PLTGOT, 0) + 24
            ):
                raise _Damaged("a relocation is for the loader's own place")
            if at >= len(dyn) and kind in functions and index in called:
                raise _Damaged("two relocations of functions are for one symbol")
            if at >= len(dyn):
                called.add(index)
            seen.add(offset)
            used.add(index)
        if self.dynamic.get(_RELACOUNT, 0) > len(dyn):
            raise _Damaged("it has fewer relocations than it says")
        pointers = [
            symbol.value
            for symbol, name in zip(self.symbols, self.names)
            if symbol.section and symbol.info & 15 == 1 and name.startswith(b"__TVM")
        ]
        if len(set(pointers)) < len(pointers):
            raise _Damaged("two pointers that the runtime fills in are in one place")
        # Linked with -Bsymbolic, the code reaches what the library defines without a relocation.
        preemptible = _SYMBOLIC not in self.dynamic and not self.dynamic.get(_FLAGS, 0) & _DF_SYMBOLIC
        for index, name in enumerate(self.names):
            # Pointers that the runtime fills in, and functions of others: the code has no other way to them.
            symbol = self.symbols[index]
            unused = known and index not in used and name.startswith((b"__TVM", b"TVM"))
            ours = preemptible and symbol.info & 15 != 2 and symbol.other & 3 == 0
            if unused and (ours or not symbol.section):
                raise _Damaged(f"nothing uses the symbol {name.decode(errors='replace')!r}")

    def _points(self, place: int, goal: int) -> None:
        """A pointer in the library to something in it: the linker left room for it, or wrote it there as well."""
        (there,) = self._unpack("Q", place)
        if there not in (0, goal):
            raise _Damaged("a relocation is where no pointer is")

    def _maps(self, address: int) -> bool:
        return any(each.address <= address <= each.address + each.memory for each in self.loads)

    def _versions(self) -> None:
        highest = 1
        if _VERNEED in self.dynamic:
            place = self.dynamic[_VERNEED]
            for left in reversed(range(self.dynamic.get(_VERNEEDNUM, 0))):
                version, count, file, aux, following = self._unpack("HHIII", place)
                if self._text(file) not in self.needed:
                    raise _Damaged("its table of versions is of a library that it does not need")
                if version != 1 or not count or (following == 0) != (left == 0) or following > 1 << 24:
                    raise _Damaged("its table of versions has another form")
                at = place + aux
                for rest in reversed(range(count)):
                    value, _, other, name, step = self._unpack("IHHII", at)
                    if value != _elf_hash(self._text(name)):
                        raise _Damaged("its table of versions has another hash for a name")
                    highest = max(highest, other & 0x7FFF)
                    if (step == 0) != (rest == 0) or step > 1 << 24:
                        raise _Damaged("its table of versions has another form")
                    at += step
                place += following
            if not self.dynamic.get(_VERNEEDNUM):
                raise _Damaged("its table of versions is empty")
        if _VERDEF in self.dynamic:
            place = self.dynamic[_VERDEF]
            for left in reversed(range(self.dynamic.get(0x6FFFFFFD, 0))):
                version, _, number, _, _, aux, following = self._unpack("HHHHIII", place)
                self._text(self._unpack("II", place + aux)[0])
                highest = max(highest, number & 0x7FFF)
                if version != 1 or (following == 0) != (left == 0):
                    raise _Damaged("its table of versions has another form")
                place += following
        if _VERSYM in self.dynamic:
            numbers = [n & 0x7FFF for (n,) in self._table("H", self.dynamic[_VERSYM], 2 * len(self.symbols))]
            if max(numbers, default=0) > highest or highest > 4096:
                raise _Damaged("a symbol is of an unknown version")

    def _starters(self) -> None:
        """Functions that the loader calls."""
        for array, size in ((25, 27), (26, 28), (32, 33)):
            if array in self.dynamic and (self.dynamic.get(size, 0) % 8 or not self._in(self.dynamic[array], 8, _W)):
                raise _Damaged("the functions that start it are lost")
            if array not in self.dynamic and self.dynamic.get(size):
                raise _Damaged("the functions that start it are lost")
        for tag in (_INIT, _FINI):
            if tag in self.dynamic and not self._in(self.dynamic[tag], 1, _X):
                raise _Damaged("what starts or ends it is no code")


def _elf_hash(name: bytes) -> int:
    found = 0
    for byte in name:
        found = (found << 4) + byte
        high = found & 0xF0000000
        found = (found ^ high >> 24) & ~high & 0xFFFFFFFF
    return found


def _gnu_hash(name: bytes) -> int:
    found = 5381
    for byte in name:
        found = (found * 33 + byte) & 0xFFFFFFFF
    return found


__all__ = ["data_of", "problem"]
