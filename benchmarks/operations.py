"""What is timed: the rows of the table.

A row is one statement, timed in a loop, with the names it uses. All sides run the same statement but where a
peer has no such way: then its own way is said in `instead`, and under the table.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from sides import GRAPH, Side

ALIGNMENT = 64  # bytes; what compiled kernels and TVM 0.16 ask of memory


@dataclass(frozen=True)
class Operation:
    """A row: a statement and what it names.

    Attributes
    ----------
    label : str
        What the table calls it.
    group : str
        The part of the table that it is in.
    statement : str
        What is timed.
    names : callable
        Makes, for a side, the names that the statement uses.
    instead : dict of str to str
        By the peer's family, what is timed there, where it has no such statement.
    of_classic : bool
        Whether only a classic runtime has this.
    floor : str
        What its time goes to that no binding can save: said where the row misses the goal.
    """

    label: str
    group: str
    statement: str
    names: Callable[[Side], dict[str, Any]]
    instead: Mapping[str, str] = field(default_factory=dict)
    of_classic: bool = False
    floor: str = ""

    def source(self, side: Side) -> str:
        """The statement for this side."""
        return self.instead.get(side.family, self.statement)

    def runs_on(self, side: Side) -> bool:
        """Whether this side's runtime has what the row is about."""
        return not self.of_classic or side.graph is not None


def at_offset(offset: int) -> np.ndarray:
    """A float32 array of 16 elements whose memory starts `offset` bytes after a multiple of `ALIGNMENT`."""
    memory = np.zeros(4 * ALIGNMENT, np.uint8)
    start = -memory.ctypes.data % ALIGNMENT + offset
    return memory[start : start + 64].view(np.float32)


def _arrays(side: Side) -> dict[str, Any]:
    if side.family == "tvm-ffi":
        return {name: side.from_dlpack(at_offset(0)) for name in "abc"}
    return {name: side.empty((16,), "float32") for name in "abc"}


def _call(side: Side) -> dict[str, Any]:
    values = {"long": 1000 * "x", "data": bytes(16), "device": side.device, "items": ["n", "c", "hw"]}
    return {"f": side.nop, **values, **_arrays(side)}


def _call_with_numpy(offset: int) -> Callable[[Side], dict[str, Any]]:
    return lambda side: {"f": side.nop, "array": side.array, "x": at_offset(offset)}


def _echo(side: Side) -> dict[str, Any]:
    return {"f": side.echo, "shape": side.shape((1, 2, 3)), **_arrays(side)}


def _callback(func: Callable[..., Any]) -> Callable[[Side], dict[str, Any]]:
    return lambda side: {"f": side.convert(func), **_arrays(side)}


def _array(side: Side) -> dict[str, Any]:
    own = {"empty": side.empty, "from_dlpack": side.from_dlpack, "shape": side.shape, "np": np}
    return {**own, "x": at_offset(0), **_arrays(side)}


def _executor(side: Side) -> dict[str, Any]:
    assert side.graph is not None
    return {"g": side.graph(GRAPH, side.module, side.device), "x": at_offset(0), "z": at_offset(0), **_arrays(side)}


def _look_up(side: Side) -> dict[str, Any]:
    return {"get": side.get_global_func, "name": side.looked_up, "module": side.module}


def _no_argument() -> None:
    return None


def _one_argument(a: Any) -> None:
    return None


def _three_arguments(a: Any, b: Any, c: Any) -> None:
    return None


def _same(a: Any) -> Any:
    return a


_CALL, _BACK, _OWN, _RUN, _NAME = "calls", "callbacks", "arrays and objects", "graph executor", "names"
_COPY_FIRST = {"tvm": "f(array(x))"}  # a call of TVM's Python takes no numpy array

