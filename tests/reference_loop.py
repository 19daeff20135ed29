"""Counts Python's references around calls, callbacks and errors of every kind; exit status 0 if none is lost.

    python tests/reference_loop.py [rounds] [name ...]  # 200 unless told
    python tests/reference_loop.py --no-memory          # instead: each of 200 allocations fails, one at a time
    python tests/reference_loop.py --collect 3          # instead: garbage is collected at each chance there is

A debug build of Python counts every reference there is (``sys.gettotalrefcount``: `make debug`). Any other says how
many blocks of memory it has given out, which shows each object that is never let go of. What is done is that of
leak_loop.py, and what goes wrong here.
"""

from __future__ import annotations

import argparse
import gc
import sys
import warnings
from pathlib import Path
from typing import Any, Callable

import numpy as np

import leak_loop
import tvmbind as tvm
from capsules import Exporter

DEBUG = hasattr(sys, "gettotalrefcount")
count: Callable[[], int] = sys.gettotalrefcount if DEBUG else sys.getallocatedblocks
Work = Callable[[], Any]


class Mine(Exception):
    """What is raised here, and nowhere else; no class of tvmbind's."""

    def __init__(self, one: int, two: int) -> None:
        super().__init__(one, two)


def fail(*args: Any, **options: Any) -> Any:
    """Raises an error that cannot be made again from its text, as an operator of Python's might."""
    raise Mine(1, 2)


class Failing:
    """Every way that a value has to be asked for something raises."""

    __dlpack__ = __dlpack_device__ = __index__ = __float__ = __len__ = __iter__ = __getitem__ = __array__ = fail


class OfOthers(Exporter):
    """What DLPack lets an object hand out, be it right or wrong."""

    def __init__(self, capsule: Callable[[], Any], device: Any = (1, 0)) -> None:
        super().__init__(np.zeros(64, "float32"))
        self.capsule, self.device = capsule, device

    def __dlpack_device__(self) -> Any:
        return self.device

    def __dlpack__(self, **options: Any) -> Any:
        return self.capsule()


class LastWords:
    """A callable whose end is an error, which Python tells of and goes on."""

    def __call__(self, *args: Any) -> int:
        return len(args)

    def __del__(self) -> None:
        raise Mine(1, 2)


def closed(make: Callable[[], Any]) -> Any:
    """What was made, closed."""
    made = make()
    made.close()
    return made


