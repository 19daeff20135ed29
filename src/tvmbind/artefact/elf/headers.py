"""Whether a library's headers are right, and its dynamic section says what its section headers say."""

from __future__ import annotations

from . import tables as elf
from .tables import Damaged, Library, Section

_ALLOC, _WRITE, _EXEC, _TLS = 2, 1, 4, 0x400  # flags of sections
_NOBITS, _STRINGS, _RELA = 8, 3, 4  # types of sections
#: Tag of the dynamic section -> type of the section that it is about, tag of its size.
_TABLES = {
    elf.STRTAB: (_STRINGS, elf.STRSZ), elf.SYMTAB: (11, None), elf.HASH: (5, None), elf.GNU_HASH: (0x6FFFFFF6, None),
    elf.RELA: (_RELA, elf.RELASZ), elf.JMPREL: (_RELA, elf.PLTRELSZ), elf.INIT_ARRAY: (14, elf.INIT_ARRAYSZ),
    elf.FINI_ARRAY: (15, elf.FINI_ARRAYSZ), elf.PREINIT_ARRAY: (16, elf.PREINIT_ARRAYSZ),
    elf.VERSYM: (0x6FFFFFFF, None), elf.VERNEED: (0x6FFFFFFE, None), elf.VERDEF: (0x6FFFFFFD, None),
    elf.RELR: (19, elf.RELRSZ),
}  # fmt: skip
_REPEATED = (elf.NEEDED, 0x7FFFFFFD, 0x7FFFFFFF)  # tags that may be there several times
#: What must be there with a tag.
_WITH = (
    (elf.JMPREL, (elf.PLTRELSZ, elf.PLTREL, elf.PLTGOT)), (elf.RELA, (elf.RELASZ, elf.RELAENT)),
    (elf.VERNEED, (elf.VERNEEDNUM,)), (elf.RELR, (elf.RELRSZ, elf.RELRENT)),
)  # fmt: skip
#: The one value that a tag may have; none: it may not be there.
_ONLY = ((elf.SYMENT, 24), (elf.RELAENT, 24), (elf.PLTREL, elf.RELA), (elf.REL, None), (elf.RELSZ, None))


def check(library: Library) -> None:
    """Checks headers and dynamic section.

    Raises
    ------
    Damaged, struct.error, IndexError, OverflowError
        If something is wrong.
    """
    if library.data[6] != 1 or library.data[7] not in (0, 3):
        raise Damaged("its header is not that of a shared library")
    _check_segments(library)
    _check_sections(library)
    _check_dynamic(library)
    if library.sections:
        _check_agreement(library)


def _check_segments(library: Library) -> None:
    end = 0
    for each in library.loads:
        if (
            each.size > each.memory
            or each.offset + each.size > library.size
            or each.address + each.memory > elf.LARGEST
        ):
            raise Damaged("a segment is larger than the file")
        if each.align & (each.align - 1) or each.align % 4096 or not 0 < each.align <= 1 << 30:
            raise Damaged(f"a segment is aligned to {each.align}")
        if (each.address - each.offset) % each.align or each.address < end:
            raise Damaged("its segments are not one after the other")
        if each.memory - each.size > 1 << 32:
            raise Damaged(f"a segment has {each.memory} bytes")
        end = each.address + each.memory
    if not library.loads or library.loads[0].offset > library.program_headers:
        raise Damaged("it has no segments")
    for each in library.segments:
        placed = each.type in (elf.DYNAMIC, elf.NOTE, elf.TLS, elf.UNWIND, elf.RELRO, elf.PROPERTY) and each.size
        if placed and library.at(each.address, each.size) != each.offset:
            raise Damaged("a segment is not where it says")
        unfit = each.align & (each.align - 1) or each.memory > 1 << 30 or each.size > each.memory
        if each.type == elf.TLS and unfit:
            raise Damaged("its thread-local data has no such size")


def _check_sections(library: Library) -> None:
    if library.sections and library.section_of_names >= library.section_count:
        raise Damaged("the names of its sections are lost")
    for each in library.sections[1:]:
        if each.type != _NOBITS and each.offset + each.size > library.size:
            raise Damaged("a section is outside of it")
        if not each.flags & _ALLOC or (each.flags & _TLS and each.type == _NOBITS) or not each.size:
            continue
        inside = [
            load for load in library.loads
            if load.address <= each.address and each.address + each.size <= load.address + load.memory
        ]  # fmt: skip
        if not inside:
            raise Damaged(f"a section at {each.address:#x} is in no segment")
        flags = inside[0].flags
        if (each.flags & _EXEC and not flags & elf.RUN) or (each.flags & _WRITE and not flags & elf.WRITE):
            raise Damaged("a segment has not the rights that its sections need")
        if each.type != _NOBITS and library.at(each.address, each.size) != each.offset:
            raise Damaged(f"the section at {each.address:#x} is not where it says")


