"""Random arrays through callbacks and compiled kernels, against numpy; random arguments through both cores.

A few cases in a run of the suite; ``HYPOTHESIS_PROFILE=thorough`` makes it thousands.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import pickle
import struct
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import tvmbind as tvm
from arrays import LAYOUTS, make_array
from capsules import Exporter
from core_worker import STRANGE
from runtime_here import INFO

THOROUGH = os.environ.get("HYPOTHESIS_PROFILE") == "thorough"
some = settings(max_examples=2500 if THOROUGH else 40, deadline=None, print_blob=True)
DTYPES = [
    "bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float16", "float32", "float64",
]  # fmt: skip
if importlib.util.find_spec("ml_dtypes"):
    DTYPES.append("bfloat16")
ANY_DTYPE = [*DTYPES, "complex64", "complex128"]

shapes = st.lists(st.integers(0, 5), max_size=4).map(tuple)
layouts = st.sampled_from(sorted(LAYOUTS))
offsets = st.sampled_from([0, 1, 2, 4, 8, 16, 24, 32, 48, 64, 96, 127])


booleans = st.booleans()


def arrays(dtypes=ANY_DTYPE, shape=shapes, writable=booleans):
    """What `make_array` makes an array of."""
    return st.tuples(st.sampled_from(dtypes), shape, st.integers(0, 99), layouts, offsets, writable)


@pytest.fixture(scope="module")
def kernels(models):
    return tvm.load_module(models / "kernels" / "dtypes.so")


@pytest.fixture(autouse=True)
def _quiet():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", tvm.PerformanceWarning)
        yield


def native(x):
    return x.astype(x.dtype.newbyteorder("="))


def same(found, x):
    assert found.dtype == native(x).dtype
    assert found.shape == x.shape
    assert (found == x).all()


def qualifies(x):
    """Whether TVM can use the memory where it is."""
    where = x.__array_interface__["data"][0]
    plain = x.flags.c_contiguous and x.flags.writeable and x.dtype.isnative
    return plain and (not x.size or where % INFO.alignment == 0)


def on(x, kind):
    return Exporter(x) if kind == "shared" and x.flags.writeable and x.dtype.isnative else x


KINDS = ["numpy"] if sys.implementation.name == "pypy" else ["numpy", "shared"]
kinds = st.sampled_from(KINDS)


def exportable(x):
    return x.dtype.kind in "biufc"  # numpy's DLPack has no others


@some
@given(arrays(), kinds)
def test_into_a_callback_and_back(spec, kind):
    x = make_array(*spec)
    before = x.copy()
    given_ = on(x, kind) if exportable(x) else x
    seen = []

    def callback(tensor):
        view = tensor.numpy()
        seen.append((view.copy(), tensor.strides, view.__array_interface__["data"][0]))
        view[...] = 1
        return tensor

    back = tvm.convert(callback)(given_)
    same(seen[0][0], before)
    assert seen[0][1] is None
    if x.size and qualifies(x) and hasattr(sys, "getrefcount"):  # or a callback is given a copy
        assert seen[0][2] == x.__array_interface__["data"][0]
    assert (back.numpy() == 1).all()
    assert (x == (1 if x.flags.writeable else before)).all()


@some
@given(arrays(), kinds, st.sampled_from([None, False, True]))
def test_as_an_array_of_tvm_s(spec, kind, copy):
    x = make_array(*spec)
    before = x.copy()
    value = on(x, kind) if exportable(x) else x
    try:
        a = tvm.asarray(value, copy=copy)
    except tvm.ZeroCopyError:
        assert copy is False
        assert not qualifies(x)
        return
    assert copy is not False or qualifies(x)
    same(a.numpy(), before)
    assert (a.shape, a.strides, a.byte_offset) == (x.shape, None, 0) or a.byte_offset == 0
    shares = x.size and np.shares_memory(a.numpy(), x)
    assert shares == bool(x.size and qualifies(x) and copy is not True)
    a.numpy()[...] = 1
    assert (x == (1 if shares else before)).all()
    if exportable(x):
        same(np.from_dlpack(a), np.asarray(a))


@some
@given(st.data())
def test_through_a_kernel(kernels, data):
    dtype = data.draw(st.sampled_from(DTYPES))
    shape = (data.draw(st.integers(0, 70)),)
    x = make_array(*data.draw(arrays([dtype], st.just(shape))))
    y = make_array(*data.draw(arrays([dtype], st.just(shape))))
    before, old = x.copy(), y.copy()
    kernel = kernels["not_bool" if dtype == "bool" else f"twice_{dtype}"]
    args = [on(each, data.draw(kinds)) if exportable(each) else each for each in (x, y)]
    kernel(*args)
    expected = ~native(before) if dtype == "bool" else native(before) + native(before)
    assert (x == before).all()
    assert (y == (expected if y.flags.writeable else old)).all()


@some
@given(st.data())
def test_through_a_kernel_of_three_dimensions(kernels, data):
    x = make_array(*data.draw(arrays(["float32"], st.just((2, 3, 4)))))
    y = make_array(*data.draw(arrays(["float32"], st.just((4, 3, 2)), st.just(True))))
    kernels["reverse_axes"](x, on(y, data.draw(kinds)))
    assert (y == x.transpose()).all()


@some
@given(st.data())
def test_one_piece_of_memory_in_two_arguments(kernels, data):
    """Overlapping views, as numpy has them when inputs are read before anything is written."""
    base = make_array("float32", (48,), data.draw(st.integers(0, 50)), "plain", data.draw(offsets))
    views = [base[:16], base[16:32], base[:32:2], base[1:32:2], base[15::-1], base[32:]]
    x, y = views[data.draw(st.integers(0, 5))], views[data.draw(st.integers(0, 5))]
    if np.shares_memory(x, y) and x is not y:
        return  # what a kernel does then is its own affair
    expected, others = x + x, base.copy()
    kernels["twice_float32"](x, y)
    assert (y == expected).all()
    y[...] = 0
    (others[(y.__array_interface__["data"][0] - base.__array_interface__["data"][0]) // 4 :] if y is base else others)
    assert np.shares_memory(y, base)


# -------------------------------------------------------------------------------- the same arguments on both cores

ints = st.one_of(st.integers(-(2**63) - 2, 2**64 + 2), st.sampled_from([0, -1, 2**63 - 1, -(2**63), 2**63, 2**200]))
texts = st.one_of(
    st.text(max_size=12), st.text(st.characters(), max_size=6), st.sampled_from(["", "a\0b", "\ud800", "ü" * 300])
)
plain = st.one_of(
    ints, st.floats(), st.booleans(), st.none(), texts, st.binary(max_size=12), st.just(b"a\0b"),
).map(lambda value: ("value", value))  # fmt: skip
scalars = st.tuples(
    st.just("scalar"), st.sampled_from(["int8", "uint16", "int64", "float16", "float32", "float64", "bool"]),
    st.integers(0, 100),
)  # fmt: skip
small = arrays(ANY_DTYPE, st.lists(st.integers(0, 3), max_size=3).map(tuple))
tensors = st.one_of(
    small.map(lambda spec: ("array", *spec)), small.map(lambda spec: ("NDArray", *spec)),
    small.filter(lambda spec: spec[5] and spec[3] != "big-endian" and spec[0] != "bfloat16").map(
        lambda spec: ("shared", *spec)
    ),
)  # fmt: skip
others = st.one_of(
    st.tuples(st.just("device"), st.integers(1, 15), st.integers(0, 3)),
    st.tuples(st.just("dtype"), st.sampled_from(["float32", "int8x4", "bool", "bfloat16", "handle"])),
    st.tuples(st.sampled_from(["bytearray", "memoryview"]), st.binary(max_size=5)),
    st.just(("callable",)),
    st.tuples(st.just("strange"), st.sampled_from(sorted(STRANGE))),
)
leaves = st.one_of(plain, plain, scalars, tensors, others)
keys = st.one_of(st.text("abc", max_size=2), st.integers(0, 3))
values = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.tuples(st.sampled_from(["list", "tuple"]), st.lists(inner, max_size=14)),
        st.tuples(st.just("dict"), st.dictionaries(keys, inner, max_size=3).map(lambda d: list(d.items()))),
    ),
    max_leaves=8,
)
names = st.sampled_from([
    "show", "show", "echo", "spoil", "fail", "add_ints", "add_floats", "no_arguments", "twice_float32", "twice_int8",
    "scale_by_float", "not_bool",
])  # fmt: skip


class Worker:
    """A process that calls what it is told to, on one of the cores."""

    def __init__(self, core):
        self.core = core
        self.start()

    def start(self):
        worker = Path(__file__).with_name("core_worker.py")
        self.process = subprocess.Popen(
            [sys.executable, "-X", "faulthandler", str(worker)], env={**os.environ, "TVMBIND_CORE": self.core},
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip

    def ask(self, case):
        data = pickle.dumps(case)
        try:
            self.process.stdin.write(struct.pack("=I", len(data)) + data)
            self.process.stdin.flush()
            return pickle.loads(self.process.stdout.read(*struct.unpack("=I", self.process.stdout.read(4))))
        except (BrokenPipeError, struct.error):
            text = self.process.stderr.read().decode()[-3000:]
            self.close()
            self.start()
            raise AssertionError(f"the {self.core} core died of {case}:\n{text}") from None

    def close(self):
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()
        self.process.wait(60)
        self.process.stdout.close()
        self.process.stderr.close()


@pytest.fixture(scope="module")
def cores():
    if importlib.util.find_spec("tvmbind._core._fast") is None:
        pytest.skip("the fast core was not built here")
    both = [Worker("fast"), Worker("pure")]
    yield both
    for each in both:
        each.close()


@settings(some, max_examples=6000 if THOROUGH else 120)
@given(names, st.lists(values, max_size=14), st.sampled_from([{}, {}, {}, {"copy": False}, {"copy": True}, {"x": 1}]))
def test_both_cores_do_the_same(cores, name, trees, options):
    # A kernel takes a null pointer for a tensor, and dies of it.
    assume("_" not in name or ("value", None) not in trees)
    fast, pure = (core.ask((name, trees, options)) for core in cores)
    assert fast == pure