def make_errors() -> dict[str, list[Work]]:
    """What goes wrong, by what it is about."""
    module = tvm.load_module(leak_loop.MODELS / "kernels" / "dtypes.so")
    twice, add_ints = module["twice_float32"], module["add_ints"]
    identity, nothing = tvm.convert(lambda *args: args[0] if args else None), tvm.convert(lambda *args: None)
    small, floats = tvm.array(np.zeros(16, "float32")), np.zeros(16, "float32")
    unaligned, read_only = np.zeros(17, "float32")[1:], np.zeros(16, "float32")
    read_only.flags.writeable = False
    plain = tvm.aligned_empty((64,), "float32")
    other = tvm.empty((3, 3), "int8")

    def kept() -> None:
        views: list[Any] = []
        tvm.convert(lambda tensor: views.append(tensor.numpy()))(floats)

    def returns(value: Any) -> Work:
        made = tvm.convert(lambda: value() if callable(value) else value)
        return lambda: made()

    def arguments(function: Any) -> list[Work]:
        wrong: list[Any] = [
            object(), 2**70, -(2**63) - 1, "\ud800", Failing(), [object()], ["a", [object()]], {"k": object()},
            {1.5: {}}, np.zeros(2, "O"), np.array(["text"]), closed(lambda: tvm.empty((2,))),
            closed(lambda: tvm.convert(len)), 1j, OfOthers(fail), OfOthers(lambda: 3), set(),
        ]  # fmt: skip
        # Each behind what has to be let go of again: arrays, lists and functions that were made for the call.
        return [lambda x=x: function(floats, "a", lambda: 0, small, unaligned, x) for x in wrong]

    def library(text: str) -> Path:
        return leak_loop.MODELS / text

    def refused(*args: Any) -> list[Work]:
        return [lambda each=each: each(*args) for each in (tvm.from_dlpack, tvm.asarray)]

    def used() -> Any:
        capsule = small.__dlpack__()
        tvm.from_dlpack(OfOthers(lambda: capsule))
        return capsule

    found: dict[str, list[Work]] = {
        "arguments": arguments(nothing),
        "arguments of kernels": [
            *(lambda x=x: twice(x, small) for x in (1, None, "a", [1.0], other, small.shape, lambda: 0)),
            *(lambda x=x: twice(small, x) for x in (np.zeros(3, "int8"), np.zeros((4, 4), "f4"), identity)),
            lambda: twice(unaligned, small, copy=False), lambda: twice(read_only, small, copy=False),
            lambda: twice(small, small, copies=False), lambda: twice(small, *range(40)),
            lambda: add_ints("a", []),
        ],
        "callbacks that raise": [
            lambda: tvm.convert(fail)(), lambda: tvm.convert(fail)(floats, small, ["a"], lambda: 0),
            lambda: identity(tvm.convert(fail))(), lambda: tvm.convert(lambda f: f())(fail),
            lambda: tvm.convert(int)("x", "y"), lambda: tvm.convert(sys.exit)(),
        ],
        "results of callbacks": [
            *map(returns, (object(), 2**70, [object()], 1j, {"k": set()}, Failing(), np.zeros(2, "O"))),
            returns(lambda: closed(lambda: tvm.empty((2,)))), returns(lambda: OfOthers(fail)), kept,
        ],
        "what ends badly": [
            lambda: tvm.convert(LastWords())(1), lambda: tvm.convert(LastWords()).close(),
            lambda: nothing(LastWords()), lambda: identity(LastWords())(2),
            lambda: tvm.convert(fail)(LastWords(), LastWords()), lambda: nothing(LastWords(), object()),
        ],
        "DLPack": [
            *refused(OfOthers(fail)), *refused(OfOthers(lambda: 3)), *refused(OfOthers(used)),
            *refused(OfOthers(plain.__dlpack__, (99, 0))), *refused(OfOthers(plain.__dlpack__, "device")),
            *refused({}), *refused(Failing()),
            *refused(Exporter(plain, lambda managed: setattr(managed.tensor, "ndim", -1))),
            *refused(), *refused(1, 2, 3),
            lambda: tvm.from_dlpack(Exporter(plain)), lambda: tvm.from_dlpack(Exporter(plain, legacy=True)),
            lambda: (small.__dlpack__(), small.__dlpack__(max_version=(1, 0)), small.__dlpack__(copy=True)),
            lambda: np.from_dlpack(small), lambda: small.__dlpack__(dl_device=(2, 0)),
            lambda: small.__dlpack__(nonsense=1), lambda: closed(lambda: tvm.empty(1)).__dlpack__(),
            lambda: small.__dlpack__(stream=3), lambda: small.__dlpack__(max_version=7),
            lambda: tvm.asarray(read_only, copy=False), lambda: tvm.from_dlpack(unaligned),
        ],
        "arrays": [
            lambda: tvm.empty((2, -1)), lambda: tvm.empty("ab"), lambda: tvm.empty((2,), "nope"),
            lambda: tvm.empty((2**62, 2**40)), lambda: tvm.empty((2**45,)),
            lambda: tvm.empty((2,), "float32", tvm.Device(99, 0)), lambda: tvm.empty(Failing()),
            lambda: small.copyfrom(np.zeros(3, "f8")), lambda: small.copyto(other), lambda: small.copyto(1),
            lambda: closed(lambda: tvm.empty((2,))).numpy(), lambda: closed(lambda: tvm.empty(1)).shape,
            lambda: closed(lambda: tvm.empty((2,))).copy(), lambda: small.numpy(1), lambda: small.copy(1),
            lambda: small[77], lambda: tvm.array(object()), lambda: tvm.array([[1], 2]),
            tvm.NDArray, lambda: tvm.NDArray._from_handle("a"), lambda: tvm.aligned_empty((-1,), "f4"),
            lambda: (small.copy(), small.shape, small.dtype, small.strides, small.device, repr(small), small.numpy()),
        ],
        "functions": [
            lambda: tvm.get_global_func("tvmbind.test.none"), lambda: tvm.get_global_func("a\0b"),
            lambda: tvm.get_global_func(3), lambda: tvm.get_global_func(), lambda: tvm.get_global_func("\ud800"),
            lambda: tvm.register_func("tvmbind.test.reference", 3), lambda: tvm.convert(object()),
            lambda: tvm.convert(), lambda: tvm.convert(len, 2), lambda: closed(lambda: tvm.convert(len))(1),
            tvm.PackedFunc, lambda: tvm.PackedFunc._from_handle(Failing()),
            lambda: tvm.remove_global_func("tvmbind.test.none"), lambda: repr(identity),
        ],
        "modules": [
            lambda: tvm.load_module(library("none.so")), lambda: tvm.load_module(__file__),
            lambda: module["none"], lambda: module.get_function("a\0b"),
            lambda: module.import_module(module), lambda: module.import_module(3),
            lambda: module.get_source("nonsense"), lambda: (module.imported_modules, module.type_key, repr(module)),
            lambda: module.save("/nowhere/at/all"),
        ],
        "parameters": [lambda data=data: tvm.load_param_dict(data) for data in (b"", b"x" * 99, 3, bytes(64))]
        + [lambda data=data: tvm.save_param_dict(data) for data in ({1: small}, {"a": object()}, {"a": "b"})],
        "devices and types": [
            lambda: tvm.device("nonsense"), lambda: tvm.device("cpu", -1), lambda: tvm.DataType("nope"),
            lambda: tvm.DataType(3), lambda: (tvm.cpu(0).exist, repr(tvm.cpu(1)), tvm.DataType("int8x4")),
        ],
    }  # fmt: skip
    if leak_loop.INFO.has("containers"):
        array, mapping, shape = tvm.Array(["a"]), tvm.Map({"a": "b"}), tvm.ShapeTuple([1, 2])
        found["containers"] = [
            lambda: tvm.Array(["a", object()]), lambda: tvm.Array([LastWords(), object()]),
            lambda: tvm.Array(Failing()), lambda: tvm.Map({"a": object()}), lambda: tvm.Map(3),
            lambda: array[7], lambda: array["x"], lambda: mapping["b"],
            lambda: tvm.ShapeTuple(["a"]), lambda: shape[9],
            lambda: (list(array), dict(mapping), list(shape), array == ["a"], repr(mapping), next(iter(array))),
        ]  # fmt: skip
    if leak_loop.INFO.has("graph executor"):
        found["executors"] = graph_errors()
    if tvm._core.NAME == "fast":
        found["the C functions"] = wrong_calls()
    return found