def _check_dynamic(library: Library) -> None:
    seen = set()
    for tag, _ in library.entries:
        if 38 < tag < 0x6000000D or tag > 0x7FFFFFFF:
            raise Damaged(f"its dynamic section has the unknown tag {tag:#x}")
        if tag in seen and tag not in _REPEATED:
            raise Damaged(f"its dynamic section has the tag {tag:#x} twice")
        seen.add(tag)
    if elf.SYMENT not in seen or not seen & {elf.HASH, elf.GNU_HASH}:
        raise Damaged("its dynamic section has lost its symbols")
    for tag, others in _WITH:
        if tag in seen and not seen.issuperset(others):
            raise Damaged(f"its dynamic section has lost what goes with {tag:#x}")
    wrong = [tag for tag, only in _ONLY if library.dynamic.get(tag, only) != only]
    if wrong:
        raise Damaged(f"its dynamic section gives {library.dynamic[wrong[0]]} for {wrong[0]:#x}")
    for tag, value in library.entries:
        if tag in elf.TEXTS:
            library.text(value)


def _check_agreement(library: Library) -> None:
    """What the loader is told is what the sections say."""
    dynamic = library.dynamic
    loaded = [each for each in library.sections if each.flags & _ALLOC and each.size]
    by_address = {each.address: each for each in loaded}
    for tag, (kind, size) in _TABLES.items():
        if tag not in dynamic:
            there = [each for each in loaded if each.type == kind]
            if len(there) > (1 if kind in (_STRINGS, _RELA) else 0):
                raise Damaged(f"its dynamic section lacks what a section has ({tag:#x})")
            continue
        section = by_address.get(dynamic[tag])
        if size is not None and not dynamic.get(size):
            continue
        if section is None or section.type != kind:
            raise Damaged(f"its dynamic section has another table than its sections ({tag:#x})")
        if size is not None and not _spans(section, dynamic[size]):
            raise Damaged(f"a table has another size than its section ({tag:#x})")
    told = dynamic.get(elf.RELASZ, 0) + (0 if _counted_twice(dynamic) else dynamic.get(elf.PLTRELSZ, 0))
    if sum(each.size for each in loaded if each.type == _RELA) != told:
        raise Damaged("its relocations have another size than their sections")
    named = {library.section_name(each): each for each in library.sections[1:]}
    for tag, name in ((elf.INIT, b".init"), (elf.FINI, b".fini")):
        section = by_address.get(dynamic.get(tag, -1))
        if tag in dynamic and (section is None or not section.flags & _EXEC):
            raise Damaged("what starts or ends it is no code")
        if name in named and dynamic.get(tag) != named[name].address:
            raise Damaged("what starts or ends it is elsewhere")
    got = named.get(b".got.plt") or named.get(b".got")
    if elf.PLTGOT in dynamic and got is not None and dynamic[elf.PLTGOT] != got.address:
        raise Damaged("its table of functions is elsewhere")
    _check_read_only(library, named)


def _check_read_only(library: Library, named: dict[bytes, Section]) -> None:
    """What the loader makes read-only in the end is nothing that is written to."""
    protected = [each for each in library.segments if each.type == elf.RELRO]
    if not protected:
        return
    end = (protected[-1].address + protected[-1].memory) & ~4095
    later = [named[name].address for name in (b".data", b".bss") if name in named and named[name].size]
    flags, flags_1 = library.dynamic.get(elf.FLAGS, 0), library.dynamic.get(elf.FLAGS_1, 0)
    at_once = elf.BIND_NOW in library.dynamic or flags & 8 or flags_1 & 1
    if b".got.plt" in named and not at_once:
        later.append(named[b".got.plt"].address + 24)
    if end > min(later, default=end):
        raise Damaged("what is to be written to would be read-only")


def _counted_twice(dynamic: dict[int, int]) -> bool:
    """Whether the relocations of functions are counted among the others."""
    rela, jump = dynamic.get(elf.RELA, 0), dynamic.get(elf.JMPREL, -1)
    return rela <= jump < rela + dynamic.get(elf.RELASZ, 0)


def _spans(section: Section, size: int) -> bool:
    """Whether a table is a section, or several sections of relocations, whose sum is looked at."""
    return section.size == size or (section.type == _RELA and size > section.size)
