"""What a library carries for the runtime, graphs, weights and bytecode, looked at before the runtime reads it.

The runtime believes every number in it: a length makes it ask for that much memory, a register that is not there is
memory that is not its own. Whether the shape of an array is the one that a kernel was compiled for, nothing tells.
Source: TVM's ``target/codegen.cc`` (ModuleSerializer), ``runtime/relax_vm/executable.cc`` and ``bytecode.cc``,
``runtime/vm/executable.cc``; since 0.21 tvm-ffi's ``extra/library_module.cc`` and ``runtime/vm/executable.cc``.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable
from typing import Any, NamedTuple, Optional, Union

from ..errors import TVMValueError
from .arrays import Reader, read_header, read_names
from .graph_json import check_graph

#: Symbols that hold it, and the generation whose form that is.
SYMBOLS = {b"__tvm_dev_mblob": "classic", b"__tvm_ffi__library_bin": "tvm-ffi"}
_GRAPHS = ("GraphExecutorFactory", "GraphRuntimeFactory")
_RELAX = ("relax.Executable", "relax.VMExecutable")
_MAGIC = (0xD225DE2F4214151D, 0xD225DE2F4214151E)
_CALL, _RET, _GOTO, _IF = 1, 2, 3, 4
_REGISTER, _IMMEDIATE, _CONSTANT, _FUNCTION = 0, 1, 2, 3
_VOID, _MACHINE = 1 << 54, (1 << 54) + 1  # registers that are none: no result, the machine itself
_SHAPE = "shape"


def problem(blob: bytes, generation: str) -> Optional[str]:
    """What is wrong with what a library carries; None if nothing is seen.

    Parameters
    ----------
    blob : bytes
        The data of one of `SYMBOLS`.
    generation : str
    """
    try:
        _Blob(blob).check(generation)
    except (TVMValueError, struct.error, UnicodeDecodeError, OverflowError, IndexError) as error:
        return f"what it carries is damaged: {error}"
    return None


class _Blob:
    def __init__(self, data: Union[bytes, memoryview]) -> None:
        self.reader = Reader(memoryview(data))

    def check(self, generation: str) -> None:
        reader = self.reader
        (size,) = reader.numbers("Q", "its size")
        if size > len(reader.data) - 8:
            raise TVMValueError(f"it has {size} bytes by what it says, and {len(reader.data) - 8}")
        reader.data = reader.data[: 8 + size]
        if generation == "classic":
            self._classic()
        else:
            self._modern()

    def _classic(self) -> None:
        (count,) = self.reader.numbers("Q", "the number of modules")
        tree: tuple[list[int], list[int]] = ([], [])
        modules = 0
        for _ in range(count):
            kind = self.text("the type of a module")
            if kind == "_import_tree":
                tree = self.numbers("the tree of modules"), self.numbers("the tree of modules")
                continue
            modules += 1
            if kind != "_lib" and not self._module(kind):
                return  # of a form that is not known here: what follows cannot be found
        self._tree(*tree, modules)
        self._end()

    def _modern(self) -> None:
        tree = self.numbers("the tree of modules"), self.numbers("the tree of modules")
        modules = 0
        while self.reader.at < len(self.reader.data):
            kind = self.text("the type of a module")
            modules += 1
            if kind != "_lib":
                content = self._content(kind)
                if kind in _RELAX:
                    _Relax(content).check("tvm-ffi")
        self._tree(*tree, modules)

    def _tree(self, rows: list[int], children: list[int], modules: int) -> None:
        if not rows and not children:
            return
        ordered = rows[0] == 0 and all(a <= b for a, b in zip(rows, rows[1:])) and rows[-1] == len(children)
        if len(rows) != modules + 1 or not ordered or max(children, default=0) >= modules:
            raise TVMValueError("its modules import what is not there")
        for module, (start, end) in enumerate(zip(rows, rows[1:])):
            if any(child <= module for child in children[start:end]):
                raise TVMValueError("its modules import each other")

    def _content(self, kind: str) -> memoryview:
        (length,) = self.reader.numbers("Q", f"the size of {kind}")
        return self.reader.take(length, kind)

    def _module(self, kind: str) -> bool:
        """Checks a module of a known form."""
        if kind in _RELAX:
            _Relax(self._content(kind)).check("classic")
        elif kind == "VMExecutable":
            _Relay(self._content(kind)).check()
        elif kind in _GRAPHS:
            check_graph(self.text("the graph"))
            self._params()
            self.text("the model's name")
        elif kind == "AotExecutorFactory":
            self._params()
            self.text("the model's name")
        else:
            return kind == "metadata_module"  # which has no content
        return True

    def _params(self) -> None:
        (count,) = self.reader.numbers("Q", "the number of weights")
        names = read_names(self.reader)
        if len(names) != count:
            raise TVMValueError(f"there are {len(names)} names for {count} weights")
        for name in names:
            self.array(name)

    def _end(self) -> None:
        if self.reader.at != len(self.reader.data):
            raise TVMValueError(f"{len(self.reader.data) - self.reader.at} bytes are left")

    def text(self, what: str) -> str:
        """The next text."""
        (length,) = self.reader.numbers("Q", what)
        return bytes(self.reader.take(length, what)).decode()

    def numbers(self, what: str, form: str = "Q") -> list[int]:
        """The next list of numbers of eight bytes."""
        (length,) = self.reader.numbers("Q", what)
        return list(struct.unpack(f"<{length}{form}", self.reader.take(8 * length, what)))

    def array(self, name: str) -> int:
        """Takes the next array off; returns how many bytes it has."""
        header = read_header(self.reader, name)
        self.reader.take(header.nbytes, f"the array {name!r}")
        return header.nbytes


class _Function(NamedTuple):
    """A function of Relax's bytecode, or one that it calls (kind 0)."""

    kind: int
    name: str
    start: int
    end: int
    arguments: int
    registers: int


