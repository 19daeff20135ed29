"""Arrays as TVM saves them, one or a list with names, as in ``.params`` files: their headers, read and checked.

All numbers are little-endian, the same from 0.5 to today. Source: TVM's ``runtime/file_utils.cc`` (SaveParams,
LoadParams) and ``NDArray::Save``.
"""

from __future__ import annotations

import struct
from typing import Any, NamedTuple

from ..dtype import DataType
from ..errors import TVMValueError

LIST_MAGIC = 0xF7E58D4F05049CB7
ARRAY_MAGIC = 0xDD5E40F096B4A13F
_NUMBERS = (0, 1, 2, 4, 5, 6, 7)  # int, uint, float, bfloat, complex, and the two floats of 8 bits
_BITS = (1, 2, 4, 6, 8, 16, 32, 64, 128)
_LARGEST = 2**48


class Reader:
    """Takes pieces off a buffer, and never more than there is; `ends` begins the error that says so."""

    def __init__(self, data: memoryview, ends: str = "it ends") -> None:
        self.data = data
        self._ends = ends
        self.at = 0

    def take(self, size: int, what: str) -> memoryview:
        """The next bytes; `what` they are, for the error if there are not as many."""
        if size < 0 or size > len(self.data) - self.at:
            raise TVMValueError(
                f"{self._ends} within {what}: {size} bytes are needed at byte {self.at}, "
                f"{len(self.data) - self.at} are left"
            )
        piece = self.data[self.at : self.at + size]
        self.at += size
        return piece

    def numbers(self, form: str, what: str) -> tuple[Any, ...]:
        """The next numbers, in a form of `struct`'s."""
        return struct.unpack(f"<{form}", self.take(struct.calcsize(f"<{form}"), what))

    def count(self, what: str, least: int = 8) -> int:
        """The next number, which says how many items of at least so many bytes follow."""
        (count,) = self.numbers("Q", f"the number of {what}")
        left = len(self.data) - self.at
        if count > left // least:
            raise TVMValueError(f"{self._ends} before the last of {count} {what}: {left} bytes are left")
        return int(count)

    def text(self, what: str) -> str:
        """The next text, which its length is ahead of."""
        (length,) = self.numbers("Q", what)
        return bytes(self.take(length, what)).decode()

    def integers(self, what: str, form: str = "Q") -> list[int]:
        """The next list of numbers of eight bytes each, which its length is ahead of."""
        (length,) = self.numbers("Q", what)
        return list(struct.unpack(f"<{length}{form}", self.take(8 * length, what)))

    def end(self) -> None:
        """Raises an error if bytes are left."""
        if self.at != len(self.data):
            raise TVMValueError(f"{len(self.data) - self.at} bytes are left")


def read_magic(reader: Reader) -> None:
    """Takes the first bytes off a file of params.

    Raises
    ------
    TVMValueError
        If they are not those of such a file.
    """
    magic, _ = reader.numbers("QQ", "the header")
    if magic != LIST_MAGIC:
        raise TVMValueError(f"these are no params of TVM's: they begin with {magic:#x}, not {LIST_MAGIC:#x}")


def read_names(reader: Reader) -> list[str]:
    """Takes the names of the arrays off a file of params.

    Raises
    ------
    TVMValueError
        If they are damaged.
    """
    (count,) = reader.numbers("Q", "the number of names")
    names = []
    for index in range(count):
        (length,) = reader.numbers("Q", f"the length of name {index}")
        raw = bytes(reader.take(length, f"name {index}"))
        try:
            names.append(raw.decode())
        except UnicodeDecodeError:
            raise TVMValueError(f"name {index} of the params is no UTF-8 text: {raw[:40]!r}") from None
    if len(set(names)) < count:
        raise TVMValueError("the params are damaged: they have a name twice")
    return names


def read_count(reader: Reader, names: int) -> None:
    """Takes the number of the arrays that follow off a file of params.

    Raises
    ------
    TVMValueError
        If it is not that of the names.
    """
    (arrays,) = reader.numbers("Q", "the number of arrays")
    if arrays != names:
        raise TVMValueError(f"the params have {names} names and {arrays} arrays")


class Header(NamedTuple):
    """What a file of params says of an array, ahead of its elements.

    Attributes
    ----------
    shape : tuple of int
    dtype : DataType
    nbytes : int
    """

    shape: tuple[int, ...]
    dtype: DataType
    nbytes: int


def damaged(header: Header, name: str) -> TVMValueError:
    """The error that says so of an array with this header."""
    return TVMValueError(
        f"the array {name!r} of the params is damaged: shape {header.shape} of {header.dtype} in {header.nbytes} bytes"
    )


def read_header(reader: Reader, name: str) -> Header:
    """Takes an array's header off a file of params.

    Raises
    ------
    TVMValueError
        If it is damaged.
    """
    what = f"the array {name!r}"
    magic, _, device_type, _, ndim, code, bits, lanes = reader.numbers("QQiiiBBH", what)
    if magic != ARRAY_MAGIC:
        raise TVMValueError(f"{what} of the params is damaged: it begins with {magic:#x}, not {ARRAY_MAGIC:#x}")
    if device_type != 1:
        raise TVMValueError(f"{what} of the params is for device type {device_type}, expected the host's")
    if not 0 <= ndim <= 64:
        raise TVMValueError(f"{what} of the params has {ndim} dimensions")
    shape = reader.numbers(f"{ndim}q", what)
    (nbytes,) = reader.numbers("q", what)
    header = Header(shape, DataType.from_code(code, bits, lanes), nbytes)
    expected = (bits + 7) // 8  # TVM's writer leaves the lanes out
    for extent in shape:
        expected *= extent
    if min(shape, default=0) < 0 or max(shape, default=0) > _LARGEST or nbytes != expected or lanes != 1:
        raise damaged(header, name)
    if code not in _NUMBERS or bits not in _BITS:
        raise damaged(header, name)
    return header


def skip(reader: Reader, name: str) -> Header:
    """Takes an array off, header and elements.

    Raises
    ------
    TVMValueError
        If it is damaged, or not all there.
    """
    header = read_header(reader, name)
    reader.take(header.nbytes, f"the array {name!r}")
    return header
