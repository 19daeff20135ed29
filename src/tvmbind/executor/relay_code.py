"""What the functions of a Relay executable take and give, read from the text of its bytecode and of its kernels.

The executable has no table of that, and the wrong number of dimensions makes the machine compute a wild size, at
which it ends the process. But results can be followed back to where their memory is made; and parameters forward to
the kernels that take them, whose own checks, as texts in the library, name element type and number of dimensions.
Source: TVM's ``runtime/vm/executable.cc`` (GetBytecode), ``runtime/vm/bytecode.cc``, ``tir/transforms/arg_binder.cc``.
"""

from __future__ import annotations

import re
from typing import NamedTuple, Optional

from ..artefact import kernels
from ..dtype import DataType
from .inputs import TensorInfo

_HEAD = re.compile(r"^VM Function\[\d+\]: (?P<name>[^(\n]+)\((?P<params>[^\n]*)\)$", re.M)
_MADE = re.compile(r"# (alloc_tensor|alloc_tensor_reg) \$(\d+) \$\d+ \$\d+ (\[[\d, ]*\]|\$\d+) (\w+)$", re.M)
_INVOKE = re.compile(r"# invoke_packed PackedFunc\[(\d+)\] \(in: ([$\d, ]*?)(?:, out: ([$\d, ]*))?\)$", re.M)
_KERNEL = re.compile(r"PackedFunc\[(\d+)\]: (\S+)")
_NUMBERED = re.compile(r"p\d+")  # how the compiler calls a kernel's arguments
_TUPLE = re.compile(r"# alloc_data \$(\d+) tag\(0\) \[([^\]]*)\]$", re.M)


class Signature(NamedTuple):
    """What a function takes, by the number of the parameter, and gives (None: unknown)."""

    inputs: dict[int, TensorInfo]
    outputs: Optional[list[TensorInfo]]


class Kernels(NamedTuple):
    """What the kernels of a library check, by the kernel's name.

    Attributes
    ----------
    counts : dict
        How many arguments each takes.
    arguments : dict
        Number of dimensions and element type, by kernel and number of the argument.
    """

    counts: dict[str, int]
    arguments: dict[tuple[str, int], tuple[int, str]]


def functions(bytecode: str, primitives: str, checks: Kernels) -> dict[str, Signature]:
    """The signature of each function, from ``get_bytecode``, ``get_primitives`` and `kernel_checks`."""
    heads = list(_HEAD.finditer(bytecode))
    ends = [head.start() for head in heads[1:]] + [len(bytecode)]
    called = dict(_KERNEL.findall(primitives))
    found = {}
    for head, end in zip(heads, ends):
        body = bytecode[head.end() : end]
        found[head["name"]] = Signature(_inputs(body, head["params"], called, checks), _outputs(body))
    return found


def kernel_checks(library: bytes) -> Kernels:
    """What the kernels of a library check their arguments for."""
    counts, dimensions, dtypes = kernels.checks(library)
    known = [(kernel, name) for kernel, name in dimensions.keys() & dtypes.keys() if _NUMBERED.fullmatch(name)]
    arguments = {(kernel, int(name[1:])): (dimensions[kernel, name], dtypes[kernel, name]) for kernel, name in known}
    return Kernels(counts, arguments)


def _inputs(body: str, params: str, called: dict[str, str], checks: Kernels) -> dict[int, TensorInfo]:
    names = [name.strip() for name in params.split(",")] if params.strip() else []
    seen: dict[int, set[tuple[int, str]]] = {}
    for kernel_number, given, made in _INVOKE.findall(body):
        kernel, registers = called.get(kernel_number, ""), re.findall(r"\$(\d+)", given)
        if checks.counts.get(kernel) != len(registers) + made.count("$"):
            continue  # there is a tuple among them, whose items are arguments of their own
        for number, register in enumerate(map(int, registers)):
            if register < len(names) and (kernel, number) in checks.arguments:
                seen.setdefault(register, set()).add(checks.arguments[kernel, number])
    found = {}
    for register, kinds in seen.items():
        if len(kinds) == 1:
            ((ndim, dtype),) = kinds
            found[register] = TensorInfo(names[register], ("?",) * ndim, DataType(dtype))
    return found


def _outputs(body: str) -> Optional[list[TensorInfo]]:
    returns = re.findall(r"# ret \$(\d+)$", body, re.M)
    if len(returns) != 1 or re.search(r"# (if|goto|move) ", body):
        return None
    made = {}
    for kind, register, shape, dtype in _MADE.findall(body):
        extents = tuple(map(int, re.findall(r"\d+", shape))) if kind == "alloc_tensor" else None
        made[register] = [TensorInfo("", extents, DataType(dtype))]
    tuples = {register: re.findall(r"\$(\d+)", parts) for register, parts in _TUPLE.findall(body)}
    return _follow(returns[0], made, tuples, 0)


def _follow(
    register: str, made: dict[str, list[TensorInfo]], tuples: dict[str, list[str]], depth: int
) -> Optional[list[TensorInfo]]:
    if register not in tuples or depth > 64:
        return made.get(register)
    parts = [_follow(part, made, tuples, depth + 1) for part in tuples[register]]
    return None if None in parts else [info for part in parts for info in part or ()]