class _Relax(_Blob):
    """An executable of Relax's."""

    def check(self, generation: str) -> None:
        modern = generation != "classic"
        (magic,) = self.reader.numbers("Q", "the executable's first bytes")
        if magic not in _MAGIC:
            raise TVMValueError(f"the executable begins with {magic:#x}")
        self.text("the executable's version")
        (count,) = self.reader.numbers("Q", "the number of functions")
        self.functions = [self._function() for _ in range(count)]
        if len({each.name for each in self.functions}) < count:
            raise TVMValueError("two functions have one name")
        if modern:
            (count,) = self.reader.numbers("Q", "the number of kinds of memory")
            for _ in range(count):
                self.reader.numbers("q", "a constant's number")
                self.text("a kind of memory")
        (count,) = self.reader.numbers("Q", "the number of constants")
        self.constants = [self._constant(modern) for _ in range(count)]
        self.offsets = self.numbers("the places of instructions", "q")
        self.code = self.numbers("the instructions", "q")
        self._end()
        ends = [*self.offsets[1:], len(self.code)]
        if self.offsets[:1] not in ([], [0]) or any(not a < b for a, b in zip(self.offsets, ends)):
            raise TVMValueError("its instructions are not one after the other")
        for function in self.functions:
            if function.kind == 1:
                _Body(self, function).check(ends)

    def _function(self) -> _Function:
        (kind,) = self.reader.numbers("i", "a function's kind")
        name = self.text("a function's name")
        start, end, arguments, registers = self.reader.numbers("4q", "a function's place")
        (parameters,) = self.reader.numbers("Q", "a function's parameters")
        for _ in range(parameters):
            self.text("a parameter's name")
        if kind not in (0, 1, 2) or (kind == 1 and not 0 <= parameters == arguments <= registers < 1 << 24):
            raise TVMValueError(f"the function {name!r} has other numbers of parameters and registers than it says")
        if not name or "\0" in name:
            raise TVMValueError("a function has no name")
        return _Function(kind, name, start, end, arguments, registers)

    def _constant(self, modern: bool) -> Any:
        """A constant: of an array its size in bytes, of a shape ``("shape", extents)``, else what it is."""
        (kind,) = self.reader.numbers("i", "the kind of a constant")
        names = _MODERN_CONSTANTS if modern else _CLASSIC_CONSTANTS
        what = names.get(kind)
        if what == "array":
            return self.array("a constant")
        if what == "dtype":
            return what, self.reader.numbers("BBH", "an element type")
        if what == _SHAPE:
            extents = self.numbers("a shape", "q")
            if min(extents, default=0) < 0 or max(extents, default=0) > 1 << 40:
                raise TVMValueError(f"no array has the shape {extents}")
            return what, extents
        if what == "text":
            return what, self.text("a text")
        if what == "int":
            return what, self.reader.numbers("q", "a number")[0]
        if what == "float":
            return what, self.reader.numbers("d", "a number")[0]
        raise TVMValueError(f"a constant is of the unknown kind {kind}")


