"""What compiled functions take, as their own checks of it tell: texts for errors, which lie in the library.

Source: TVM's ``tir/transforms/arg_binder.cc`` and ``make_packed_api.cc``. Modern ones have their whole signature.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

_COUNT = re.compile(rb"(\w+): num_args should be (\d+)")
_CODE = re.compile(rb"(\w+)_code == \d[^,\0]*, (\w+): Expect arg\[(\d+)\]")
_CHECK = re.compile(rb"(\w+)\.(\w+)\.(?:ndim is expected to equal (\d+)|dtype is expected to be (\w+))")
_SIGNATURE = re.compile(rb"(?:\A|\0)(\w+)\((\w+: [^\0()]*(?:\([^\0()]*\)[^\0()]*)*)\)\0")
_ARGUMENT = re.compile(r"(\w+): (Tensor\(\[([^\]]*)\], (\w+)\)|\w+)")


class Checks(NamedTuple):
    """What the kernels of a library check.

    Attributes
    ----------
    counts : dict
        How many arguments each takes.
    dimensions, dtypes : dict
        Of arrays, by the names of the kernel and of the argument.
    """

    counts: dict[str, int]
    dimensions: dict[tuple[str, str], int]
    dtypes: dict[tuple[str, str], str]


def checks(raw: bytes) -> Checks:
    """What the kernels of a library check their arguments for."""
    dimensions: dict[tuple[str, str], int] = {}
    dtypes: dict[tuple[str, str], str] = {}
    for function, name, ndim, dtype in _CHECK.findall(raw):
        place = function.decode(), name.decode()
        if ndim:
            dimensions[place] = int(ndim)
        else:
            dtypes[place] = dtype.decode()
    return Checks({name.decode(): int(number) for name, number in _COUNT.findall(raw)}, dimensions, dtypes)


def arguments(raw: bytes) -> dict[str, list[str]]:
    """The arguments of each function of a library, as ``"a: float32[n, 4]"``, as far as it tells."""
    found = {name.decode(): _written(text.decode(errors="replace")) for name, text in _SIGNATURE.findall(raw)}
    checked = checks(raw)
    names = {(function.decode(), int(number)): name.decode() for name, function, number in _CODE.findall(raw)}
    for function, count in checked.counts.items():
        told = [names.get((function, number), f"arg{number}") for number in range(min(count, 256))]
        found.setdefault(function, [_checked(each, function, checked) for each in told])
    return found


def _written(text: str) -> list[str]:
    found = _ARGUMENT.findall(text)
    return [f"{name}: {dtype}[{extents}]" if dtype else f"{name}: {kind}" for name, kind, extents, dtype in found]


def _checked(name: str, function: str, checked: Checks) -> str:
    place = function, name
    if place not in checked.dimensions and place not in checked.dtypes:
        return name
    extents = ", ".join("?" * checked.dimensions[place]) if place in checked.dimensions else "..."
    return f"{name}: {checked.dtypes.get(place, '?')}[{extents}]"


def tensors(raw: Any, function: str) -> int:
    """Which arguments a function takes for arrays, as bits: its checks look into them, and not at what they are.

    Parameters
    ----------
    raw : bytes-like
        With ``find``: a library, or a map of it.
    function : str
    """
    name, found = function.encode(), 0
    numbers: dict[bytes, int] = {}
    for at in _all(raw, b", " + name + b": Expect arg["):
        start = max(at - 200, 0)
        for told in _CODE.finditer(raw[start : at + len(name) + 40]):
            if start + told.start(2) == at + 2:
                numbers[told[1]] = int(told[3])
    for at in _all(raw, name + b"."):
        check = _CHECK.match(raw[at : at + len(name) + 200])
        if check and numbers.get(check[2], 64) < 64:
            found |= 1 << numbers[check[2]]
    return found


def _all(raw: Any, text: bytes) -> Iterator[int]:
    at = raw.find(text)
    while at >= 0:
        yield at
        at = raw.find(text, at + 1)
