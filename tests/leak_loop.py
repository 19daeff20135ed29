"""Calls and callbacks with arguments of every kind, and how much the process grows; exit status 0 if less than 1 MB.

    python tests/leak_loop.py [calls] [callbacks]       # 1,000,000 and 200,000 unless told

It is the resident set that counts, after a warm-up of a tenth of the calls. ``--parts`` measures each kind by itself.
"""

from __future__ import annotations

import argparse
import gc
import os
import sys
import time
from pathlib import Path

import numpy as np

import tvmbind as tvm

INFO = tvm.load_runtime()
MODELS = Path(__file__).parent.parent / "models" / ("" if INFO.abi == "classic" else "modern")
LIMIT_KB = 1000


def resident_kb() -> int:
    """Memory of this process that is in use, in kB of 1000 bytes."""
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") // 1000


def make_calls() -> dict:
    """Calls by what they are of: each makes some calls, and says how many."""
    echo = tvm.get_global_func("runtime.GetFFIString" if INFO.minor > 9 and INFO.abi == "classic" else "runtime.String")
    string = tvm.get_global_func("runtime.String")
    data = string if INFO.abi == "classic" else tvm.get_global_func("ffi.Bytes")
    type_key = tvm.get_global_func("runtime.ModuleGetTypeKey")
    path = str(MODELS / "kernels" / "dtypes.so")
    module = tvm.load_module(path)
    add_ints, add_floats, nothing = module["add_ints"], module["add_floats"], module["no_arguments"]
    twice = module["twice_float32"]
    small, out = tvm.array(np.arange(16, dtype="float32")), tvm.empty((16,))
    x, y = np.arange(16, dtype="float32"), np.zeros(16, "float32")
    strided = np.zeros(48, "float32")[1::3]
    image = np.ones((1, 1, 8, 8), "float32")
    turn = [0]

    def graph_executor():
        made = tvm.graph_executor.create((MODELS / "digits" / "deploy.json").read_text(), lib, tvm.cpu(0))
        made.load_params((MODELS / "digits" / "deploy.params").read_bytes())
        return made, lambda: made.run(input=image) or made.get_output(0)

    def relax_machine():
        made = tvm.RelaxVirtualMachine(lib, tvm.cpu(0))
        return made, lambda: made["main"](image)

    def executor():
        run().numpy()
        turn[0] += 1
        if turn[0] % 50:
            return 4
        made, run_it = make()
        run_it()
        made.close()
        return 40

    if INFO.has_runtime:
        graph = INFO.has("graph executor")
        lib = tvm.load_module(MODELS / "digits" / ("libdeploy.so" if graph else "relax_vm.so"))
        make = graph_executor if graph else relax_machine
        run = make()[1]

    def errors():
        for wrong in ((), (1,), ("a", "b")):
            try:
                add_ints(*wrong)
            except tvm.TVMError:
                continue
            raise AssertionError("no error")
        try:
            string(object())
        except TypeError:
            return 4

    def modules():
        turn[0] += 1
        if turn[0] % 20 == 0:
            loaded = tvm.load_module(path)
            loaded["add_ints"](1, 2)
            loaded.close()
        module["add_ints"](1, 2)
        return 3

    def objects():
        array = tvm.Array(["a", small, "ccc"])
        mapping = tvm.Map({"k": small, "text": "v"})
        return len(list(array)) + len(mapping) + len(tvm.ShapeTuple([1, 2, 3])) + len(string("x" * 100)) // 100

    return {
        "numbers": lambda: (add_ints(1, 2), add_ints(-(2**40), 5), add_floats(1.5, 2.5), nothing()) and 4,
        "text": lambda: (string("text"), string("ü" * 40), echo("a"), string("long" * 500)) and 4,
        "bytes": lambda: (data(b"bytes"), data(b"a\0b"), data(bytearray(b"x" * 1000))) and 3,
        "NDArray": lambda: (twice(small, out), twice(small, tvm.empty((16,)))) and 2,
        "numpy": lambda: (twice(x, y), twice(strided, y), twice(x, strided), twice(x.copy(), np.empty(16, "f4"))) and 4,
        "views": lambda: (tvm.array(x).numpy()[1:].sum(), out.numpy().sum(), np.asarray(small).sum()) and 3,
        "lists and dicts": lambda: (tvm.convert(["a", ["b", small]]), tvm.convert({"k": small, "l": ["x"]})) and 4,
        "objects": objects,
        "modules": lambda: modules() + bool(type_key(module)),
        "errors": errors,
        "globals": lambda: (tvm.get_global_func("runtime.String")("x"), tvm.get_global_func("nope", True)) and 2,
        **({"executor": executor} if INFO.has_runtime else {}),
        "params": lambda: len(tvm.load_param_dict(tvm.save_param_dict({"w": x, "v": small}))) * 2,
    }


