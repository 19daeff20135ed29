"""Corrupt compiled models in thousands of ways, load and run each: no crash, no hang, a clear error or a right answer.

    python tools/fuzz_artifacts.py                      10,000 variants on the runtime that is chosen as always
    python tools/fuzz_artifacts.py --only graph         of one kind; --list tells which there are
    python tools/fuzz_artifacts.py --variant 1234       one variant, in this process, with its traceback

A variant is known by its number: the same number makes the same bytes. Workers load one after the other; when one
dies or hangs, the variant it was at is run again alone, and its files are kept in out/fuzz/.

What no reader can tell is not made: other bytes in code, in constants and weights, and a smaller shape for an array
inside a graph, which only the code knows.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import random
import resource
import select
import signal
import struct
import subprocess
import sys
import tarfile
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path

import numpy as np

import tvmbind as tvm

ROOT = Path(__file__).resolve().parent.parent
PATIENCE = 30  # seconds for one variant, on a busy machine
LIVES = 150  # variants to a worker
MEMORY = 1 << 30  # bytes that a worker may come to use
SPLIT = ("libdeploy.so", "deploy.json", "deploy.params")
ARRAY = struct.pack("<Q", 0xDD5E40F096B4A13F)
NUMBERS = (
    0, 1, 2, 3, 4, 7, 8, 16, 24, 64, 127, 255, 256, 4095, 4096, 65535, 2**31 - 1, 2**31, 2**32 - 1, 2**40, 2**62,
    2**63 - 1, 2**63, 2**64 - 1,
)  # fmt: skip

#: Of a generation: the models, as folder and files.
CLASSIC = {
    "split": ("digits", SPLIT),
    "many": ("many", SPLIT),
    "factory": ("digits", ("factory.so",)),
    "aot": ("digits", ("aot.so",)),
    "relax": ("digits", ("relax_vm.so",)),
    "relax_nested": ("machines", ("relax_nested.so",)),
    "relay": ("digits", ("relay_vm.so",)),
    "relay_if": ("machines", ("relay_if.so",)),
}
MODERN = {
    "relax": ("modern/digits", ("relax_vm.so",)),
    "relax_many": ("modern/relax", ("relax_many.so",)),
    "relax_symbolic": ("modern/relax", ("relax_symbolic.so",)),
    "relax_params": ("modern/relax", ("relax_params.so", "relax_params.params")),
    "relax_nested": ("modern/machines", ("relax_nested.so",)),
}
#: What is corrupted, and how often.
KINDS = {"graph": 25, "params": 20, "headers": 30, "blob": 15, "archive": 6, "swapped": 4}


def models():
    """The models that the runtime here can run, with the contents of their files."""
    info = tvm.load_runtime()
    found = {}
    for name, (folder, files) in (CLASSIC if info.abi == "classic" else MODERN).items():
        contents = {file: (ROOT / "models" / folder / file).read_bytes() for file in files}
        try:
            tvm.load_model(*(ROOT / "models" / folder / file for file in files))
        except (tvm.TVMError, ValueError) as error:
            print(f"without {name}: {str(error).splitlines()[0][:100]}", file=sys.stderr)
            continue
        found[name] = contents
    return found


# ------------------------------------------------------------------------------------------------- where to corrupt


def tables_of(data):
    """Ranges of a library's headers and tables: all but code and data."""
    shoff, shnum, shstrndx = struct.unpack_from("<Q", data, 40)[0], *struct.unpack_from("<HH", data, 60)
    phoff, phnum = struct.unpack_from("<Q", data, 32)[0], struct.unpack_from("<H", data, 56)[0]
    ranges = [(0, 64), (phoff, phoff + 56 * phnum), (shoff, shoff + 64 * shnum)]
    for index in range(shnum):
        _, kind, _, _, offset, size = struct.unpack_from("<IIQQQQ", data, shoff + 64 * index)
        if kind in (3, 4, 5, 6, 11, 0x6FFFFFF6, 0x6FFFFFFE, 0x6FFFFFFF) and index != shstrndx:
            ranges.append((offset, offset + size))
    return ranges


