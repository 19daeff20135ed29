"""What differs between versions of TVM, and how a runtime's version is told: one table of each.

No classic runtime says its version. What it exports and registers does; the order of the questions in
`fingerprint` was right on builds of sixteen versions. Code asks for a fact by name
(``runtime_info().has("bool arguments")``), never for a version.
"""

from __future__ import annotations

import re
from typing import Callable

#: Fact -> the minor versions 0.x that have it, first and last.
FACTS: dict[str, tuple[int, int]] = {
    "string objects": (7, 99),
    "typed functions that count their arguments": (7, 99),
    "modules are objects": (6, 99),  # before, a handle is a box on the heap
    "bool in graphs": (6, 99),
    "types of less than a byte": (7, 99),  # but for bool
    "bfloat16": (7, 99),
    "graph factory": (8, 19),  # in 0.7 under another name
    "containers": (8, 99),  # Array, Map, ShapeTuple
    "input numbers": (8, 99),  # get_input_index
    "shared weights": (6, 19),  # of graph executors
    "functions are objects": (9, 99),  # before, a handle is a box on the heap, and a new one at each look-up
    "callback codes by address": (7, 99),  # TVMCbArgToReturn's second argument; before, by value
    "device copies of arrays": (8, 99),  # TVMDeviceCopyDataFromTo; in 0.7, of memory, with nine arguments
    "bad_alloc is an error": (8, 99),  # before, it leaves the C function, which ends the process
    "SaveParams": (8, 99),
    "finalizes replaced globals": (5, 6),  # from 0.7 on the registry never frees a function
    "functions in containers": (9, 99),
    "removes globals": (8, 99),
    "type keys that end": (9, 99),  # 0.8's TVMObjectTypeIndex2Key leaves the NUL out
    "bool arguments": (18, 99),  # kTVMArgBool; an unknown code aborts the process
    "numbers in containers": (18, 99),  # before, an Array or Map holds objects only
    "number keys by address": (18, 20),  # a Map finds no number that is equal to a key
    "ADT": (7, 20),
    "graph executor": (5, 19),
    "weights of a graph factory": (9, 19),  # before, it does not tell which inputs they are
    "graph profiler": (8, 19),  # the debug executor's profile
    "AOT executor": (9, 19),
    "Relay VM": (7, 19),
    "Relax VM": (16, 99),
    "devices of DLPack 0.7": (11, 99),
    "128-byte alignment": (7, 9),  # kAllocAlignment; 64 in all others
    "6-argument kernels": (7, 99),  # before, three arguments: nowhere for a compiled function's result
}

#: The minor version that stands for every one of tvm-ffi's generation (TVM 0.22 and later).
MODERN = 22

#: Before TVM 0.7: the name of a global function -> the name that the thing had.
OLD_NAMES: dict[str, str] = {
    "runtime.GetDeviceAttr": "_GetDeviceAttr",
    "runtime.ModuleGetImport": "module._GetImport",
    "runtime.ModuleGetSource": "module._GetSource",
    "runtime.ModuleGetTypeKey": "module._GetTypeKey",
    "runtime.ModuleImportsSize": "module._ImportsSize",
    "runtime.ModuleLoadFromFile": "module._LoadFromFile",
    "runtime.ModuleSaveToFile": "module._SaveToFile",
    "runtime.RPCTimeEvaluator": "module._RPCTimeEvaluator",
    "runtime.RuntimeEnabled": "module._Enabled",
    "runtime.SystemLib": "module._GetSystemLib",
}

#: Before TVM 0.8: as above.
GRAPH_RUNTIME_NAMES: dict[str, str] = {
    "tvm.graph_executor.create": "tvm.graph_runtime.create",
    "tvm.graph_executor_debug.create": "tvm.graph_runtime_debug.create",
}

#: On tvm-ffi: the classic name of a global function -> the name that the thing has there.
MODERN_NAMES: dict[str, str] = {
    "runtime.Array": "ffi.Array",
    "runtime.ArraySize": "ffi.ArraySize",
    "runtime.ArrayGetItem": "ffi.ArrayGetItem",
    "runtime.Map": "ffi.Map",
    "runtime.MapSize": "ffi.MapSize",
    "runtime.MapCount": "ffi.MapCount",
    "runtime.MapGetItem": "ffi.MapGetItem",
    "runtime.ShapeTuple": "ffi.Shape",
    "runtime.String": "ffi.String",
    "runtime.ModuleGetTypeKey": "ffi.ModuleGetKind",
    "runtime.ModuleGetSource": "ffi.ModuleInspectSource",
    "runtime.ModuleGetFunction": "ffi.ModuleGetFunction",
    "runtime.ModuleImplementsFunction": "ffi.ModuleImplementsFunction",
    "runtime.ModuleGetPropertyMask": "ffi.ModuleGetPropertyMask",
    "runtime.ModuleSaveToFile": "ffi.ModuleWriteToFile",
    "runtime.ModuleLoadFromFile": "ffi.ModuleLoadFromFile",
    "runtime.ModuleClearImports": "ffi.ModuleClearImports",
    "runtime.SystemLib": "ffi.SystemLib",
    "runtime.TVMArrayAllocWithScope": "runtime.TVMTensorAllocWithScope",
    "runtime.TVMArrayCreateView": "runtime.TVMTensorCreateView",
}