_CLASSIC_CONSTANTS = {0: "array", 1: "dtype", 2: _SHAPE, 3: "text", 4: "int"}
_MODERN_CONSTANTS = {1: "int", 3: "float", 5: "dtype", 65: "text", 69: _SHAPE, 70: "array"}


class _Body:
    """The instructions of a function: what they read has been written, what they call and jump to is there."""

    def __init__(self, executable: _Relax, function: _Function) -> None:
        self.executable = executable
        self.function = function
        #: Register -> the function that wrote to it last; none for an argument.
        self.written = dict.fromkeys(range(function.arguments), "")
        self.heap = 0

    def check(self, ends: list[int]) -> None:
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
        sized = given is None or (isinstance(given, tuple) and given[0] == _SHAPE)
        scope = self.constant(arguments[4]) if len(arguments) > 4 else None
        known = scope is None or (isinstance(scope, tuple) and scope[0] == "text" and _SCOPE.match(scope[1]))
        return len(arguments) in (4, 5) and arguments[0] == (_REGISTER, _MACHINE) and sized and bool(known)

    def makes_tensor(self, arguments: list[tuple[int, int]]) -> bool:
        """``alloc_tensor(storage, offset, shape, dtype)``."""
        if len(arguments) not in (4, 5) or any(self.made_by(arguments[0], name) for name in _NO_STORAGE):
            return False
        given = self.constant(arguments[2])
        sized = given is None or (isinstance(given, tuple) and given[0] == _SHAPE)
        return sized and (arguments[1][0] != _IMMEDIATE or arguments[1][1] >= 0)

    def checks_kind(self, arguments: list[tuple[int, int]]) -> bool:
        """``check_..._info(input, ..., context)``."""
        return len(arguments) >= 2 and arguments[0][0] == _REGISTER and arguments[0][1] != _MACHINE


_SCOPE = re.compile(r"\Z|global(\Z|[.:])")
#: What returns something else than memory. (An argument may be memory, and an item of a tuple.)
_OTHERS = ("alloc_shape_heap", "alloc_tensor", "make_prim_value", "make_shape", "null_value", "reshape", "shape_of")
_NO_STORAGE = tuple(f"vm.builtin.{name}" for name in _OTHERS)
_CHECKS: dict[str, Callable[[_Body, list[tuple[int, int]]], bool]] = {
    "vm.builtin.alloc_shape_heap": _Body.heap_of_shapes,
    "vm.builtin.match_shape": _Body.matches_shape,
    "vm.builtin.make_shape": _Body.makes_shape,
    "vm.builtin.match_prim_value": _Body.matches_number,
    "vm.builtin.make_prim_value": _Body.makes_number,
    "vm.builtin.alloc_storage": _Body.allocates,
    "vm.builtin.alloc_tensor": _Body.makes_tensor,
    "vm.builtin.check_tensor_info": _Body.checks_kind,
    "vm.builtin.check_shape_info": _Body.checks_kind,
    "vm.builtin.check_tuple_info": _Body.checks_kind,
}


