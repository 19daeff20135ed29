"""A Relax executable: its functions, constants and instructions, read and checked.

Source: TVM's ``runtime/relax_vm/executable.cc`` (LoadFromStream); since 0.21 ``runtime/vm/executable.cc``.
"""

from __future__ import annotations

from typing import Any, NamedTuple, Union

from ..errors import TVMValueError
from . import relax_bytecode
from .arrays import Reader, skip
from .executable import read_version

_CLASSIC_CONSTANTS = {0: "array", 1: "dtype", 2: "shape", 3: "text", 4: "int"}
_MODERN_CONSTANTS = {1: "int", 3: "float", 5: "dtype", 65: "text", 69: "shape", 70: "array"}


class Function(NamedTuple):
    """A function of the bytecode, or one that it calls (kind 0)."""

    kind: int
    name: str
    start: int
    end: int
    arguments: int
    registers: int


class Executable(NamedTuple):
    """What an executable holds.

    Attributes
    ----------
    functions : list of Function
    constants : list
        Of an array its size in bytes, of others what they are and their value, as ``("shape", [1, 3])``.
    offsets : list of int
        Where each instruction begins in `code`.
    code : list of int
    """

    functions: list[Function]
    constants: list[Any]
    offsets: list[int]
    code: list[int]


def read_functions(reader: Reader) -> list[Function]:
    """Takes the functions off, which stand first.

    Raises
    ------
    TVMValueError
        If they are damaged.
    """
    read_version(reader)
    count = reader.count("functions")
    functions = [_function(reader) for _ in range(count)]
    if len({each.name for each in functions}) < count:
        raise TVMValueError("two functions have one name")
    return functions


def check(content: memoryview, generation: str) -> None:
    """Checks an executable of a generation of TVM.

    Raises
    ------
    TVMValueError
        If it is damaged.
    """
    executable = _read(Reader(content), generation != "classic")
    ends = [*executable.offsets[1:], len(executable.code)]
    if executable.offsets[:1] not in ([], [0]) or any(not a < b for a, b in zip(executable.offsets, ends)):
        raise TVMValueError("its instructions are not one after the other")
    for function in executable.functions:
        if function.kind == 1:
            relax_bytecode.Body(executable, function).check(ends)


def _read(reader: Reader, modern: bool) -> Executable:
    functions = read_functions(reader)
    if modern:
        for _ in range(reader.count("kinds of memory")):
            reader.numbers("q", "a constant's number")
            reader.text("a kind of memory")
    kinds = _MODERN_CONSTANTS if modern else _CLASSIC_CONSTANTS
    constants = [_constant(reader, kinds) for _ in range(reader.count("constants"))]
    offsets = reader.integers("the places of instructions", "q")
    code = reader.integers("the instructions", "q")
    reader.end()
    return Executable(functions, constants, offsets, code)


def _function(reader: Reader) -> Function:
    (kind,) = reader.numbers("i", "a function's kind")
    name = reader.text("a function's name")
    start, end, arguments, registers = reader.numbers("4q", "a function's place")
    parameters = reader.count("parameters of a function")
    for _ in range(parameters):
        reader.text("a parameter's name")
    if kind not in (0, 1, 2) or (kind == 1 and not 0 <= parameters == arguments <= registers < 1 << 24):
        raise TVMValueError(f"the function {name!r} has other numbers of parameters and registers than it says")
    if not name or "\0" in name:
        raise TVMValueError("a function has no name")
    return Function(kind, name, start, end, arguments, registers)


def _constant(reader: Reader, kinds: dict[int, str]) -> Union[int, tuple[str, Any]]:
    (kind,) = reader.numbers("i", "the kind of a constant")
    what = kinds.get(kind)
    if what == "array":
        return skip(reader, "a constant").nbytes
    if what == "dtype":
        return what, reader.numbers("BBH", "an element type")
    if what == "shape":
        extents = reader.integers("a shape", "q")
        if min(extents, default=0) < 0 or max(extents, default=0) > 1 << 40:
            raise TVMValueError(f"no array has the shape {extents}")
        return what, extents
    if what == "text":
        return what, reader.text("a text")
    if what == "int":
        return what, reader.numbers("q", "a number")[0]
    if what == "float":
        return what, reader.numbers("d", "a number")[0]
    raise TVMValueError(f"a constant is of the unknown kind {kind}")