def blob_of(data):
    """Ranges of what a library carries for the runtime (graphs, bytecode, names), without the numbers of arrays."""
    shoff, shnum = struct.unpack_from("<Q", data, 40)[0], struct.unpack_from("<H", data, 60)[0]
    sections = [struct.unpack_from("<IIQQQQI", data, shoff + 64 * index) for index in range(shnum)]
    symbols = next(each for each in sections if each[1] == 11)
    names = sections[symbols[6]][4]
    for at in range(symbols[4], symbols[4] + symbols[5], 24):
        name, _, _, section, value, size = struct.unpack_from("<IBBHQQ", data, at)
        text = data[names + name : data.index(b"\0", names + name)]
        if text in (b"__tvm_dev_mblob", b"__tvm_ffi__library_bin"):
            start = value - sections[section][3] + sections[section][4]
            end = start + (size or 8 + int.from_bytes(data[start : start + 8], "little"))
            return without_numbers(data, start, end)
    return []


def without_numbers(data, start, end):
    """A range without the elements of the arrays that are in it, as TVM writes them."""
    ranges, at = [], start
    while True:
        found = data.find(ARRAY, at, end)
        if found < 0:
            return [*ranges, (at, end)]
        ndim = struct.unpack_from("<i", data, found + 24)[0]
        head = found + 32 + 8 * ndim + 8
        ranges.append((at, head))
        at = head + struct.unpack_from("<q", data, head - 8)[0]


# ---------------------------------------------------------------------------------------------------- how to corrupt


def change(rng, data, ranges):
    """Other bytes in these ranges: bits, bytes, numbers of four and eight bytes."""
    out = bytearray(data)
    weights = [end - start for start, end in ranges]
    if rng.random() < 0.5:  # small tables as often as large ones
        weights = [min(weight, 64) for weight in weights]
    for _ in range(1 if rng.random() < 0.7 else rng.randrange(2, 9)):
        start, end = rng.choices(ranges, weights)[0]
        place = rng.randrange(start, end)
        how = rng.randrange(5)
        if how == 0:
            out[place] ^= 1 << rng.randrange(8)
        elif how == 1:
            out[place] = rng.choice((0, 1, 0x20, 0x7F, 0x80, 0xFF, rng.randrange(256)))
        else:
            width = 8 if how == 2 else 4
            place = start + (place - start) // width * width
            if place + width > end:
                continue
            old = int.from_bytes(out[place : place + width], "little")
            near, flipped = old + rng.choice((-1, 1, -8, 8, 64, -64)), old ^ (1 << rng.randrange(8 * width))
            new = rng.choice((rng.choice(NUMBERS), near, flipped))
            out[place : place + width] = (new % (1 << 8 * width)).to_bytes(width, "little")
    return bytes(out)


def cut(rng, data):
    """Fewer bytes, or more."""
    how = rng.randrange(4)
    if how == 0:
        return data[: rng.randrange(len(data))]
    if how == 1:
        return data[: max(0, len(data) - rng.randrange(1, 64))]
    if how == 2:
        start = rng.randrange(len(data))
        return data[:start] + data[start + rng.randrange(1, 16) :]
    start = rng.randrange(len(data))
    return data[:start] + rng.randbytes(rng.randrange(1, 16)) + data[start:]


def smaller(before, after):
    """Whether a graph gives an array inside it fewer elements: only the code knows how many it writes."""
    try:
        old, new = json.loads(before), json.loads(after)
        shapes = [[int(np.prod(shape)) for shape in graph["attrs"]["shape"][1]] for graph in (old, new)]
        return len(shapes[0]) == len(shapes[1]) and any(b < a for a, b in zip(*shapes))
    except (ValueError, KeyError, TypeError, IndexError, AttributeError, OverflowError):
        return False


