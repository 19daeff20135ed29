"""Calls packed functions as it is told, and tells what came of it: the other end of test_properties.py's comparison.

A process of its own for each core. What to call with is a tree of plain tuples, so that two processes make the same of
it; what came of it is text.
"""

from __future__ import annotations

import pickle
import re
import struct
import sys
import warnings
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np

import tvmbind as tvm
from arrays import make_array
from capsules import Exporter

MODELS = Path(__file__).parent.parent / "models" / ("" if tvm.load_runtime().abi == "classic" else "modern")


class Index:
    """Has ``__index__``, as an int of some library may."""

    def __index__(self) -> int:
        return 7


class BadIndex:
    """An index that fails."""

    def __index__(self) -> int:
        raise ZeroDivisionError("mine")


class Unhashable(int):
    """An int that cannot be a key."""

    __hash__ = None  # type: ignore[assignment]


class Text(str):
    """A subclass of str."""

    __slots__ = ()


STRANGE = {
    "object": object, "complex": lambda: 1 + 2j, "set": lambda: {1}, "Decimal": lambda: Decimal("1.5"),
    "generator": lambda: (i for i in ()), "class": lambda: int, "ellipsis": lambda: ..., "Index": Index,
    "BadIndex": BadIndex, "Unhashable": lambda: Unhashable(3), "Text": lambda: Text("text"),
    "datetime64": lambda: np.datetime64(0, "s"), "object array": lambda: np.array([object()] * 3)[::2],
    "text array": lambda: np.array(["a"] * 3)[::2], "times": lambda: np.zeros(3, "m8[s]")[::2],
    "array scalar": lambda: make_array("float64", (), 3), "range": lambda: range(3),
    "closed array": lambda: closed(tvm.empty((2,))), "closed function": lambda: closed(tvm.convert(len)),
    "bad device": lambda: tvm.Device(10**12, 0), "negative device": lambda: tvm.Device(1, -5), "cycle": lambda: cycle(),
    "numpy dtype": lambda: np.dtype("int16"), "numpy type": lambda: np.float32, "bool_": lambda: np.True_,
    "uint64": lambda: np.uint64(2**64 - 1), "longdouble": lambda: np.longdouble(1.5), "void": lambda: np.void(b"abc"),
}  # fmt: skip


def closed(value: Any) -> Any:
    """The value, closed."""
    value.close()
    return value


def cycle() -> list:
    """A list that holds itself."""
    made: list = []
    made.append(made)
    return made


def build(tree: tuple) -> Any:
    """The value that a tree of tuples describes."""
    kind, *rest = tree
    if kind == "value":
        return rest[0]
    if kind == "list":
        return [build(each) for each in rest[0]]
    if kind == "tuple":
        return tuple(build(each) for each in rest[0])
    if kind == "dict":
        return {key: build(each) for key, each in rest[0]}
    if kind == "bytearray":
        return bytearray(rest[0])
    if kind == "memoryview":
        return memoryview(rest[0])
    if kind == "scalar":
        return np.dtype(rest[0]).type(rest[1])
    if kind == "array":
        return make_array(*rest)
    if kind == "NDArray":
        return tvm.array(make_array(*rest))
    if kind == "shared":
        return Exporter(make_array(*rest))
    if kind == "device":
        return tvm.Device(*rest)
    if kind == "dtype":
        return tvm.DataType(rest[0])
    if kind == "callable":
        return lambda *args: len(args)
    return STRANGE[rest[0]]()


def unaddressed(text: str) -> str:
    """A text without addresses, and without what CPython was at when there was no stack left."""
    return re.sub("(recursion depth exceeded).*", r"\1", re.sub("0x[0-9a-f]+", "0x", text))


def show(value: Any, depth: int = 0) -> str:
    """What a value is, without addresses."""
    name = type(value).__name__
    if depth > 6:
        return "..."
    if isinstance(value, Exporter):
        return show(value.array)
    if isinstance(value, tvm.NDArray):
        if value.closed:
            return f"{name} closed"
        return f"{name} {value.dtype} {value.shape} {value.strides} {value.is_view} {show(value.numpy())}"
    if isinstance(value, np.ndarray):
        return f"ndarray {value.dtype.str} {value.shape} {unaddressed(repr(value.tolist()))}"
    if isinstance(value, tvm.PackedFunc):
        return "PackedFunc"
    if isinstance(value, (list, tuple, tvm.Array)) and not isinstance(value, tvm.Device):
        return f"{name}[{', '.join(show(each, depth + 1) for each in value)}]"
    if isinstance(value, (dict, tvm.Map)):
        return f"{name}{{{sorted((show(key, depth + 1), show(value[key], depth + 1)) for key in value)}}}"
    return f"{name} {unaddressed(repr(value))}"


def spoil(*args: Any) -> int:
    """Writes to each tensor."""
    for each in args:
        if isinstance(each, tvm.NDArray) and each.size:
            each.numpy()[...] = np.ones((), each.numpy().dtype)
    return len(args)


def fail(*args: Any) -> None:
    """Raises an error that tells its arguments."""
    raise LookupError("; ".join(map(show, args)))


def functions() -> dict[str, Any]:
    """What can be called."""
    kernels = tvm.load_module(MODELS / "kernels" / "dtypes.so")
    names = ("add_ints", "add_floats", "no_arguments", "twice_float32", "twice_int8", "scale_by_float", "not_bool")
    return {
        "show": tvm.convert(lambda *args: "; ".join(map(show, args))),
        "echo": tvm.convert(lambda *args: args[0] if args else None),
        "spoil": tvm.convert(spoil),
        "fail": tvm.convert(fail),
        **{name: kernels[name] for name in names},
    }


def outcome(function: Any, trees: list[tuple], options: dict[str, Any]) -> tuple[str, ...]:
    """What comes of a call: the result or the error, the arguments after it, the warnings."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        args = [build(tree) for tree in trees]
        try:
            result = show(function(*args, **options))
        except Exception as error:
            result = f"{type(error).__mro__[:2]}: {unaddressed(str(error))}"
    told = [f"{each.category.__name__}: {each.message}" for each in caught]
    return (result, *map(show, args), *told)


def main() -> None:
    """Reads calls and writes what came of them, until there are no more."""
    known = functions()
    source, sink = sys.stdin.buffer, sys.stdout.buffer
    while head := source.read(4):
        name, trees, options = pickle.loads(source.read(*struct.unpack("=I", head)))
        data = pickle.dumps(outcome(known[name], trees, options))
        sink.write(struct.pack("=I", len(data)) + data)
        sink.flush()


if __name__ == "__main__":
    main()
