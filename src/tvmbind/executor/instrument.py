"""A profile of Relax's machine where it has no profiler of its own: from TVM 0.21 on.

The machine calls an instrument before and after each function of its bytecode. Python is too slow for a stopwatch
there, so the instrument notes what is called with what, and each kernel is then timed on its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..function import convert
from ..library import load_runtime
from ..ndarray import NDArray
from ..profiling import Call, Report

if TYPE_CHECKING:
    from .relax_vm import RelaxVirtualMachine

_GO_ON = 0  # VMInstrumentReturnKind::kNoOp


def profile_by_instrument(machine: RelaxVirtualMachine, func_name: str, given: list[Any], repeat: int = 10) -> Report:
    """The kernels that a function calls, in their order, each with the median of its times.

    What the machine does itself (memory, checks of shapes: ``vm.builtin...``) is in the report's total alone.
    """
    steps: list[tuple[str, list[Any]]] = []

    def instrument(function: Any, name: str, before: bool, result: Any, *args: Any) -> int:
        if before and not name.startswith("vm.builtin."):
            steps.append((name, list(args)))
        return _GO_ON

    machine._function("set_instrument")(convert(instrument))
    try:
        machine._function(func_name)(*given)
    finally:
        machine._function("set_instrument")(convert(lambda *_: _GO_ON))
    libraries = machine._executable.imported_modules
    calls = []
    for name, args in steps:
        library = next((each for each in libraries if each._find(name, False) is not None), None)
        if library is None:  # a function of the bytecode, whose kernels are steps of their own
            continue
        timed = library.time_evaluator(name, machine.device, number=1, repeat=repeat, min_repeat_ms=1)(*args)
        shapes = ", ".join(f"{a.dtype}{list(a.shape)}" for a in args if isinstance(a, NDArray))
        device = next((a.device for a in args if isinstance(a, NDArray)), machine.device)
        calls.append(Call(name, timed.median * 1e6, shapes, device=f"{device.name}{device.device_id}"))
    machine._function("set_input")(func_name, *given)
    evaluator = machine.module.time_evaluator("invoke_stateful", machine.device, 1, repeat, 1)
    configuration = {
        "Executor": "VM",
        "Runtime": load_runtime().title,
        "Timed": f"each kernel on its own, again and again; the median of {repeat}",
    }
    return Report(calls, evaluator(func_name).median * 1e6, configuration)