def edit_graph(rng, text):
    """A field of a graph set to what another graph could have."""
    graph = json.loads(text)
    how = rng.randrange(9)
    nodes, attrs = graph["nodes"], graph["attrs"]
    node = rng.choice([each for each in nodes if each["op"] == "tvm_op"])
    number = rng.choice((-1, 0, 1, len(nodes), rng.randrange(len(nodes)), 2**31, 2**40, 1.5, "0", None))
    if how == 0:
        rng.choice(node["inputs"])[rng.randrange(3)] = number
    elif how == 1:
        graph[rng.choice(("arg_nodes", "node_row_ptr"))][rng.randrange(3)] = number
    elif how == 2:
        rng.choice(graph["heads"])[rng.randrange(3)] = number
    elif how == 3:
        attrs["storage_id"][1][rng.randrange(len(attrs["storage_id"][1]))] = number
    elif how == 4:
        at = rng.randrange(len(attrs["dltype"][1]))
        dtypes = ("float64", "int8", "float16", "bool", "", "handle", "float32x4", "float0", 3)
        attrs["dltype"][1][at] = rng.choice(dtypes)
    elif how == 5:
        node["attrs"][rng.choice(sorted(node["attrs"]))] = rng.choice(("0", "1", "99", "__nop", "nope", "", None, 7))
    elif how == 6:
        node["attrs"]["func_name"] = rng.choice([n for n in nodes if n["op"] == "tvm_op"])["attrs"]["func_name"]
    elif how == 7:
        rng.choice((nodes, graph["heads"], graph["arg_nodes"], attrs["shape"][1], attrs["storage_id"][1])).pop()
    else:
        del graph[rng.choice(sorted(graph))]
    return json.dumps(graph).encode()


def corrupt_graph(rng, name, contents):
    """A graph with a field edited, cut, or with other bytes."""
    data = contents["deploy.json"]
    while True:
        how = rng.choice((edit_graph, cut, lambda rng, data: change(rng, data, [(0, len(data))])))
        changed = how(rng, data)
        if changed != data and not smaller(data, changed):
            return {**contents, "deploy.json": changed}


def corrupt_params(rng, name, contents):
    """Params with other bytes in all but the weights, or cut."""
    file = next(each for each in contents if each.endswith(".params"))
    data = contents[file]
    changed = cut(rng, data) if rng.random() < 0.3 else change(rng, data, without_numbers(data, 0, len(data)))
    return {**contents, file: changed}


def library(contents):
    """The name of a model's library."""
    return next(each for each in contents if each.endswith(".so"))


def corrupt_headers(rng, name, contents):
    """A library with other bytes in its headers and tables, or cut."""
    file = library(contents)
    data = contents[file]
    changed = cut(rng, data[:]) if rng.random() < 0.15 else change(rng, data, tables_of(data))
    return {**contents, file: changed}


def corrupt_blob(rng, name, contents):
    """A library with other bytes in what it carries for the runtime."""
    file = library(contents)
    return {**contents, file: change(rng, contents[file], blob_of(contents[file]))}


def corrupt_archive(rng, name, contents):
    """A tar of the model with other bytes in its headers, or cut."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for file, data in contents.items():
            info = tarfile.TarInfo(file)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    data, ranges, at = packed.getvalue(), [], 0
    for file in contents.values():
        ranges.append((at, at + 512))
        at += 512 + (len(file) + 511) // 512 * 512
    if rng.random() < 0.3:
        return {"model.tar": data[: rng.randrange(len(data))]}
    return {"model.tar": change(rng, data, ranges)}


def corrupt_swapped(rng, name, contents, everything):
    """Files of one model under the names of another's, and some left out."""
    pool = [data for each in everything.values() for data in each.values()]
    found = dict(contents)
    for file in rng.sample(sorted(found), rng.randrange(1, len(found) + 1)):
        if rng.random() < 0.25:
            del found[file]
        else:
            found[file] = rng.choice(pool)
    return found


def variant(number, everything, only=None):
    """A corrupted model: its kind, the model's name, and its files."""
    rng = random.Random(number)
    kind = only or rng.choices(list(KINDS), KINDS.values())[0]
    fits = {
        "graph": lambda c: "deploy.json" in c,
        "params": lambda c: any(each.endswith(".params") for each in c),
        "blob": lambda c: bool(blob_of(c[library(c)])),
    }.get(kind, lambda c: True)
    names = [name for name, contents in everything.items() if fits(contents)]
    if not names:
        kind, names = "headers", list(everything)
    name = rng.choice(names)
    if kind == "swapped":
        return kind, name, corrupt_swapped(rng, name, everything[name], everything)
    return kind, name, globals()[f"corrupt_{kind}"](rng, name, everything[name])