def graph_errors() -> list[Work]:
    """What goes wrong with a graph executor, and what it is given in passing."""
    folder = leak_loop.MODELS / "digits"
    lib = tvm.load_module(folder / "libdeploy.so")
    made = tvm.graph_executor.create((folder / "deploy.json").read_text(), lib, tvm.cpu(0))
    made.load_params((folder / "deploy.params").read_bytes())
    image = np.zeros((1, 1, 8, 8), "float32")
    own = tvm.array(image)

    def bound() -> None:
        for value in (tvm.aligned_empty(image.shape, "float32"), tvm.empty(image.shape), Exporter(image)):
            made.set_input(0, value)
        made.set_output(0, tvm.aligned_empty((1, 10), "float32"))
        made.set_output(0, None)
        made.set_input(0, image, copy=True)

    strided = np.zeros((1, 1, 8, 16), "float32")[..., ::2]
    return [
        bound, lambda: made.run(input=own), lambda: made.get_output(0).numpy(),
        lambda: made.get_output(0, tvm.empty((1, 10))),
        lambda: made.set_input("none", image), lambda: made.set_input(99, image), lambda: made.run(1),
        lambda: made.set_input(0, image[0]), lambda: made.set_input(0, object()),
        lambda: made.set_input(0, strided, copy=False), lambda: made.set_input(0, OfOthers(fail)),
        lambda: made.set_input(0, image.astype("int8")), lambda: made.run(none=image),
        lambda: made.get_output(7), lambda: made.get_output(0, tvm.empty((2,))), lambda: made.get_input("x"),
        lambda: made.load_params(b"nonsense"), lambda: made.set_output(0, np.zeros(3, "f8")),
        lambda: tvm.graph_executor.create("{", lib, tvm.cpu(0)), lambda: tvm.graph_executor.create(3, lib, 4),
    ]  # fmt: skip


