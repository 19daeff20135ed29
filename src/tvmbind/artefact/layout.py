"""Which files are a model's: told by their contents, for names and their endings mean nothing.

A model is given as its files, or as a folder or an archive that holds them: TVMC's package (``tvmc compile``), a tree
in Model Library Format, or whatever somebody packed. Source: TVM's ``tvmc/model.py`` and
``micro/model_library_format.py``.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple, Optional, Union

from ..errors import TVMOSError, TVMValueError

_PARAMS = (0xF7E58D4F05049CB7).to_bytes(8, "little")
# Windows, macOS (64-bit, and for several processors); of ELF see below.
_LIBRARIES = (b"MZ", b"\xcf\xfa\xed\xfe", b"\xca\xfe\xba\xbe")
_GRAPH_KEYS = (b'"arg_nodes"', b'"heads"', b'"node_row_ptr"')
_SOURCES = (".c", ".cc", ".cpp", ".h")
_DEPTH = 16


class Found(NamedTuple):
    """Paths by what they hold.

    Attributes
    ----------
    libraries, graphs, params : list of str
    objects : list of str
        Compiled, not linked.
    """

    libraries: list[str]
    graphs: list[str]
    params: list[str]
    objects: list[str]


class Layout(NamedTuple):
    """The files of one model.

    Attributes
    ----------
    library : str
    graph, params : str, optional
    keep : list
        What the files go with: unpacked archives.
    """

    library: str
    graph: Optional[str]
    params: Optional[str]
    keep: list[Any]


def find(paths: Sequence[Union[str, os.PathLike[str]]]) -> Layout:
    """The files of a model, of what a caller named.

    Raises
    ------
    TVMOSError
        If one is not there, or cannot be read.
    TVMValueError
        If they are no model; says what is missing, and what was found.
    """
    if not paths:
        raise TypeError("load_model takes the files of a model, or its folder or archive; got none")
    found, sources, keep = collect(paths)
    library, graph, params = _parts(found, sources)
    return Layout(library, graph, params, keep)


def collect(paths: Sequence[Union[str, os.PathLike[str]]]) -> tuple[Found, list[str], list[Any]]:
    """All files of TVM's in what a caller named, be they a model or not; names of sources; what the files go with.

    Raises
    ------
    TVMOSError
        If one is not there, or cannot be read.
    TVMValueError
        If one is none of TVM's, or holds none.
    """
    found = Found([], [], [], [])
    keep: list[Any] = []
    sources: list[str] = []
    for path in paths:
        name = os.path.abspath(os.fsdecode(path))
        if os.path.isdir(name):
            sources += _sort_folder(name, found, f"the folder {name}")
        elif not _sort(name, found):
            from . import archive  # here, not above: few need it, and it is slow to import

            kind = archive.kind_of(name)
            if not kind:
                raise TVMValueError(
                    f"{name} is no part of a model: expected a library (.so), a graph (.json), weights (.params), or "
                    "a folder or archive of these"
                )
            keep.append(archive.unpack(name, kind))
            sources += _sort_folder(keep[-1].folder, found, f"{name} is no part of a model: this archive")
    return found, sources, keep


def _sort_folder(folder: str, found: Found, what: str) -> list[str]:
    """Adds what is in a folder; returns the names of source files, if it is a tree in Model Library Format."""
    top = _top(folder)
    inside = sorted(os.listdir(top))
    of_mlf = metadata(top) is not None
    before = sum(map(len, found))
    others = []
    for file in _files_below(top) if of_mlf else filter(os.path.isfile, (os.path.join(top, each) for each in inside)):
        if not _sort(file, found):
            others.append(os.path.relpath(file, top))
    if of_mlf:
        return [name for name in others if name.endswith(_SOURCES)]
    if sum(map(len, found)) == before:
        there = f"only {', '.join(others[:8])}{' ...' if len(others) > 8 else ''}" if others else "no files"
        raise TVMValueError(f"{what} holds no library, graph or params of TVM's: there are {there}")
    return []


def _top(folder: str) -> str:
    """The first folder below that holds more than one folder: an archive often holds one, which holds all."""
    for _ in range(_DEPTH):
        inside = os.listdir(folder)
        if len(inside) != 1 or not os.path.isdir(os.path.join(folder, inside[0])):
            break
        folder = os.path.join(folder, inside[0])
    return folder


def _files_below(folder: str) -> Iterator[str]:
    for place, folders, files in os.walk(folder):
        folders.sort()
        yield from (os.path.join(place, each) for each in sorted(files))


def metadata(folder: str) -> Optional[dict[str, Any]]:
    """The ``metadata.json`` of a tree in Model Library Format, of any of its versions; None if it is no such tree."""
    file = os.path.join(_top(folder), "metadata.json")
    if not os.path.isfile(file):
        return None
    import json  # here, not above: json makes importing tvmbind slow

    try:
        with open(file, encoding="utf-8") as opened:
            found = json.load(opened)
    except (OSError, ValueError, RecursionError):
        return None
    told = isinstance(found, dict) and "version" in found and bool({"modules", "model_name"} & found.keys())
    return found if told else None


def _sort(file: str, found: Found) -> bool:
    """Adds a file to those of its kind, told by its contents; False if it is of none."""
    try:
        with open(file, "rb") as opened:
            head = opened.read(18)
            if head.startswith(b"\x7fELF"):
                kind = found.objects if _is_object(head) else found.libraries
            elif head.startswith(_LIBRARIES):
                kind = found.libraries
            elif head.startswith(_PARAMS):
                kind = found.params
            elif head.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] == b"{" and _has_graph(head + opened.read()):
                kind = found.graphs
            else:
                return False
    except (OSError, ValueError) as error:
        raise TVMOSError(f"cannot read {file}: {getattr(error, 'strerror', None) or error}") from None
    if file not in kind:
        kind.append(file)
    return True


def _is_object(head: bytes) -> bool:
    """Whether an ELF file is what a compiler writes for the linker (ET_REL)."""
    return len(head) == 18 and struct.unpack_from("<H" if head[5] == 1 else ">H", head, 16) == (1,)


def _has_graph(text: bytes) -> bool:
    return any(key in text for key in _GRAPH_KEYS)


def _parts(found: Found, sources: list[str]) -> tuple[str, Optional[str], Optional[str]]:
    for kind, what in zip(found, ("libraries", "graphs", "params")):
        if len(kind) > 1:
            names = ", ".join(os.path.basename(each) for each in kind)
            raise TVMValueError(f"there are several {what}, {names}: name the files of one model")
    if not found.libraries and (sources or found.objects):
        named = ", ".join([*sources, *map(os.path.basename, found.objects)][:6])
        what, how = ("sources", "gcc -shared -fPIC -O2 -I TVM/include") if sources else ("object files", "gcc -shared")
        raise TVMValueError(
            f"the library (.so) is missing: there are {what} only, {named}. Make it of them ({how} ... -o model.so) "
            "and give it with the rest, or compile the model anew and use export_library"
        )
    if not found.libraries:
        there = " and ".join(os.path.basename(each) for kind in found[1:] for each in kind)
        others = "" if found.graphs else ", and the graph (.json)"
        raise TVMValueError(f"the library (.so) is missing{others}: there is only {there or 'a metadata.json'}")
    graph, params = (kind[0] if kind else None for kind in found[1:3])
    return found.libraries[0], graph, params


__all__ = ["Found", "Layout", "collect", "find", "metadata"]