def make_callbacks() -> dict:
    """The same for callbacks: each makes some, and says how many."""
    kept: list = []
    small, x = tvm.array(np.arange(4, dtype="float32")), np.arange(8, dtype="float32")
    identity, count = tvm.convert(lambda value: value), tvm.convert(lambda *values: len(values))
    keeping = tvm.convert(lambda value: kept.append(value))
    by_name = INFO.abi == "classic" or INFO.has("TVMFFIHandleInitOnce")  # what call_packed.so needs
    calls = tvm.load_module(MODELS / "kernels" / "call_packed.so") if by_name else {}
    tvm.register_func("tvmbind.test.add", lambda a, b: a + b, override=True)
    tvm.register_func("tvmbind.test.scale", lambda a, b: np.copyto(b.numpy(), a.numpy()), override=True)
    ints = np.arange(4, dtype="int32")

    def fail(*values):
        raise ValueError("in a callback")

    failing = tvm.convert(fail)

    def exceptions():
        for args in ((), (1, "text"), (small,)):
            try:
                failing(*args)
            except ValueError:
                continue
            raise AssertionError("no error")
        return 3

    def kernels():
        calls["call_add"](ints, ints, ints.copy())
        calls["call_scale"](x, x.copy())
        return 5

    def keep():
        keeping(small)
        keeping(x)
        keeping("text")
        kept.clear()
        return 3

    # Once: the registry of TVM 0.7 and later keeps an entry (300 bytes) of each function that is replaced.
    tvm.register_func("tvmbind.test.global", lambda value: value, override=True)

    many = tvm.convert(lambda: small.numpy())
    given_list, given_function = tvm.convert(lambda: ["a", small, None]), tvm.convert(lambda: lambda value: value)
    return {
        "numbers": lambda: (identity(1), identity(2.5), identity(None), count(1, 2.5, True)) and 4,
        "text and bytes": lambda: (identity("text"), identity("ü" * 50), identity(b"a\0b"), count("a", b"b")) and 4,
        "NDArray": lambda: (identity(small), count(small, small), many()) and 3,
        "numpy": lambda: (count(x, x), count(x[::2]), identity(x)) and 3,
        "lists and dicts": lambda: (identity(["a", small]), identity({"k": "v"}), count([], {})) and 3,
        "callables": lambda: (identity(lambda: 1)(), tvm.convert(lambda f: f)(identity)(2)) and 5,
        "new results": lambda: (given_list(), given_function()(1)) and 3,
        "exceptions": exceptions,
        "kept arguments": keep,
        **({"from kernels": kernels} if by_name else {}),
        "many arguments": lambda: count(*range(20), "a", small, *[None] * 10) and 1,
        "globals": lambda: tvm.get_global_func("tvmbind.test.global")(1),
    }


def run(works: dict, total: int) -> int:
    """Makes at least so many calls, of each kind as often as of each other; returns how many."""
    done = 0
    while done < total:
        for work in works.values():
            done += work()
    return done


def grown(works: list[tuple[dict, int]]) -> tuple[int, list[int]]:
    """How much the process has grown after a warm-up, in kB, and how many calls of each that was for."""
    for each, total in works:
        run(each, max(total // 10, 200))
    before = resident_kb()
    done = [run(each, total) for each, total in works]
    return resident_kb() - before, done


def main() -> int:
    """Runs the loop; 1 if the process grew too much."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("calls", type=int, nargs="?", default=1_000_000)
    parser.add_argument("callbacks", type=int, nargs="?", default=200_000)
    parser.add_argument("--parts", action="store_true", help="measure each kind by itself")
    args = parser.parse_args()
    works = [(make_calls(), args.calls), (make_callbacks(), args.callbacks)]
    if args.parts:
        for each, total in works:
            for name, work in each.items():
                kb, (done,) = grown([({name: work}, total // len(each))])
                print(f"{name:16} {done:8} calls: {kb:+6} kB")
        return 0
    start = time.perf_counter()
    kb, (calls, callbacks) = grown(works)
    seconds = time.perf_counter() - start
    print(f"{calls} calls and {callbacks} callbacks in {seconds:.0f} s: {kb:+} kB, of {resident_kb()} kB")
    return kb >= LIMIT_KB


if __name__ == "__main__":
    sys.exit(main())
