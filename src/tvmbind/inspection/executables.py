"""What the executable of a virtual machine tells: its functions, its constants, what its functions check.

Whatever is of another form than is known here counts as unknown.
"""

from __future__ import annotations

import re
import struct
from typing import Any, NamedTuple, Optional

from ..artefact.arrays import ARRAY_MAGIC, Header, Reader, skip
from ..artefact.executable import read_version
from ..artefact.kinds import RELAY
from ..artefact.relax_executable import read_functions
from ..artefact.relay_executable import read_devices, read_names
from ..executor.inputs import TensorInfo

_ARRAY = struct.pack("<QQ", ARRAY_MAGIC, 0)
#: How Relax's own check of an argument or a result begins; executor.relax_code reads the rest.
_CONTEXT = re.compile(
    rb"ErrorContext\(fn=(?P<fn>[^,]+), loc=(?:param\[(?P<index>\d+)\], param=(?P<name>[^,]*)|return), "
    rb"annotation=(?P<annotation>[^\0]*?)\) "
)


class Executable(NamedTuple):
    """What an executable tells.

    Attributes
    ----------
    compiler : str
        The version of TVM that compiled it, where it says so.
    functions : list of str
    constants : dict of str to Header
        They have no names, but numbers.
    contexts : dict
        What Relax's functions check: name of the function -> ``(number or None: result, name, annotation)``.
    """

    compiler: str
    functions: list[str]
    constants: dict[str, Header]
    contexts: dict[str, list[tuple[Optional[int], str, str]]]


def read(content: memoryview, kind: str) -> Executable:
    """What an executable of a kind tells.

    Raises
    ------
    TVMValueError
        If it is none.
    """
    raw = bytes(content)
    version = read_version(Reader(content))
    if kind == RELAY:
        return Executable(version, _functions(content, kind), _constants(raw), {})
    contexts: dict[str, list[Any]] = {}
    for match in _CONTEXT.finditer(raw):
        function, index, name, annotation = (each.decode() if each else "" for each in match.groups())
        contexts.setdefault(function, []).append((int(index) if index else None, name, annotation))
    return Executable("", _functions(content, kind), _constants(raw), contexts)


def _functions(content: memoryview, kind: str) -> list[str]:
    """The names of its own functions; empty if it has another form."""
    reader = Reader(content)
    try:
        if kind != RELAY:
            return [function.name for function in read_functions(reader) if function.kind]  # 0: of others
        read_version(reader)
        read_devices(reader)
        return read_names(reader)
    except (ValueError, OverflowError):
        return []


def _constants(content: bytes) -> dict[str, Header]:
    """The arrays in it, found by how each of them begins: so in any version's form."""
    found: dict[str, Header] = {}
    at = content.find(_ARRAY)
    while at >= 0:
        reader = Reader(memoryview(content))
        reader.at = at
        try:
            header = skip(reader, str(len(found)))
        except (ValueError, OverflowError):
            at = content.find(_ARRAY, at + 1)
            continue
        found[str(len(found))] = header
        at = content.find(_ARRAY, reader.at)
    return found


def signature(
    executable: Executable, function: str
) -> tuple[Optional[list[TensorInfo]], Optional[list[TensorInfo]]]:
    """What a function of Relax's takes and gives, as far as its own checks tell; None where they do not."""
    from ..executor.relax_code import annotated, tensors

    found = executable.contexts.get(function, [])
    inputs = {index: annotated(name, text) for index, name, text in found if index is not None}
    results = [tensors(text) for index, _, text in found if index is None]
    complete = sorted(inputs) == list(range(len(inputs))) and bool(inputs)
    return [inputs[index] for index in sorted(inputs)] if complete else None, results[0] if results else None