OPERATIONS = (
    Operation("call, no argument", _CALL, "f()", _call, floor=(
        "of 750 instructions 140 are tvmbind's; 380 let Python's lock go and take it back, 110 are the runtime's "
        "TVMFuncCall")),
    Operation("call, 1 int", _CALL, "f(1)", _call),
    Operation("call, 3 ints", _CALL, "f(1, 2, 3)", _call),
    Operation("call, float", _CALL, "f(1.5)", _call),
    Operation("call, bool", _CALL, "f(True)", _call),
    Operation("call, short str", _CALL, "f('relu')", _call),
    Operation("call, str of 1000", _CALL, "f(long)", _call),
    Operation("call, bytes", _CALL, "f(data)", _call),
    Operation("call, NDArray", _CALL, "f(a)", _call),
    Operation("call, 3 NDArrays", _CALL, "f(a, b, c)", _call),
    Operation("call, numpy array, aligned", _CALL, "f(x)", _call_with_numpy(0), _COPY_FIRST),
    Operation("call, numpy array, unaligned", _CALL, "f(x)", _call_with_numpy(16), _COPY_FIRST, floor=(
        "tvmbind copies the elements in and back and warns of it, for compiled kernels take aligned memory only; "
        "tvm-ffi hands the address on as it is")),
    Operation("call, Device", _CALL, "f(device)", _call),
    Operation("call, list of 3 str", _CALL, "f(items)", _call),
    Operation("call, returns a str", _CALL, "f()", lambda side: {"f": side.text}, floor=(
        "beside a call without arguments: 570 instructions of the runtime's, which copies the text twice, and 210 of "
        "CPython's, which makes a str of it")),
    Operation("callback, no argument", _BACK, "f()", _callback(_no_argument)),
    Operation("callback, 1 int", _BACK, "f(1)", _callback(_one_argument)),
    Operation("callback, 3 ints", _BACK, "f(1, 2, 3)", _callback(_three_arguments)),
    Operation("callback, NDArray in", _BACK, "f(a)", _callback(_one_argument)),
    Operation("callback, NDArray in and out", _BACK, "f(a)", _callback(_same)),
    Operation("NDArray from a call, and dropped", _OWN, "f(a)", _echo),
    Operation("object from a call, and dropped", _OWN, "f(shape)", _echo),
    Operation("shape (1, 2, 3), made and dropped", _OWN, "shape((1, 2, 3))", _array),
    Operation(
        "empty((16,))", _OWN, "empty((16,), 'float32')", _array,
        {"tvm-ffi": "from_dlpack(empty((16,), 'float32'))"},
    ),
    Operation("a.numpy(), 16 floats", _OWN, "a.numpy()", _array, {"tvm-ffi": "np.from_dlpack(a)"}),
    Operation("from_dlpack(numpy array)", _OWN, "from_dlpack(x)", _array),
    Operation("np.from_dlpack(a)", _OWN, "np.from_dlpack(a)", _array, floor=(
        "of 3,800 instructions 450 are tvmbind's, the others numpy's and CPython's; `a.numpy()` does the same in a "
        "fifth of the time")),
    Operation("set_input(numpy array), copied", _RUN, "g.set_input('x', x, copy=True)", _executor,
              {"tvm": "g.set_input('x', x)"}, of_classic=True),
    Operation("set_input(NDArray), copied", _RUN, "g.set_input('x', a, copy=True)", _executor,
              {"tvm": "g.set_input('x', a)"}, of_classic=True),
    # Two arrays in turn: to set what is set already would be nothing to do.
    Operation("set_input(NDArray), zero copy", _RUN, "a, b = b, a; g.set_input('x', a, copy=False)", _executor,
              {"tvm": "a, b = b, a; g.set_input_zero_copy('x', a)"}, of_classic=True),
    Operation("set_input(numpy array), zero copy", _RUN, "x, z = z, x; g.set_input('x', x, copy=False)", _executor,
              {"tvm": "x, z = z, x; g.set_input('x', x)"}, of_classic=True),
    Operation("run()", _RUN, "g.run()", _executor, of_classic=True),
    Operation("get_output(0)", _RUN, "g.get_output(0)", _executor, of_classic=True),
    Operation("get_output(0).numpy()", _RUN, "g.get_output(0).numpy()", _executor, of_classic=True),
    Operation("get_global_func(name)", _NAME, "get(name)", _look_up, floor=(
        "of 2,400 instructions some 800 are the runtime's look-up, 380 let Python's lock go while the last function is "
        "freed, which may run anything")),
    Operation("module['name']", _NAME, "module['nop']", _look_up),
)  # fmt: skip
