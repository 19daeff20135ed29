"""What compiled functions take, as their own checks of it tell: texts for errors, which lie in the library.

Source: TVM's ``tir/transforms/arg_binder.cc`` and ``make_packed_api.cc``. Modern ones have their whole signature.
"""

from __future__ import annotations

import re

_COUNT = re.compile(rb"(\w+): num_args should be (\d+)")
_CODE = re.compile(rb"(\w+)_code == \d[^,\0]*, (\w+): Expect arg\[(\d+)\]")
_CHECK = re.compile(rb"(\w+)\.(\w+)\.(?:ndim is expected to equal (\d+)|dtype is expected to be (\w+))")
_SIGNATURE = re.compile(rb"(?:\A|\0)(\w+)\((\w+: [^\0()]*(?:\([^\0()]*\)[^\0()]*)*)\)\0")
_ARGUMENT = re.compile(r"(\w+): (Tensor\(\[([^\]]*)\], (\w+)\)|\w+)")


def arguments(raw: bytes) -> dict[str, list[str]]:
    """The arguments of each function of a library, as ``"a: float32[n, 4]"``, as far as it tells."""
    found = {name.decode(): _written(text.decode(errors="replace")) for name, text in _SIGNATURE.findall(raw)}
    dimensions: dict[tuple[str, str], int] = {}
    dtypes: dict[tuple[str, str], str] = {}
    for function, name, ndim, dtype in _CHECK.findall(raw):
        place = function.decode(), name.decode()
        if ndim:
            dimensions[place] = int(ndim)
        else:
            dtypes[place] = dtype.decode()
    names = {(function.decode(), int(number)): name.decode() for name, function, number in _CODE.findall(raw)}
    for function, count in ((name.decode(), int(number)) for name, number in _COUNT.findall(raw)):
        told = [names.get((function, number), f"arg{number}") for number in range(min(count, 256))]
        found.setdefault(function, [_checked(each, function, dimensions, dtypes) for each in told])
    return found


def _written(text: str) -> list[str]:
    found = _ARGUMENT.findall(text)
    return [f"{name}: {dtype}[{extents}]" if dtype else f"{name}: {kind}" for name, kind, extents, dtype in found]


def _checked(
    name: str, function: str, dimensions: dict[tuple[str, str], int], dtypes: dict[tuple[str, str], str]
) -> str:
    place = function, name
    if place not in dimensions and place not in dtypes:
        return name
    extents = ", ".join("?" * dimensions[place]) if place in dimensions else "..."
    return f"{name}: {dtypes.get(place, '?')}[{extents}]"
