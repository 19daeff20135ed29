"""The bindings that are compared: the few functions of each that the benchmarks use.

In one process a peer is attached first, then tvmbind, which takes the runtime that it finds there.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

#: A graph of one operator, nop.c's, with one input and one output: all that its executor does is overhead.
GRAPH = json.dumps(
    {
        "nodes": [
            {"op": "null", "name": "x", "inputs": []},
            {
                "op": "tvm_op", "name": "y", "inputs": [[0, 0, 0]],
                "attrs": {"func_name": "nop", "num_inputs": "1", "num_outputs": "1", "flatten_data": "0"},
            },
        ],
        "arg_nodes": [0],
        "heads": [[1, 0, 0]],
        "node_row_ptr": [0, 1, 2],
        "attrs": {
            "dltype": ["list_str", ["float32", "float32"]],
            "shape": ["list_shape", [[16], [16]]],
            "storage_id": ["list_int", [0, 1]],
        },
    }
)  # fmt: skip


@dataclass(frozen=True)
class Side:
    """One of the bindings that are compared.

    Attributes
    ----------
    name : str
        ``"tvmbind"``, or the peer's: ``"ctypes"`` and ``"cython"`` for the FFIs of TVM's Python, ``"tvm-ffi"``.
    module : Any
        The library of functions that do nothing, as this binding loads it.
    nop, echo, text : callable
        Its functions.
    looked_up : str
        The name of a global function that this runtime has.
    device : Any
        The CPU.
    convert, get_global_func, empty, array, from_dlpack, shape : callable
        The binding's own.
    graph : callable, optional
        Makes a graph executor of a graph's JSON, a module and a device; None where there is none.
    """

    name: str
    module: Any
    nop: Callable[..., None]
    echo: Callable[[Any], Any]
    text: Callable[[], str]
    looked_up: str
    device: Any
    convert: Callable[..., Any]
    get_global_func: Callable[[str], Any]
    empty: Callable[..., Any]
    array: Callable[[Any], Any]
    from_dlpack: Callable[[Any], Any]
    shape: Callable[..., Any]
    graph: Callable[..., Any] | None = None

    @property
    def family(self) -> str:
        """``"tvmbind"``, ``"tvm"`` or ``"tvm-ffi"``."""
        return "tvm" if self.name in ("ctypes", "cython") else self.name


def attach(peer: str, library: Path | str) -> tuple[Side, Side]:
    """Tvmbind and a peer, on the one runtime of this process.

    Parameters
    ----------
    peer : str
        ``"ctypes"``, ``"cython"`` or ``"tvm-ffi"``.
    library : path
        The compiled nop.c, or nop_modern.c for tvm-ffi.
    """
    theirs = attach_tvm_ffi(library) if peer == "tvm-ffi" else attach_tvm(peer, library)
    ours = attach_tvmbind(library)
    check_same_runtime()
    return ours, theirs


def import_tvm(ffi: str) -> Any:
    """TVM's own Python, with the named FFI, ``"ctypes"`` or ``"cython"``; opens the runtime."""
    os.environ.update(TVM_FFI=ffi, TVM_USE_RUNTIME_LIB="1")
    if not hasattr(np, "float_"):
        np.float_ = np.float64  # numpy 2, and all that TVM 0.16's Python misses in it
    import tvm
    from tvm.runtime.packed_func import PackedFuncBase

    used = "ctypes" if "_ctypes" in PackedFuncBase.__module__ else "cython"
    if used != ffi:
        raise SystemExit(f"TVM's Python took its {used} FFI, not {ffi}")
    return tvm


def attach_tvm(ffi: str, library: Path | str) -> Side:
    """TVM's own Python, with the named FFI."""
    tvm = import_tvm(ffi)
    from tvm.contrib import graph_executor

    module = tvm.runtime.load_module(str(library))
    return Side(
        ffi, module, module["nop"], module["make_echo"](), module["make_text"](), "runtime.SystemLib", tvm.cpu(),
        tvm.runtime.convert, tvm.get_global_func, tvm.nd.empty, tvm.nd.array, tvm.nd.from_dlpack,
        tvm.runtime.ShapeTuple, graph_executor.create,
    )  # fmt: skip


def attach_tvm_ffi(library: Path | str) -> Side:
    """tvm-ffi's Python, which has a Cython FFI alone, no executors, and no arrays of its own making."""
    import tvm_ffi

    module = tvm_ffi.load_module(str(library))
    return Side(
        "tvm-ffi", module, module["nop"], module["echo"], module["text"], "ffi.SystemLib", tvm_ffi.device("cpu", 0),
        tvm_ffi.convert, tvm_ffi.get_global_func, np.empty, np.array, tvm_ffi.from_dlpack, tvm_ffi.Shape,
    )  # fmt: skip


def attach_tvmbind(library: Path | str) -> Side:
    """Tvmbind, on the runtime that is already in this process, if one is."""
    import tvmbind

    modern = tvmbind.runtime_info().abi == "tvm-ffi"
    module = tvmbind.load_module(library)
    echo, text = (module["echo"], module["text"]) if modern else (module["make_echo"](), module["make_text"]())
    return Side(
        "tvmbind", module, module["nop"], echo, text, "ffi.SystemLib" if modern else "runtime.SystemLib", tvmbind.cpu(),
        tvmbind.convert, tvmbind.get_global_func, tvmbind.empty, tvmbind.array, tvmbind.from_dlpack,
        tvmbind.ShapeTuple, None if modern else tvmbind.graph_executor.create,
    )  # fmt: skip


def check_same_runtime() -> None:
    """Ends the process unless tvmbind and the peer are on one runtime."""
    import tvmbind

    if "tvm" in sys.modules:
        same = os.path.samefile(tvmbind.runtime_info().path, sys.modules["tvm"]._ffi.base._LIB._name)
    else:  # tvmbind may name libtvm_runtime, which is opened beside
        maps = Path("/proc/self/maps").read_text().splitlines()
        same = len({line.split()[-1] for line in maps if "libtvm_ffi.so" in line}) == 1
    if not same:
        raise SystemExit("tvmbind and the peer are not on the same runtime")