#: First minor version -> argument names of runtime.RPCTimeEvaluator after mod, name, device type and id.
TIME_EVALUATOR: dict[int, tuple[str, ...]] = {
    5: ("number", "repeat", "min_repeat_ms"),
    7: ("number", "repeat", "min_repeat_ms", "f_preproc"),
    9: ("number", "repeat", "min_repeat_ms", "cooldown_interval_ms", "repeats_to_cooldown", "f_preproc"),
    10: (
        "number", "repeat", "min_repeat_ms", "limit_zero_time_iterations", "cooldown_interval_ms",
        "repeats_to_cooldown", "f_preproc",
    ),
    14: (
        "number", "repeat", "min_repeat_ms", "limit_zero_time_iterations", "cooldown_interval_ms",
        "repeats_to_cooldown", "cache_flush_bytes", "f_preproc",
    ),
}  # fmt: skip


def holds(fact: str, minor: int) -> bool:
    """Whether a fact holds for TVM 0.`minor`."""
    first, last = FACTS[fact]
    return first <= minor <= last


def name_in(minor: int, name: str) -> str:
    """What a global function is called in TVM 0.`minor`, given its name in the last classic versions."""
    if minor == MODERN:
        return MODERN_NAMES.get(name, name)
    if minor < 7 and name in OLD_NAMES:
        return OLD_NAMES[name]
    return GRAPH_RUNTIME_NAMES.get(name, name) if minor < 8 else name


def fingerprint(
    has_symbol: Callable[[str], bool],
    has_global: Callable[[str], bool],
    arity_text: Callable[[str], str],
    aligns_to_64: Callable[[], bool],
) -> tuple[int, int, str]:
    """The range of versions a classic runtime is of, and by what it was told.

    Parameters
    ----------
    has_symbol, has_global : callable
        Whether the library exports a symbol, or has registered a global function.
    arity_text : callable
        The error text of calling a global function with no arguments.
    aligns_to_64 : callable
        Whether arrays start at multiples of 64 that are none of 128.

    Returns
    -------
    first, last : int
        Minor versions: 16, 17 for "0.16 or 0.17".
    evidence : str
        The symbols and functions that decided.
    """
    if not has_symbol("TVMObjectFree"):
        return 5, 5, "no TVMObjectFree"
    if has_symbol("TVMExtTypeFree"):
        return 6, 6, "TVMExtTypeFree"
    if not has_symbol("TVMObjectRetain"):  # some months before 0.7, and with the C functions of 0.6
        return 6, 6, "TVMObjectFree, neither TVMExtTypeFree nor TVMObjectRetain"
    if not has_symbol("TVMFuncRemoveGlobal"):
        return 7, 7, "TVMObjectRetain, no TVMFuncRemoveGlobal"
    if not has_global("runtime.ModuleGetFormat"):
        return 8, 8, "TVMFuncRemoveGlobal, no runtime.ModuleGetFormat"
    if not has_global("runtime.ModuleGetPropertyMask"):
        if has_global("runtime.SanitizeName"):
            return 11, 11, "runtime.SanitizeName, no runtime.ModuleGetPropertyMask"
        arity = re.search(r"expects (\d+) arguments", arity_text("runtime.RPCTimeEvaluator"))
        if arity is None:  # built without RPC
            minor, multiple = (10, 64) if aligns_to_64() else (9, 128)
            return minor, minor, f"no runtime.ModuleGetPropertyMask, arrays at multiples of {multiple}"
        minor = 9 if arity[1] == "10" else 10
        return minor, minor, f"runtime.RPCTimeEvaluator takes {arity[1]} arguments"
    if not has_symbol("TVMAPISetLastPythonError"):
        return 12, 13, "runtime.ModuleGetPropertyMask, no TVMAPISetLastPythonError"
    if not has_symbol("TVMThrowLastError"):
        return 14, 14, "TVMAPISetLastPythonError, no TVMThrowLastError"
    if not has_global("runtime.ModuleClearImports"):
        return 15, 15, "TVMThrowLastError, no runtime.ModuleClearImports"
    if not has_global("runtime.BoxBool"):
        return 16, 17, "runtime.ModuleClearImports, no runtime.BoxBool"
    if has_global("runtime.module.loadbinary_relax.VMExecutable"):
        return 20, 20, "runtime.module.loadbinary_relax.VMExecutable"
    if has_global("vm.builtin.kv_cache_disagg_mark_send"):
        return 19, 19, "runtime.BoxBool, vm.builtin.kv_cache_disagg_mark_send"
    return 18, 19, "runtime.BoxBool, no vm.builtin.kv_cache_disagg_mark_send"