class _Relay(_Blob):
    """An executable of Relay's. Each instruction has a hash, which the runtime checks; what is around them has none."""

    def check(self, generation: str = "") -> None:
        (magic,) = self.reader.numbers("Q", "the executable's first bytes")
        if magic not in _MAGIC:
            raise TVMValueError(f"the executable begins with {magic:#x}")
        version = self.text("the executable's version")
        if not _WITH_THIS_FORM.match(version):
            return  # the runtime refuses it, unless it is of the same version
        (devices,) = self.reader.numbers("Q", "the number of devices")
        for _ in range(devices):
            self.reader.numbers("ii", "a device")
            self.text("a device's memory")
        (host,) = self.reader.numbers("i", "the host's device")
        names = self.texts("the names of functions")
        (constants,) = self.reader.numbers("Q", "the number of constants")
        for _ in range(constants):
            (late,) = self.reader.numbers("I", "a constant's kind")
            if late > 1:
                raise TVMValueError(f"a constant is of the unknown kind {late}")
            if late:  # bound later, from a file of its own
                self.text("a constant's name")
            else:
                self.array("a constant")
        places = self.numbers("the devices of constants", "q")
        if len(places) != constants or any(not 0 <= each < devices for each in (host, *places)):
            raise TVMValueError("it has a device that is not there")
        kernels = self.texts("the names of kernels")
        self._attributes(len(kernels))
        (count,) = self.reader.numbers("Q", "the number of functions")
        found = [self._function(devices, constants, len(kernels), len(names)) for _ in range(count)]
        if sorted(found) != sorted(names) or len(set(names)) < count:
            raise TVMValueError(f"it has the functions {found}, and says {names}")
        self._end()

    def texts(self, what: str) -> list[str]:
        """The next list of texts."""
        (count,) = self.reader.numbers("Q", what)
        return [self.text(what) for _ in range(count)]

    def _attributes(self, kernels: int) -> None:
        (count,) = self.reader.numbers("Q", "the attributes of kernels")
        for _ in range(count):
            number, size = self.reader.numbers("QQ", "the attributes of a kernel")
            if number >= kernels:
                raise TVMValueError("a kernel that is not there has attributes")
            for _ in range(size):
                self.text("an attribute")
                self.text("an attribute")

    def _function(self, devices: int, constants: int, kernels: int, functions: int) -> str:
        described = self.texts("a function")
        if len(described) != 3 or not all(each.isdecimal() and len(each) < 8 for each in described[1:]):
            raise TVMValueError(f"a function is described as {described}")
        name, registers, length = described[0], int(described[1]), int(described[2])
        parameters = self.texts("the parameters of a function")
        places = self.numbers("the devices of parameters", "q")
        if len(places) != len(parameters) or any(not 0 <= each < devices for each in places):
            raise TVMValueError(f"the function {name!r} has a parameter on no device")
        highest = len(parameters) - 1
        for _ in range(length):
            words = self.numbers("an instruction", "q")
            if len(words) < 2:
                raise TVMValueError("an instruction is empty")
            operation, fields = words[1], words[2:]
            limits = {2: functions, 4: kernels, 11: constants}  # Invoke, InvokePacked, LoadConst
            if operation in limits and (not fields or not 0 <= fields[0] < limits[operation]):
                raise TVMValueError(f"the function {name!r} uses what is not there")
            if operation in _RESULT_LAST and fields:
                highest = max(highest, fields[-1])
        if highest >= registers:
            raise TVMValueError(f"the function {name!r} has {registers} registers and uses {highest + 1}")
        return name


_WITH_THIS_FORM = re.compile(r"0\.1[3-9]")
#: Move, Ret, LoadConst, LoadConsti, KillRegister: the last number is a register.
_RESULT_LAST = (0, 1, 11, 14, 20)
