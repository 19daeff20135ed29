"""The instructions of a Relax executable, and what TVM's own functions that they call must be given.

The machine believes them: a register that is not there is memory that is not its own, and its builtins take what they
are given for what it should be. Source: TVM's ``runtime/relax_vm/bytecode.cc``, ``vm.cc`` and ``builtin.cc``.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ..errors import TVMValueError

if TYPE_CHECKING:
    from .relax_executable import Executable, Function

_CALL, _RET, _GOTO, _IF = 1, 2, 3, 4
_REGISTER, _IMMEDIATE, _CONSTANT, _FUNCTION = 0, 1, 2, 3
_VOID, _MACHINE = 1 << 54, (1 << 54) + 1  # registers that are none: no result, the machine itself


class Body:
    """The instructions of a function: what they read has been written, what they call and jump to is there."""

    def __init__(self, executable: Executable, function: Function) -> None:
        self.executable = executable
        self.function = function
        #: Register -> the function that wrote to it last; none for an argument.
        self.written = dict.fromkeys(range(function.arguments), "")
        self.heap = 0

    def check(self, ends: list[int]) -> None:
        """Checks them all; instructions end where `ends` says."""
        start, end = self.function.start, self.function.end
        if not 0 <= start < end <= len(ends):
            self._wrong("has no instructions")
        for at in range(start, end):
            place = self.executable.offsets[at]
            words = self.executable.code[place : ends[at]]
            self._instruction(words, at)
        last = self.executable.code[self.executable.offsets[end - 1]]
        if last not in (_RET, _GOTO):
            self._wrong("does not end")

    def _wrong(self, how: str) -> None:
        raise TVMValueError(f"the function {self.function.name!r} {how}")

    def _instruction(self, words: list[int], at: int) -> None:
        operation, last = words[0], self.function.end
        if operation == _CALL and len(words) >= 4 and len(words) == 4 + words[3]:
            _, result, number, _ = words[:4]
            if not 0 <= number < len(self.executable.functions):
                self._wrong(f"calls the function {number}, which is not there")
            arguments = [self._argument(word) for word in words[4:]]
            name = self.executable.functions[number].name
            check = _CHECKS.get(name)
            if check is not None and not check(self, arguments):
                self._wrong(f"calls {name} with what it does not take")
            if result != _VOID:
                self._register(result, False)
                self.written[result] = name
        elif operation == _RET and len(words) == 2:
            self._register(words[1], True)
        elif operation == _GOTO and len(words) == 2 and self.function.start <= at + words[1] < last and words[1] > 0:
            pass
        elif operation == _IF and len(words) == 3 and 1 < words[2] < last - at:
            self._register(words[1], True)
        else:
            self._wrong("has an instruction that there is not")

    def _argument(self, word: int) -> tuple[int, int]:
        kind, value = word >> 56 & 0xFF, word & ((1 << 56) - 1)
        if kind == _REGISTER and value not in (_VOID, _MACHINE):
            self._register(value, True)
        if kind > _FUNCTION or (kind == _CONSTANT and value >= len(self.executable.constants)):
            self._wrong("has an argument that is not there")
        if kind == _FUNCTION and value >= len(self.executable.functions):
            self._wrong("has an argument that is not there")
        return kind, value - (1 << 56) if kind == _IMMEDIATE and value >> 55 else value

    def _register(self, number: int, read: bool) -> None:
        if not 0 <= number < self.function.registers or (read and number not in self.written):
            self._wrong(f"has nothing in register {number}")

    def made_by(self, argument: tuple[int, int], name: str) -> bool:
        """Whether an argument is what a function of this name returned."""
        return argument[0] == _REGISTER and self.written.get(argument[1]) == name

    def constant(self, argument: tuple[int, int]) -> Any:
        """The constant that an argument is, or None."""
        return self.executable.constants[argument[1]] if argument[0] == _CONSTANT else None

    def heap_of_shapes(self, arguments: list[tuple[int, int]]) -> bool:
        """``alloc_shape_heap(machine, size)``."""
        fits = len(arguments) == 2 and arguments[0] == (_REGISTER, _MACHINE) and arguments[1][0] == _IMMEDIATE
        if fits:
            self.heap = arguments[1][1]
        return fits and 0 <= self.heap < 1 << 20

    def matches_shape(self, arguments: list[tuple[int, int]]) -> bool:
        """``match_shape(input, heap, ndim, [what, number] * ndim, context)``."""
        if len(arguments) < 4 or arguments[2][0] != _IMMEDIATE or len(arguments) != 4 + 2 * arguments[2][1]:
            return False
        return arguments[0][0] == _REGISTER and self._pairs(arguments[1], arguments[3:-1], (1, 3), 4)

    def makes_shape(self, arguments: list[tuple[int, int]]) -> bool:
        """``make_shape(heap, ndim, [what, number] * ndim)``."""
        if len(arguments) < 2 or arguments[1][0] != _IMMEDIATE or len(arguments) != 2 + 2 * arguments[1][1]:
            return False
        return self._pairs(arguments[0], arguments[2:], (1,), 2)

    def matches_number(self, arguments: list[tuple[int, int]]) -> bool:
        """``match_prim_value(input, heap, what, number, context)``."""
        return len(arguments) == 5 and self._pairs(arguments[1], arguments[2:4], (1, 3), 4)

    def makes_number(self, arguments: list[tuple[int, int]]) -> bool:
        """``make_prim_value(heap, what, number)``."""
        return len(arguments) == 3 and self._pairs(arguments[0], arguments[1:], (1,), 2)

    def _pairs(
        self, heap: tuple[int, int], pairs: list[tuple[int, int]], on_heap: tuple[int, ...], kinds: int
    ) -> bool:
        """What extents are, and the numbers or places on the heap that go with that."""
        if any(kind != _IMMEDIATE for kind, _ in pairs):
            return False
        for (_, what), (_, number) in zip(pairs[::2], pairs[1::2]):
            uses = what in on_heap
            there = self.made_by(heap, "vm.builtin.alloc_shape_heap") and 0 <= number < self.heap
            if not 0 <= what < kinds or (uses and not there):
                return False
        return True

    def allocates(self, arguments: list[tuple[int, int]]) -> bool:
        """``alloc_storage(machine, size, device, dtype, kind of memory)``."""
        given = self.constant(arguments[1]) if len(arguments) > 3 else None
        sized = given is None or (isinstance(given, tuple) and given[0] == "shape")
        scope = self.constant(arguments[4]) if len(arguments) > 4 else None
        known = scope is None or (isinstance(scope, tuple) and scope[0] == "text" and _SCOPE.match(scope[1]))
        return len(arguments) in (4, 5) and arguments[0] == (_REGISTER, _MACHINE) and sized and bool(known)

    def makes_tensor(self, arguments: list[tuple[int, int]]) -> bool:
        """``alloc_tensor(storage, offset, shape, dtype)``."""
        if len(arguments) not in (4, 5) or any(self.made_by(arguments[0], name) for name in _NO_STORAGE):
            return False
        given = self.constant(arguments[2])
        sized = given is None or (isinstance(given, tuple) and given[0] == "shape")
        return sized and (arguments[1][0] != _IMMEDIATE or arguments[1][1] >= 0)

    def checks_kind(self, arguments: list[tuple[int, int]]) -> bool:
        """``check_..._info(input, ..., context)``."""
        return len(arguments) >= 2 and arguments[0][0] == _REGISTER and arguments[0][1] != _MACHINE


_SCOPE = re.compile(r"\Z|global(\Z|[.:])")
#: What returns something else than memory. (An argument may be memory, and an item of a tuple.)
_OTHERS = ("alloc_shape_heap", "alloc_tensor", "make_prim_value", "make_shape", "null_value", "reshape", "shape_of")
_NO_STORAGE = tuple(f"vm.builtin.{name}" for name in _OTHERS)
_CHECKS: dict[str, Callable[[Body, list[tuple[int, int]]], bool]] = {
    "vm.builtin.alloc_shape_heap": Body.heap_of_shapes,
    "vm.builtin.match_shape": Body.matches_shape,
    "vm.builtin.make_shape": Body.makes_shape,
    "vm.builtin.match_prim_value": Body.matches_number,
    "vm.builtin.make_prim_value": Body.makes_number,
    "vm.builtin.alloc_storage": Body.allocates,
    "vm.builtin.alloc_tensor": Body.makes_tensor,
    "vm.builtin.check_tensor_info": Body.checks_kind,
    "vm.builtin.check_shape_info": Body.checks_kind,
    "vm.builtin.check_tuple_info": Body.checks_kind,
}
