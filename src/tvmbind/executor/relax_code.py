"""What the functions of a Relax executable take and give, read from the text of its bytecode.

The executable has no table of that. But it checks its arguments itself, and the text of these checks names them
(``ErrorContext(fn=main, loc=param[0], param=x, annotation=R.Tensor((n, 4), dtype="float32"))``); and a result can
be followed back to where its memory is made. Source: TVM's ``runtime/relax_vm/executable.cc`` (``Stats``,
``AsText``; since 0.21 ``runtime/vm/executable.cc``). Whatever is of another form counts as unknown.
"""

from __future__ import annotations

import re
from typing import NamedTuple, Optional, Union

from ..dtype import DataType
from .inputs import TensorInfo

Shape = tuple[Union[int, str], ...]

_CONTEXT = re.compile(
    r'"ErrorContext\(fn=(?P<fn>[^,]+), loc=(?:param\[(?P<index>\d+)\], param=(?P<name>[^,]*)|return), '
    r'annotation=(?P<annotation>.*?)\) "(?=, |\]\n)',
    re.S,
)
_CONSTANT = re.compile(r'(?:\A|, )("ErrorContext\(.*?\) "(?=, |\Z)|"[^"]*"|[A-Za-z]*\[[^\]]*\]|[^,]+)', re.S)
_TENSOR = re.compile(r'R\.Tensor\(\(((?:[^()]|\([^()]*\))*)\), dtype="(\w+)"[^()]*\)')
_CALL = re.compile(r"  call +(\S+) +in: (.*?) +dst: %(\w+)")
_DEPTH = 64  # of tuples in tuples, and of steps back


class Signature(NamedTuple):
    """What a function takes, by the number of the parameter, and gives (None: unknown)."""

    inputs: dict[int, TensorInfo]
    outputs: Optional[list[TensorInfo]]


def signatures(text: str, stats: str) -> dict[str, Signature]:
    """The signature of each function, from what ``as_text`` and ``stats`` return."""
    constants = _constants(stats)
    found = {}
    for name, body in re.findall(r"^@(\S+):\n((?:  .*\n?)*)", text, re.M):
        contexts = [match for match in _CONTEXT.finditer(stats) if match["fn"] == name]
        inputs = {int(c["index"]): annotated(c["name"], c["annotation"]) for c in contexts if c["index"]}
        returned = [c["annotation"] for c in contexts if not c["index"]]
        outputs = tensors(returned[0]) if returned else _Body(body, constants, inputs).outputs()
        found[name] = Signature(inputs, outputs)
    return found


def _constants(stats: str) -> list[str]:
    match = re.search(r"Constant pool \(# (\d+)\): \[(.*)\]\n  Globals", stats, re.S)
    if not match:
        return []
    found = _CONSTANT.findall(match[2])
    return found if len(found) == int(match[1]) else []


def annotated(name: str, annotation: str) -> TensorInfo:
    """A parameter, of the annotation in the text of its check."""
    match = _TENSOR.fullmatch(annotation)
    if not match:
        return TensorInfo(name, None, None)
    return TensorInfo(name, _extents(match[1]), DataType(match[2]))


def tensors(annotation: str) -> Optional[list[TensorInfo]]:
    """The tensors of a return annotation, or None; those of nested tuples one after the other."""
    found = [TensorInfo("", _extents(m[1]), DataType(m[2])) for m in _TENSOR.finditer(annotation)]
    rest = re.sub(r"[TR]\.Tuple\(|[), \n]", "", _TENSOR.sub("", annotation))
    return None if rest else found


def _extents(text: str) -> Shape:
    """``"n, T.int64(4), n * 2"`` as ("n", 4, "n * 2")."""
    plain = re.sub(r"T\.int64\((-?\d+)\)", r"\1", text)
    parts = [part.strip() for part in re.split(r",(?![^(]*\))", plain)]
    return tuple(int(part) if part.isdigit() else part for part in parts if part)


class _Body:
    """A function's instructions, followed back from its result."""

    def __init__(self, body: str, constants: list[str], inputs: dict[int, TensorInfo]) -> None:
        self.calls: list[tuple[str, list[str], str]] = []
        self.returns = re.findall(r"^  ret +%(\w+)", body, re.M)
        self.jumps = bool(re.search(r"^  (if|goto)", body, re.M))
        for func, args, target in _CALL.findall(body):
            self.calls.append((func, [arg.strip() for arg in args.split(",")], target))
        self.constants = constants
        self.inputs = inputs

    def outputs(self) -> Optional[list[TensorInfo]]:
        """The tensors that are returned; None if that cannot be told."""
        if self.jumps or len(self.returns) != 1:
            return None
        return self._value(self.returns[0], len(self.calls), _DEPTH)

    def _value(self, register: str, before: int, depth: int) -> Optional[list[TensorInfo]]:
        at = next((i for i in reversed(range(before)) if self.calls[i][2] == register), None)
        if at is None:
            info = self.inputs.get(int(register)) if register.isdigit() else None
            return [info._replace(name="")] if info is not None and info.dtype is not None else None
        func, args, _ = self.calls[at]
        if depth and func == "vm.builtin.make_tuple":
            parts = [self._value(arg[1:], at, depth - 1) for arg in args if arg.startswith("%")]
            if len(parts) == len(args) and all(part is not None for part in parts):
                return [info for part in parts for info in part or ()]
        if func == "vm.builtin.alloc_tensor" and len(args) == 4:
            dtype = self._constant(args[3])
            return [TensorInfo("", self._shape(args[2], at), DataType(dtype))] if dtype else None
        if depth and func == "vm.builtin.reshape" and len(args) == 2:
            source = self._value(args[0][1:], at, depth - 1)
            return [source[0]._replace(shape=self._shape(args[1], at))] if source else None
        return None

    def _constant(self, arg: str) -> str:
        match = re.fullmatch(r"c\[(\d+)\]", arg)
        return self.constants[int(match[1])] if match and int(match[1]) < len(self.constants) else ""

    def _shape(self, arg: str, before: int) -> Optional[Shape]:
        constant = self._constant(arg)
        if constant in ("shapetupl]", "shapetuple[]"):  # how TVM writes that of a 0-d tensor
            return ()
        match = re.fullmatch(r"shapetuple\[([\d, ]*)\]", constant)
        if match:
            return _extents(match[1])
        at = next((i for i in reversed(range(before)) if "%" + self.calls[i][2] == arg), None)
        if at is None or self.calls[at][0] != "vm.builtin.make_shape":
            return None
        numbers = self.calls[at][1][2:]  # after the heap and ndim: pairs of what the extent is, and the extent
        return tuple(self._extent(*pair) for pair in zip(numbers[::2], numbers[1::2]))

    def _extent(self, kind: str, value: str) -> Union[int, str]:
        """An extent: a number, or a place on the heap of shapes, which an input's dimension may have named."""
        if kind == "i0":
            return int(value[1:])
        for func, args, _ in self.calls:
            if func == "vm.builtin.match_shape" and args[0][1:].isdigit():
                info = self.inputs.get(int(args[0][1:]))
                pairs = list(zip(args[3::2], args[4::2]))
                if info is not None and info.shape is not None and ("i1", value) in pairs[: len(info.shape)]:
                    return info.shape[pairs.index(("i1", value))]
        return "?"