# ------------------------------------------------------------------------------------------------------- what comes


def feed_of(name):
    """What the models here take: the same numbers each time."""
    rng = np.random.default_rng(7)
    if name in ("split", "factory", "aot", "relay") or name == "relax":
        return [rng.random((1, 1, 8, 8), "float32")]
    if name == "relay_if":
        return [np.array(True), np.arange(3, dtype="float32") - 1]
    if name in ("many", "relax_many"):
        return [np.array([[1, -2, 3], [-4, 5, -6]], "float32"), np.array([[1, 2, 3], [4, 5, 6]], "int32")]
    if name == "relax_nested":
        return [np.ones((3, 4), "float32"), np.arange(4, dtype="float32")]
    if name == "relax_symbolic":
        return [np.ones((3, 4), "float32"), np.full((3, 4), 2, "float32")]
    return [np.ones((1, 4), "float32")]


def answers(paths, name):
    """What a model gives for its feed."""
    with tvm.load_model(*paths) as model:
        return [np.array(each.numpy()) for each in model.run(feed_of(name))]


class Judge:
    """Loads and runs variants, and says what came of each."""

    def __init__(self, everything):
        self.everything = everything
        self.right = {name: self.try_it(contents, name) for name, contents in everything.items()}

    def try_it(self, contents, name):
        """The answers of a model of these files."""
        with tempfile.TemporaryDirectory(prefix="tvmbind-fuzz-") as folder:
            paths = [Path(folder) / file for file in contents]
            for path, data in zip(paths, contents.values()):
                path.write_bytes(data)
            return answers(paths, name)

    def judge(self, number, only=None):
        """``(kind, outcome, text)`` of a variant."""
        kind, name, contents = variant(number, self.everything, only)
        try:
            found = self.try_it(contents, name)
        except (tvm.TVMError, ValueError, KeyError, TypeError, IndexError) as error:
            clear = isinstance(error, (tvm.TVMError, ValueError)) or str(error)
            first = (str(error).splitlines() or [""])[0]
            return kind, "refused" if clear else "unclear error", f"{name}: {type(error).__name__}: {first[:200]}"
        except MemoryError:
            return kind, "giant allocation", name
        except BaseException as error:
            return kind, "unclear error", f"{name}: {type(error).__name__}: {str(error)[:200]}"
        for right in [self.right[name], *(self.right.values() if kind == "swapped" else ())]:
            if len(found) == len(right) and all(same(a, b) for a, b in zip(found, right)):
                return kind, "right answer", name
        return kind, "another answer", name


def same(a, b):
    """Whether two arrays are equal, but for rounding."""
    return a.shape == b.shape and a.dtype == b.dtype and np.allclose(a, b, atol=1e-5, equal_nan=True)


def work(only):
    """A worker: a number comes in, a line of JSON goes out."""
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever the runtime prints
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    judge = Judge(models())
    print("ready", file=out, flush=True)
    for line in sys.stdin:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        kind, outcome, text = judge.judge(int(line), only)
        after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        if (after - before) * 1024 > MEMORY:
            outcome, text = "giant allocation", f"{text} ({after >> 10} MB)"
        print(json.dumps([kind, outcome, text]), file=out, flush=True)


