"""Operations that an exception interrupts, at every opcode of tvmbind's Python: a signal's handler may raise anywhere.

    python tests/interrupt_loop.py [operation ...]       # all unless told; exit status 0 if nothing was broken by it

Prints how often each operation was interrupted. What would be freed twice or used when freed ends the process; what is
held for ever is counted.
"""

from __future__ import annotations

import gc
import sys
import types
import weakref
from pathlib import Path
from typing import Any, Callable, Optional

import numpy as np

import tvmbind as tvm

OWN = str(Path(tvm.__file__).parent)
tvm.load_runtime()


class Interrupt(Exception):
    """What the handler raises."""


class Tracked(np.ndarray):  # type: ignore[type-arg]
    """An array that can be watched."""


kept: list[Any] = []
watched: list[weakref.ref[Any]] = []
array = tvm.array(np.arange(16, dtype="float32"))
aligned = tvm.aligned_empty((16,), "float32")
aligned[:] = 1
strided = np.arange(32, dtype="float32")[::2]
give_list = tvm.convert(lambda x: [x, "text"])
keep = tvm.convert(lambda *args: kept.extend(args))
view = tvm.convert(lambda x: float(x.numpy().sum()))
last = tvm.convert(lambda *args: args[-1])


def watch(value: Any) -> Any:
    """The value, which is to be let go of in the end."""
    watched.append(weakref.ref(value))
    return value


def close_with_view() -> None:
    """A view outlives its array."""
    made = watch(tvm.array(aligned))
    lent = made.numpy()
    made.close()
    assert lent.sum() == 16


def fail() -> None:
    """An exception crosses the runtime."""
    try:
        tvm.convert(lambda: 1 / 0)()
    except ZeroDivisionError:
        pass


OPERATIONS: dict[str, Callable[[], Any]] = {
    "pass a list": lambda: last([array, "text", None]),
    "return a list": lambda: list(give_list(array)),
    "make a map": lambda: tvm.Map({"a": array, "b": "text"}),
    "keep a lent array": lambda: keep(watch(aligned.view(Tracked))),
    "keep a copied array": lambda: keep(strided),
    "view a lent array": lambda: view(watch(aligned.view(Tracked))),
    "pass a callable": lambda: last(lambda: 3),  # one that is stopped while TVM makes the function may be held for ever
    "raise": fail,
    "copy an array": lambda: watch(tvm.array(aligned)),
    "share an array": lambda: tvm.from_dlpack(aligned),
    "lend an array": lambda: np.from_dlpack(array),
    "close": close_with_view,
    "close an argument": lambda: last(watch(tvm.array(aligned))).close(),
}


def interrupt(operation: Callable[[], Any], place: int) -> bool:
    """Runs an operation until so many opcodes are over; whether it has that many."""
    left = place

    def trace(frame: types.FrameType, event: str, arg: Any) -> Optional[Callable[..., Any]]:
        nonlocal left
        if not frame.f_code.co_filename.startswith(OWN):
            return None
        frame.f_trace_opcodes, frame.f_trace_lines = True, False
        if event == "opcode":
            left -= 1
            if left == -1:
                raise Interrupt
        return trace

    sys.settrace(trace)
    try:
        operation()
    except Interrupt:
        pass
    finally:
        sys.settrace(None)
    return left < 0


def check() -> None:
    """Uses what is there, so that what was freed too early is met."""
    for _ in range(20):
        assert last([array, "text", None])[1] == "text"
    for value in kept:
        if not value.closed:
            assert value.numpy().size == 16
    kept.clear()


def main() -> None:
    """Interrupts each operation at each place."""
    sys.unraisablehook = lambda args: None  # of a __del__: said on stderr, thousands of times
    for name in sys.argv[1:] or OPERATIONS:
        place = 0
        while interrupt(OPERATIONS[name], place):
            check()
            place += 1
        check()
        print(f"{name}: {place}", flush=True)
    gc.collect()
    last(1)  # what was closed in a call is freed after the next
    print("held:", sum(each() is not None for each in watched), "of", len(watched))


if __name__ == "__main__":
    main()
