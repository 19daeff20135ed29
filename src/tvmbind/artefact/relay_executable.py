"""A Relay executable, read and checked.

Each instruction has a hash, which the runtime checks; what is around them has none. Source: TVM's
``runtime/vm/executable.cc`` (LoadFromStream).
"""

from __future__ import annotations

import re

from ..errors import TVMValueError
from .arrays import Reader, skip
from .executable import read_version

_WITH_THIS_FORM = re.compile(r"0\.1[3-9]")
#: Invoke, InvokePacked, LoadConst: the first number is that of a function, a kernel, a constant.
_INVOKE, _INVOKE_PACKED, _LOAD_CONST = 2, 4, 11
#: Move, Ret, LoadConst, LoadConsti, KillRegister: the last number is a register.
_RESULT_LAST = (0, 1, _LOAD_CONST, 14, 20)


def read_devices(reader: Reader) -> tuple[int, int]:
    """Takes the devices off, which follow the version: how many there are, and which is the host's."""
    devices = reader.count("devices")
    for _ in range(devices):
        reader.numbers("ii", "a device")
        reader.text("a device's memory")
    (host,) = reader.numbers("i", "the host's device")
    return devices, host


def read_names(reader: Reader) -> list[str]:
    """Takes the names of the functions off, which follow the devices."""
    return _texts(reader, "names of functions")


def check(content: memoryview) -> None:
    """Checks an executable.

    Raises
    ------
    TVMValueError
        If it is damaged.
    """
    reader = Reader(content)
    if not _WITH_THIS_FORM.match(read_version(reader)):
        return  # the runtime refuses it, unless it is of the same version
    devices, host = read_devices(reader)
    names = read_names(reader)
    constants = reader.count("constants", 4)
    for _ in range(constants):
        (late,) = reader.numbers("I", "a constant's kind")
        if late > 1:
            raise TVMValueError(f"a constant is of the unknown kind {late}")
        if late:  # bound later, from a file of its own
            reader.text("a constant's name")
        else:
            skip(reader, "a constant")
    places = reader.integers("the devices of constants", "q")
    if len(places) != constants or any(not 0 <= each < devices for each in (host, *places)):
        raise TVMValueError("it has a device that is not there")
    kernels = _texts(reader, "names of kernels")
    _check_attributes(reader, len(kernels))
    count = reader.count("functions")
    limits = {_INVOKE: len(names), _INVOKE_PACKED: len(kernels), _LOAD_CONST: constants}
    found = [_check_function(reader, devices, limits) for _ in range(count)]
    if sorted(found) != sorted(names) or len(set(names)) < count:
        raise TVMValueError(f"it has the functions {found}, and says {names}")
    reader.end()


def _texts(reader: Reader, what: str) -> list[str]:
    return [reader.text(f"the {what}") for _ in range(reader.count(what))]


def _check_attributes(reader: Reader, kernels: int) -> None:
    for _ in range(reader.count("attributes of kernels")):
        number, size = reader.numbers("QQ", "the attributes of a kernel")
        if number >= kernels:
            raise TVMValueError("a kernel that is not there has attributes")
        for _ in range(size):
            reader.text("an attribute")
            reader.text("an attribute")


def _check_function(reader: Reader, devices: int, limits: dict[int, int]) -> str:
    """Checks a function; returns its name."""
    described = _texts(reader, "parts of a function")
    if len(described) != 3 or not all(each.isdecimal() and len(each) < 8 for each in described[1:]):
        raise TVMValueError(f"a function is described as {described}")
    name, registers, length = described[0], int(described[1]), int(described[2])
    parameters = _texts(reader, "parameters of a function")
    places = reader.integers("the devices of parameters", "q")
    if len(places) != len(parameters) or any(not 0 <= each < devices for each in places):
        raise TVMValueError(f"the function {name!r} has a parameter on no device")
    highest = len(parameters) - 1
    for _ in range(length):
        words = reader.integers("an instruction", "q")
        if len(words) < 2:
            raise TVMValueError("an instruction is empty")
        operation, fields = words[1], words[2:]
        if operation in limits and (not fields or not 0 <= fields[0] < limits[operation]):
            raise TVMValueError(f"the function {name!r} uses what is not there")
        if operation in _RESULT_LAST and fields:
            highest = max(highest, fields[-1])
    if highest >= registers:
        raise TVMValueError(f"the function {name!r} has {registers} registers and uses {highest + 1}")
    return name