class Worker:
    """A process that judges variants; another one when it dies."""

    def __init__(self, only):
        self.only = only
        self.process = None

    def start(self):
        """Start the process; it judges the models as they are first."""
        command = [sys.executable, "-W", "ignore", __file__, "--worker", *(["--only", self.only] if self.only else [])]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        self.lives = LIVES
        if self.process.stdout.readline() != "ready\n":
            raise SystemExit("a worker cannot load the models as they are")

    def stop(self):
        """End the process."""
        if self.process is not None:
            self.process.kill()
            self.process.communicate()
        self.process = None

    def judge(self, number):
        """``(kind, outcome, text)``; a crash or hang is an outcome."""
        if self.process is None or self.lives == 0:
            self.stop()
            self.start()
        self.lives -= 1
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.write(f"{number}\n")
            self.process.stdin.flush()
        ready, _, _ = select.select([self.process.stdout], [], [], PATIENCE)
        line = self.process.stdout.readline() if ready else ""
        if line:
            return json.loads(line)
        outcome = "crash" if ready else "hang"
        code = self.process.wait() if ready else None
        self.stop()
        return ["?", outcome, signal.Signals(-code).name if code and code < 0 else f"exit status {code}"]


def run(numbers, workers, only, progress=True):
    """Judges variants; returns what came of each, by number."""
    found, lock, todo = {}, threading.Lock(), iter(numbers)

    def loop():
        worker = Worker(only)
        while True:
            with lock:
                number = next(todo, None)
            if number is None:
                break
            result = worker.judge(number)
            if result[1] in ("crash", "hang"):  # alone, for a variant before it may have done the damage
                alone = worker.judge(number)
                result = alone if alone[1] in ("crash", "hang") else [alone[0], f"{result[1]} after others", result[2]]
            with lock:
                found[number] = result
                if progress and len(found) % 500 == 0:
                    print(f"{len(found)} ...", file=sys.stderr, flush=True)
        worker.stop()

    threads = [threading.Thread(target=loop) for _ in range(workers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


BAD = ("crash", "hang", "crash after others", "hang after others", "giant allocation", "unclear error")


def keep(number, result, only, everything):
    """Writes a bad variant's files to out/fuzz/."""
    kind, name, contents = variant(number, everything, only)
    folder = ROOT / "out" / "fuzz" / f"{number}-{kind}-{name}"
    folder.mkdir(parents=True, exist_ok=True)
    for file, data in contents.items():
        (folder / file).write_bytes(data)
    (folder / "outcome.txt").write_text(f"{result[1]}: {result[2]}\n")


def report(found, only, everything, seconds):
    """Prints a table of what came; returns how many variants were bad."""
    table = Counter()
    for number, result in sorted(found.items()):
        kind = variant(number, everything, only)[0]
        table[kind, result[1]] += 1
        if result[1] in BAD:
            keep(number, result, only, everything)
            print(f"{result[1]}: variant {number} ({kind}): {result[2]}")
    outcomes = ["refused", "right answer", "another answer", *(o for o in BAD if any(each[1] == o for each in table))]
    print(f"\n{len(found)} variants on {tvm.load_runtime().title} in {seconds:.0f} s\n")
    print("| corrupted | variants | " + " | ".join(outcomes) + " |\n" + "|---" * (len(outcomes) + 2) + "|")
    for kind in KINDS:
        row = [table[kind, outcome] for outcome in outcomes]
        if sum(row):
            print(f"| {kind} | {sum(row)} | " + " | ".join(map(str, row)) + " |")
    return sum(count for (_, outcome), count in table.items() if outcome in BAD)


def main():
    """Run as the command line says."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=10_000, help="how many variants (default 10000)")
    parser.add_argument("--first", type=int, default=0, help="the number of the first one")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--only", choices=KINDS, help="corrupt this only")
    parser.add_argument("--list", action="store_true", help="what can be corrupted")
    parser.add_argument("--variant", type=int, help="one variant, in this process")
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.list:
        print("\n".join(KINDS))
        return 0
    if arguments.worker:
        work(arguments.only)
        return 0
    everything = models()
    if arguments.variant is not None:
        kind, name, contents = variant(arguments.variant, everything, arguments.only)
        print(kind, name, {file: len(data) for file, data in contents.items()})
        found = Judge(everything).try_it(contents, name)
        print([each.ravel()[:4] for each in found])
        return 0
    start = time.monotonic()
    numbers = range(arguments.first, arguments.first + arguments.count)
    found = run(numbers, arguments.workers, arguments.only)
    return 1 if report(found, arguments.only, everything, time.monotonic() - start) else 0


if __name__ == "__main__":
    sys.exit(main())
