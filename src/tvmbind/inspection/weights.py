"""What weights tell by their headers: how many, how large, of which types."""

from __future__ import annotations

import mmap
from collections import Counter
from collections.abc import Mapping
from typing import Any

from ..artefact.arrays import Header, Reader, read_count, read_magic, read_names, skip


def headers(file: str) -> dict[str, Header]:
    """The headers of the arrays in a file of params, by name.

    Raises
    ------
    TVMValueError
        If it is damaged.
    """
    with open(file, "rb") as opened:  # mapped: only headers are touched, and weights may be larger than the memory
        reader = Reader(memoryview(mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ)), "the params end")
    read_magic(reader)
    names = read_names(reader)
    read_count(reader, len(names))
    return {name: skip(reader, name) for name in names}


def summary(headers: Mapping[str, Header]) -> dict[str, Any]:
    """What a report has of arrays."""
    elements = 0
    for header in headers.values():
        count = 1
        for extent in header.shape:
            count *= extent
        elements += count
    return {
        "count": len(headers),
        "elements": elements,
        "nbytes": sum(header.nbytes for header in headers.values()),
        "dtypes": dict(Counter(str(header.dtype) for header in headers.values())),
        "arrays": {
            name: {"dtype": str(header.dtype), "shape": list(header.shape), "nbytes": header.nbytes}
            for name, header in headers.items()
        },
    }
