"""Parameter files (``.params``): a dict of arrays, in TVM's own format.

Read and written here, not by the runtime: it believes every number in the file, and 0.7 has no function for it. The
form is the same from 0.5 to 0.20; `artefact.arrays` reads what is ahead of the elements.
"""

from __future__ import annotations

import mmap
import os
import struct
from collections.abc import Iterator, Mapping
from typing import Any, Union, overload

from .artefact.arrays import (
    ARRAY_MAGIC,
    LIST_MAGIC,
    Header,
    Reader,
    damaged,
    read_count,
    read_header,
    read_magic,
    read_names,
)
from .errors import TVMError, TVMOSError, TVMValueError, ZeroCopyError
from .interchange import from_dlpack
from .library import load_runtime
from .ndarray import NDArray, array, empty

_ENDS = "the params end"


@overload
def load_param_dict(param_bytes: Union[bytes, bytearray, memoryview]) -> dict[str, NDArray]: ...
@overload
def load_param_dict(param_bytes: os.PathLike[str]) -> ParamFile: ...
def load_param_dict(
    param_bytes: Union[bytes, bytearray, memoryview, os.PathLike[str]],
) -> Union[dict[str, NDArray], ParamFile]:
    """The arrays of a ``.params`` file.

    Parameters
    ----------
    param_bytes : bytes or path
        The file's contents; or a path (a `pathlib.Path`, not a str), for a large file.

    Returns
    -------
    dict of str to NDArray, or ParamFile
        On the host, in the file's order. Of contents a dict, with the elements copied; of a path a mapping that is
        read where and when an array is asked for.

    Raises
    ------
    TVMValueError
        If it is no such file, or is cut short or damaged; says where. Also a ``ValueError``.
    """
    load_runtime()  # so that there being none is no error of the file's
    if isinstance(param_bytes, os.PathLike):
        return ParamFile(param_bytes)
    reader = Reader(memoryview(param_bytes).cast("B"), _ENDS)
    read_magic(reader)
    names = read_names(reader)
    read_count(reader, len(names))
    return {name: _read_array(reader, name) for name in names}


def _read_array(reader: Reader, name: str) -> NDArray:
    header = read_header(reader, name)
    return _made(header, reader.take(header.nbytes, f"the array {name!r}"), name)


def _made(header: Header, data: memoryview, name: str) -> NDArray:
    """An array of a file's elements, copied."""
    try:
        made = empty(header.shape, header.dtype)
    except (ValueError, TVMError):
        raise damaged(header, name) from None
    made._fill(data)
    return made


class ParamFile(Mapping[str, NDArray]):
    """A ``.params`` file as a mapping: all its numbers are checked when it is opened, no elements are read then.

    Asking for an array gives a new one each time: over the file's own pages where these are aligned for the runtime
    (`runtime_info`), so that writing to it changes neither the file nor what is read again from it elsewhere; else a
    copy. The file may be deleted or replaced meanwhile; it must not be cut short or written to in place.

    Parameters
    ----------
    path : path

    Raises
    ------
    TVMOSError
        If it cannot be read.
    TVMValueError
        If it is no such file, or is cut short or damaged; says where.
    """

    def __init__(self, path: Union[str, os.PathLike[str]]) -> None:
        self.path = os.fspath(path)
        try:
            with open(self.path, "rb") as opened:
                # Pages of our own as soon as somebody writes to them.
                empty_file = not os.fstat(opened.fileno()).st_size
                self._pages: Any = b"" if empty_file else mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_COPY)
        except OSError as error:
            raise TVMOSError(f"cannot read {self.path}: {error.strerror or error}") from None
        reader = Reader(memoryview(self._pages), _ENDS)
        read_magic(reader)
        names = read_names(reader)
        read_count(reader, len(names))
        self._places: dict[str, int] = {}
        self.headers: dict[str, Header] = {}
        for name in names:
            header = self.headers[name] = read_header(reader, name)
            self._places[name] = reader.at
            reader.take(header.nbytes, f"the array {name!r}")
        if reader.at < len(reader.data):
            raise TVMValueError(f"the params are damaged: {len(reader.data) - reader.at} bytes follow the last array")

    def __getitem__(self, name: str) -> NDArray:
        header, start = self.headers[name], self._places[name]
        if header.nbytes and header.dtype in _OF_NUMPY:
            import numpy as np

            count = header.nbytes // np.dtype(header.dtype).itemsize
            try:
                return from_dlpack(np.frombuffer(self._pages, header.dtype, count, start).reshape(header.shape))
            except ZeroCopyError:
                pass
        return _made(header, memoryview(self._pages)[start : start + header.nbytes], name)

    def __iter__(self) -> Iterator[str]:
        return iter(self.headers)

    def __len__(self) -> int:
        return len(self.headers)

    def __repr__(self) -> str:
        return f"<ParamFile {self.path}: {len(self)} arrays>"


#: Element types that are numpy's own.
_OF_NUMPY = frozenset(f"{kind}{bits}" for kind in ("int", "uint") for bits in (8, 16, 32, 64)) | {
    "float16", "float32", "float64",
}  # fmt: skip


def names_only(names: Mapping[str, Any]) -> bytes:
    """The start of a ``.params`` file that has arrays of these names, which is all that some of TVM reads."""
    raw = [name.encode() for name in names]
    parts = [struct.pack("<Q", len(name)) + name for name in raw]
    count = struct.pack("<Q", len(raw))
    return b"".join((struct.pack("<QQ", LIST_MAGIC, 0), count, *parts, count))


def save_param_dict(params: Mapping[str, Any]) -> bytes:
    """The contents of a ``.params`` file.

    Parameters
    ----------
    params : mapping of str to NDArray or array_like

    Returns
    -------
    bytes
        As TVM writes them, in the mapping's order.

    Raises
    ------
    TypeError
        If a name is no str, or an element type is none of TVM's.
    """
    names, blocks = [], []
    for name, value in params.items():
        if not isinstance(name, str):
            raise TypeError(f"expected names of parameters as str, got {name!r}")
        raw = name.encode()
        names.append(struct.pack("<Q", len(raw)) + raw)
        blocks.append(_array_bytes(value if isinstance(value, NDArray) else array(value)))
    count = struct.pack("<Q", len(names))
    return b"".join((struct.pack("<QQ", LIST_MAGIC, 0), count, *names, count, *blocks))


def _array_bytes(value: NDArray) -> bytes:
    dtype, shape = value.dtype, value.shape
    if dtype.lanes != 1:
        raise TypeError(f"params hold no vectors, and an array is of {dtype}")
    head = struct.pack(
        f"<QQiiiBBH{len(shape)}qq",
        ARRAY_MAGIC, 0, 1, 0, len(shape), dtype.type_code, dtype.bits, dtype.lanes, *shape, value.nbytes,
    )  # fmt: skip
    return head + value._to_bytes()