def wrong_calls() -> list[Work]:
    """Each function of the fast core, with no arguments and with far too many."""
    from tvmbind._core import _fast

    functions = [each for name, each in vars(_fast).items() if callable(each) and name != "after_fork"]
    return [lambda function=each, args=args: function(*args) for each in functions for args in ((), (object(),) * 10)]


def attempt(work: Work) -> Work:
    """The work, which may raise an error: whether it does, and which, is looked at by other tests."""

    def run() -> None:
        try:
            work()
        except (Exception, SystemExit):
            pass

    return run


def lost(work: Work, rounds: int) -> int:
    """How many references, or blocks, one round of some work loses; a cache that fills for a while is no loss."""
    for _ in range(20):
        work()
    each = 0
    for more in (1, 2, 10, 10, 10, 10):
        gc.collect()
        before = count()
        for _ in range(more * rounds):
            work()
        gc.collect()
        each = round((count() - before) / (more * rounds))
        if each <= 0:
            break
    return each


def without_memory(work: Work, rounds: int) -> int:
    """Lets Python's first allocation in some work fail, then its second alone, and so on."""
    from _testcapi import remove_mem_hooks, set_nomemory

    run = attempt(work)
    for number in range(rounds):
        try:
            set_nomemory(number, number + 1)
            run()
        except MemoryError:  # on the way there, or on the way back
            pass
        finally:
            remove_mem_hooks()
    work()
    return 0


def collecting(work: Work, rounds: int) -> int:
    """Does some work while garbage is collected whenever a container is made."""
    gc.set_threshold(1)
    for _ in range(rounds):
        work()
    gc.set_threshold(0)
    return 0


def works(make: Callable[[], dict[str, Any]], kind: str) -> dict[str, Work]:
    """What `leak_loop` or `make_errors` made, one by one, by name."""
    found: dict[str, Work] = {}
    for name, work in make().items():
        if isinstance(work, list):
            found.update({f"{kind}: {name} {i}": attempt(each) for i, each in enumerate(work)})
        else:
            found[f"{kind}: {name}"] = work
    return found


def main() -> int:
    """Counts, and says what is lost; 1 if anything is."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("rounds", type=int, nargs="?", default=200)
    parser.add_argument("names", nargs="*", help="of what is counted alone: the start of what this prints")
    parser.add_argument("--no-memory", dest="mode", action="store_const", const=without_memory, default=lost)
    parser.add_argument("--collect", dest="mode", action="store_const", const=collecting)
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    sys.unraisablehook = lambda what: None
    every = {
        **works(leak_loop.make_calls, "call"),
        **works(leak_loop.make_callbacks, "callback"),
        **works(make_errors, "error"),
    }
    gc.collect()
    gc.freeze()  # it need not be looked at each time
    chosen = {n: w for n, w in every.items() if not args.names or n.startswith(tuple(args.names))}
    found = {name: args.mode(work, args.rounds) for name, work in chosen.items()}
    bad = {name: each for name, each in found.items() if each > 0}
    for name, each in bad.items():
        print(f"{name}: {each} a round")
    what = "references" if DEBUG else "blocks of memory"
    print(f"{len(found)} kinds of work, {args.rounds} rounds of each: {len(bad)} lose {what}")
    return bool(bad)


if __name__ == "__main__":
    sys.exit(main())
