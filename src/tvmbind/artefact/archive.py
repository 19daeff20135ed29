"""Archives that hold a model's files: tar, compressed or not, and zip. Unpacked as if their maker meant harm.

Only plain files come out, below a new folder of this process's own, and never more than an archive of that size can
honestly hold. What an archive says of itself is not believed: every byte that is taken is counted.
"""

from __future__ import annotations

import io
import os
import shutil
import stat
import tempfile
import weakref
from collections.abc import Iterator
from importlib import import_module
from typing import IO, Any, NamedTuple

from ..errors import TVMError, TVMOSError, TVMValueError

_ZIP = (b"PK\x03\x04", b"PK\x05\x06")
#: First bytes -> the module of Python's that undoes the compression.
_COMPRESSED = {b"\x1f\x8b": "gzip", b"BZh": "bz2", b"\xfd7zXZ\x00": "lzma"}
_MOST_FILES = 4096
# Weights hardly shrink and text shrinks by ten; what unpacks to more than this is made to fill a disk.
_RATIO, _ALWAYS = 100, 64 << 20
_BETWEEN = 1 << 20  # bytes that may come between two files of a tar: long names, attributes
_CHUNK = 1 << 20


class _Entry(NamedTuple):
    """A plain file in an archive, and how to open it."""

    name: str
    size: int
    content: Any


class Unpacked:
    """The folder of an unpacked archive, which goes when this object does."""

    def __init__(self) -> None:
        self.folder = tempfile.mkdtemp(prefix="tvmbind-")
        weakref.finalize(self, _remove, self.folder, os.getpid())


def _remove(folder: str, owner: int) -> None:
    if os.getpid() == owner:  # a child of fork leaves its parent's files alone
        shutil.rmtree(folder, ignore_errors=True)


def kind_of(file: str) -> str:
    """``"zip"``, ``"tar"``, or how a tar is compressed, told by a file's first bytes; empty if it is no archive."""
    with open(file, "rb") as opened:
        head = opened.read(512)
    if head.startswith(_ZIP):
        return "zip"
    if head[257:262] == b"ustar":
        return "tar"
    return next((kind for magic, kind in _COMPRESSED.items() if head.startswith(magic)), "")


def unpack(file: str, kind: str) -> Unpacked:
    """Unpacks an archive whose kind `kind_of` told.

    Raises
    ------
    TVMValueError
        If it is damaged, or holds what would leave its folder, a link, a device, or more than it can honestly hold.
    TVMOSError
        If there is no room for it.
    """
    into = Unpacked()
    size = os.path.getsize(file)
    room = min(size * _RATIO + _ALWAYS, shutil.disk_usage(into.folder).free)
    try:
        for count, entry in enumerate(_of_zip(file) if kind == "zip" else _of_tar(file, kind, room)):
            room -= entry.size
            if count >= _MOST_FILES or room < 0:
                raise TVMValueError(f"it holds more than {count} files, or than fits: is it made to fill the disk?")
            _write(entry, into.folder)
    except _damages() as error:
        raise TVMValueError(f"cannot unpack {file}: {error or type(error).__name__}") from None
    except OSError as error:
        raise TVMOSError(f"cannot unpack {file}: {error.strerror or error}") from None
    return into


def _damages() -> tuple[type[Exception], ...]:
    """What Python's modules raise about a damaged archive, or one of a form that they do not read."""
    import tarfile
    import zipfile
    import zlib

    found: list[type[Exception]] = [tarfile.TarError, zipfile.BadZipFile, zlib.error, EOFError, ImportError]
    found += [TVMError, ValueError, NotImplementedError, RuntimeError, IndexError, OverflowError, MemoryError]
    try:
        found.append(import_module("lzma").LZMAError)
    except ImportError:  # a Python that was built without it
        pass
    return tuple(found)


def _of_zip(file: str) -> Iterator[_Entry]:
    import zipfile

    with zipfile.ZipFile(file) as archive:
        for info in archive.infolist():
            mode = info.external_attr >> 16
            if stat.S_IFMT(mode) not in (0, stat.S_IFREG, stat.S_IFDIR):
                raise TVMValueError(f"{info.filename!r} in it is no plain file")
            if not info.is_dir():
                with archive.open(info) as content:
                    yield _Entry(info.filename, info.file_size, content)


def _of_tar(file: str, kind: str, room: int) -> Iterator[_Entry]:
    import tarfile

    opener = open if kind == "tar" else import_module(kind).open
    with opener(file, "rb") as opened:
        counted = _Counted(opened)
        # As a stream: an index of all that is in it would have to be unpacked to be seen.
        with tarfile.open(fileobj=counted, mode="r|") as archive:
            for info in archive:
                if not (info.isfile() or info.isdir()) or info.issparse():
                    raise TVMValueError(f"{info.name!r} in it is no plain file")
                if not 0 <= info.size <= room:
                    raise TVMValueError(f"{info.name!r} in it has {info.size} bytes: is it made to fill the disk?")
                counted.left = info.size + _BETWEEN
                if info.isfile():
                    yield _Entry(info.name, info.size, archive.extractfile(info))


class _Counted(io.RawIOBase):
    """A file to read on, up to where it was last said."""

    def __init__(self, opened: IO[bytes]) -> None:
        super().__init__()
        self._opened = opened
        self.left = _BETWEEN

    def read(self, size: int = -1) -> bytes:
        found = self._opened.read(size)
        self.left -= len(found)
        if self.left < 0:
            raise TVMValueError("there is more between its files than a tar has")
        return found


def _write(entry: _Entry, folder: str) -> None:
    name = entry.name.replace("\\", "/")
    parts = [part for part in name.split("/") if part not in ("", ".")]
    if name.startswith("/") or ".." in parts or not parts or "\0" in name or (os.name == "nt" and ":" in name):
        raise TVMValueError(f"{entry.name!r} in it would leave its folder")
    where = os.path.join(folder, *parts)
    os.makedirs(os.path.dirname(where), exist_ok=True)
    written = 0
    try:
        with open(where, "xb") as out:
            while True:
                piece = entry.content.read(_CHUNK)
                if not piece:
                    break
                written += len(piece)
                if written > entry.size:
                    break
                out.write(piece)
    except FileExistsError:
        raise TVMValueError(f"{entry.name!r} is in it twice") from None
    if written != entry.size:
        raise TVMValueError(f"{entry.name!r} in it ends after {written} of {entry.size} bytes")
