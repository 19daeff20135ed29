"""What is timed: the rows of the table.

A row is one statement, timed in a loop, with the names it uses. Both sides run the same statement but
where TVM's Python has no direct way, and then the label says what its way is.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

ALIGNMENT = 64  # bytes; what compiled kernels and TVM 0.16 ask of memory
LOOKED_UP = "runtime.SystemLib"


@dataclass(frozen=True)
class Side:
    """One of the two bindings that are compared, by the few functions that the rows use.

    Attributes
    ----------
    name : str
        ``"tvmbind"``, or the peer's FFI.
    nop, text : callable
        The packed functions of nop.c, as this binding loads them.
    convert, get_global_func, empty, array : callable
        The binding's own.
    """

    name: str
    nop: Callable[..., None]
    text: Callable[[], str]
    convert: Callable[..., Any]
    get_global_func: Callable[[str], Any]
    empty: Callable[..., Any]
    array: Callable[[Any], Any]


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
    peer_statement : str, optional
        What is timed on the peer instead, where it has no such statement.
    """

    label: str
    group: str
    statement: str
    names: Callable[[Side], dict[str, Any]]
    peer_statement: str | None = None

    def source(self, side: Side) -> str:
        """The statement for this side."""
        return self.statement if side.name == "tvmbind" or not self.peer_statement else self.peer_statement


def at_offset(offset: int) -> np.ndarray:
    """A float32 array of 16 elements whose memory starts `offset` bytes after a multiple of `ALIGNMENT`."""
    memory = np.zeros(4 * ALIGNMENT, np.uint8)
    start = -memory.ctypes.data % ALIGNMENT + offset
    return memory[start : start + 64].view(np.float32)


def _nop(side: Side) -> dict[str, Any]:
    return {"f": side.nop}


def _nop_and_arrays(side: Side) -> dict[str, Any]:
    return {"f": side.nop, **{name: side.empty((16,), "float32") for name in "abc"}}


def _nop_and_numpy(offset: int) -> Callable[[Side], dict[str, Any]]:
    return lambda side: {"f": side.nop, "array": side.array, "x": at_offset(offset)}


def _callback(func: Callable[..., None]) -> Callable[[Side], dict[str, Any]]:
    return lambda side: {"f": side.convert(func), "a": side.empty((16,), "float32")}


def _no_argument() -> None:
    return None


def _one_argument(a: Any) -> None:
    return None


def _three_arguments(a: Any, b: Any, c: Any) -> None:
    return None


_CALL, _BACK, _OTHER = "calls", "callbacks", "others"
_FIRST = "(TVM: nd.array(x) first)"  # a call of its Python takes no numpy array

OPERATIONS = (
    Operation("call, no argument", _CALL, "f()", _nop),
    Operation("call, 1 int", _CALL, "f(1)", _nop),
    Operation("call, 3 ints", _CALL, "f(1, 2, 3)", _nop),
    Operation("call, float", _CALL, "f(1.5)", _nop),
    Operation("call, short str", _CALL, "f('relu')", _nop),
    Operation("call, NDArray", _CALL, "f(a)", _nop_and_arrays),
    Operation("call, 3 NDArrays", _CALL, "f(a, b, c)", _nop_and_arrays),
    Operation(f"call, numpy array, aligned {_FIRST}", _CALL, "f(x)", _nop_and_numpy(0), "f(array(x))"),
    Operation(f"call, numpy array, unaligned {_FIRST}", _CALL, "f(x)", _nop_and_numpy(16), "f(array(x))"),
    Operation("call, returns a str", _CALL, "f()", lambda side: {"f": side.text}),
    Operation("callback, no argument", _BACK, "f()", _callback(_no_argument)),
    Operation("callback, 1 int", _BACK, "f(1)", _callback(_one_argument)),
    Operation("callback, 3 ints", _BACK, "f(1, 2, 3)", _callback(_three_arguments)),
    Operation("callback, NDArray", _BACK, "f(a)", _callback(_one_argument)),
    Operation("get_global_func", _OTHER, f"get('{LOOKED_UP}')", lambda side: {"get": side.get_global_func}),
    Operation("nd.empty((16,))", _OTHER, "empty((16,), 'float32')", lambda side: {"empty": side.empty}),
    Operation("x.numpy(), 16 floats (TVM: a copy)", _OTHER, "a.numpy()", _nop_and_arrays),
)
