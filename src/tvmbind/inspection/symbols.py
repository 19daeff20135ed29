"""A shared library's symbols and bytes, read from its ELF tables.

Source: the ELF specification; names of TVM's symbols: ``runtime/module.h`` (``tvm::runtime::symbol``), and since 0.21
tvm-ffi's ``ffi/extra/module.h``.
"""

from __future__ import annotations

import struct
from collections.abc import Container
from typing import NamedTuple, Optional

from ..errors import TVMValueError

_MACHINES = {3: "x86", 40: "arm", 62: "x86_64", 183: "aarch64", 243: "riscv64"}
_DYNSYM, _DYNAMIC = 11, 6
_NEEDED = 1
_FUNCTIONS = (2, 10)  # STT_FUNC, STT_GNU_IFUNC


class Symbols(NamedTuple):
    """What a library says of itself.

    Attributes
    ----------
    machine : str
        Which processors it is for.
    functions : list of str
        What it defines, in the order of the file.
    data : dict of str to bytes
        What it defines as data, of what was wanted.
    undefined : list of str
        What others must define.
    needed : list of str
        Libraries that the system loads with it.
    code : bytes
        The section of its machine code.
    """

    machine: str
    functions: list[str]
    data: dict[str, bytes]
    undefined: list[str]
    needed: list[str]
    code: bytes


def read(raw: bytes, file: str, wanted: Container[str] = ()) -> Optional[Symbols]:
    """The symbols of a library, and the data of some; None if it is no 64-bit ELF of this byte order.

    Raises
    ------
    TVMValueError
        If its tables are damaged.
    """
    if raw[:6] != b"\x7fELF\2\1":
        return None
    try:
        return _read(raw, wanted)
    except (struct.error, IndexError, ValueError, OverflowError) as error:
        raise TVMValueError(f"{file} is damaged: its tables are no tables of a library ({error})") from None


def _read(raw: bytes, wanted: Container[str]) -> Symbols:
    (machine,) = struct.unpack_from("<H", raw, 18)
    (table,) = struct.unpack_from("<Q", raw, 40)
    size, count, names = struct.unpack_from("<HHH", raw, 58)
    # Of a section: name, type, flags, address, offset, size, link.
    sections = [struct.unpack_from("<IIQQQQI", raw, table + size * index) for index in range(count)]
    symbols = next((section for section in sections if section[1] == _DYNSYM), None)
    if symbols is None:
        raise ValueError("it has no table of symbols")
    texts = sections[symbols[6]][4]
    functions, data, undefined = [], {}, []
    for place, info, _, section, value, length in struct.iter_unpack("<IBBHQQ", _bytes(raw, symbols)):
        name = _text(raw, texts + place)
        if not section:
            undefined.append(name)
        elif info & 15 in _FUNCTIONS:
            functions.append(name)
        elif name in wanted and section < count:
            start = value - sections[section][3] + sections[section][4]
            if length > len(raw):
                raise ValueError(f"{name} has {length} bytes")
            data[name] = raw[start : start + length]
    needed = [
        _text(raw, sections[section[6]][4] + value)
        for section in sections
        if section[1] == _DYNAMIC
        for tag, value in struct.iter_unpack("<QQ", _bytes(raw, section))
        if tag == _NEEDED
    ]
    code = next((s for s in sections if _text(raw, sections[names][4] + s[0]) == ".text"), None)
    return Symbols(
        _MACHINES.get(machine, f"ELF machine {machine}"),
        functions,
        data,
        [name for name in undefined if name],
        needed,
        _bytes(raw, code) if code else b"",
    )


def _bytes(raw: bytes, section: tuple[int, ...]) -> bytes:
    if section[4] + section[5] > len(raw):
        raise ValueError("a section is outside of the file")
    return raw[section[4] : section[4] + section[5]]


def _text(raw: bytes, start: int) -> str:
    return raw[start : raw.index(b"\0", start)].decode(errors="replace")
