"""Zero copy into executors and functions: shown by addresses, safe whoever lets go first, refused where it must be."""

from __future__ import annotations

import gc
import itertools
import mmap
import sys
import warnings
import weakref

import numpy as np
import pytest

import tvmbind as tvm
from capsules import Exporter
from runtime_here import INFO, counts_references, need

cpython = pytest.mark.skipif(sys.implementation.name != "cpython", reason="this Python has no capsules for ctypes")


class Mine(np.ndarray):
    """numpy's, but it can be told whether it is still there."""


def at(x):
    """Where the elements of an array are."""
    return (x.numpy() if isinstance(x, tvm.NDArray) else x).__array_interface__["data"][0]


def aligned(values, kind=Mine):
    values = np.asarray(values)
    x = tvm.aligned_empty(values.shape, values.dtype).view(kind)
    x[...] = values
    return x


def shifted(values, offset):
    """The values, `offset` bytes behind an address that every runtime is content with."""
    values = np.asarray(values)
    raw = tvm.aligned_empty((values.nbytes + 256,), "uint8")
    x = raw[offset : offset + values.nbytes].view(values.dtype).reshape(values.shape)
    x[...] = values
    return x


def gone(reference):
    gc.collect()
    return reference() is None


@pytest.fixture(scope="module")
def images(models):
    folder = models if (models / "digits" / "test_images.npz").exists() else models.parent
    file = np.load(folder / "digits" / "test_images.npz")
    return (file["images"].reshape(-1, 1, 1, 8, 8) / 16).astype("float32"), file["probabilities"]


# ----------------------------------------------------------------------------- executors with memory of their own


def graph(models):
    need("graph executor")
    library = tvm.load_module(models / "digits" / "libdeploy.so")
    made = tvm.graph_executor.create((models / "digits" / "deploy.json").read_text(), library, tvm.cpu(0))
    made.load_params((models / "digits" / "deploy.params").read_bytes())
    return made


def factory(models):
    need("graph executor", "graph factory")
    return tvm.GraphModule(tvm.load_module(models / "digits" / "factory.so")["default"](tvm.cpu(0)))


def aot(models):
    need("AOT executor")
    return tvm.AotModule(tvm.load_module(models / "digits" / "aot.so")["default"](tvm.cpu(0)))


@pytest.fixture(params=[graph, factory, aot], ids=lambda make: make.__name__)
def digits(request, models, images):
    """An executor that can bind memory."""
    made = request.param(models)
    try:
        made.set_input(0 if request.param is aot else "input", aligned(images[0][0]), copy=False)
        made.set_output(0, aligned(images[1][:1]), copy=False)
    except tvm.ZeroCopyError as error:
        pytest.skip(f"{INFO.title}: {error}")
    made.set_output(0, None)
    made.set_input(0 if request.param is aot else "input", images[0][0] * 0, copy=True)
    return made


def run(executor):
    executor.run()
    return executor.get_output(0).numpy().copy()[0]


def expected(images, index):
    return pytest.approx(images[1][index], abs=1e-5)


KINDS = {
    "numpy": lambda x: x,
    "NDArray": tvm.from_dlpack,
    "another library": Exporter,
    "another library, of before DLPack 1.0": lambda x: Exporter(x, legacy=True),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("copy", [False, None])
def test_an_input_is_the_caller_s_memory(digits, images, kind, copy):
    if sys.implementation.name != "cpython" and "library" in kind:
        pytest.skip("this Python has no capsules")
    own = at(digits.get_input(0))
    x = aligned(images[0][0])
    digits.set_input(0, KINDS[kind](x), copy=copy)
    assert at(digits.get_input(0)) == at(x) != own
    for index in (0, 5, 9):
        x[...] = images[0][index]  # changing it is setting the input
        assert run(digits) == expected(images, index)
    digits.set_input(0, images[0][7], copy=True)
    assert at(digits.get_input(0)) == own
    assert run(digits) == expected(images, 7)
    assert (x == images[0][9]).all(), "no longer the input, and never written to"


@pytest.mark.parametrize("kind", list(KINDS)[:2])
def test_an_output_is_computed_in_the_caller_s_memory(digits, images, kind):
    own, out = at(digits.get_output(0)), aligned(np.zeros((1, 10), "float32"))
    digits.set_output(0, KINDS[kind](out), copy=False)
    digits.set_input(0, images[0][3])
    digits.run()
    assert out[0] == expected(images, 3)
    assert at(digits.get_output(0)) == at(out)
    digits.set_output(0, None)
    digits.set_input(0, images[0][4])
    assert run(digits) == expected(images, 4)
    assert at(digits.get_output(0)) == own
    assert out[0] == expected(images, 3)


@cpython
def test_an_output_in_memory_of_another_library(digits, images):
    for out in (aligned(np.zeros((1, 10), "f4")), shifted(np.zeros((1, 10), "f4"), 4), np.zeros((1, 20), "f4")[:, ::2]):
        digits.set_output(0, Exporter(out))
        digits.set_input(0, images[0][3])
        digits.run()
        assert out[0] == expected(images, 3)
        other = np.zeros_like(out)
        digits.get_output(0, Exporter(other))
        assert other[0] == expected(images, 3)
    digits.set_output(0, None)


def test_buffers(digits, images):
    page = mmap.mmap(-1, 4096)
    x = np.frombuffer(page, "float32", 64)
    digits.set_input(0, memoryview(page)[:256].cast("f", (1, 1, 8, 8)), copy=False)
    assert at(digits.get_input(0)) == at(x)
    x[:] = images[0][2].ravel()
    assert run(digits) == expected(images, 2)
    digits.set_input(0, memoryview(images[0][6]))
    assert run(digits) == expected(images, 6)


REFUSED = {
    "read-only": (lambda x: np.frombuffer(x.tobytes(), x.dtype).reshape(x.shape), "read-only|aligned"),
    "strided": (lambda x: np.repeat(x, 2, -1)[..., ::2], "contiguous"),
    "reversed": (lambda x: x[..., ::-1].copy()[..., ::-1], "contiguous"),
    "Fortran's order": (lambda x: np.asfortranarray(x), "contiguous"),
    "big-endian": (lambda x: x.astype(">f4"), "byte order"),
    "misaligned": (lambda x: shifted(x, 4), "aligned"),
    "a list": (lambda x: x.tolist(), "no memory"),
}


@pytest.mark.parametrize("case", REFUSED)
@pytest.mark.parametrize("bound", [False, True])
def test_what_cannot_be_used_where_it_is(digits, images, case, bound):
    """An error with copy=False, which changes nothing; else a copy."""
    make, message = REFUSED[case]
    before = aligned(images[0][1])
    digits.set_input(0, before, copy=not bound)
    where = at(digits.get_input(0))
    x = make(images[0][8])
    with pytest.raises(tvm.ZeroCopyError, match=message):
        digits.set_input(0, x, copy=False)
    assert at(digits.get_input(0)) == where
    assert run(digits) == expected(images, 1)
    digits.set_input(0, x)
    assert run(digits) == expected(images, 8)
    assert (before == images[0][1]).all()
    assert (np.asarray(x) == images[0][8]).all()


@pytest.mark.parametrize("wrong", [np.zeros((1, 1, 8, 8), "f8"), np.zeros((1, 1, 8, 9), "f4"), np.zeros(64, "f4")])
def test_what_does_not_fit_changes_nothing(digits, images, wrong):
    x = aligned(images[0][1])
    digits.set_input(0, x, copy=False)
    for value in (aligned(wrong), tvm.array(wrong)):
        for copy in (None, False, True):
            with pytest.raises((TypeError, ValueError)):
                digits.set_input(0, value, copy=copy)
            with pytest.raises((TypeError, ValueError)):
                digits.set_output(0, value, copy=copy)
    assert at(digits.get_input(0)) == at(x)
    assert run(digits) == expected(images, 1)


@pytest.mark.parametrize("offset", [0, 4, 16, 32, 48, 64, 96, 112])
def test_every_alignment(digits, images, offset):
    """The table of what segfaults, by the executors: whatever the address, the answer is right."""
    x, out = shifted(images[0][2], offset), shifted(np.zeros((1, 10), "float32"), offset)
    digits.set_input(0, x)
    digits.set_output(0, out)
    assert (at(digits.get_input(0)) == at(x)) == (offset % INFO.alignment == 0)
    digits.run()
    assert out[0] == expected(images, 2)
    if offset % INFO.alignment:
        with pytest.raises(tvm.ZeroCopyError, match=f"{INFO.alignment} bytes"):
            digits.set_input(0, x, copy=False)
        with pytest.raises(tvm.ZeroCopyError, match=f"{INFO.alignment} bytes"):
            digits.set_output(0, out, copy=False)


def test_an_output_that_cannot_be_written(digits):
    out = aligned(np.zeros((1, 10), "float32"))
    out.flags.writeable = False
    for copy in (None, False, True):
        with pytest.raises(ValueError, match="read-only"):
            digits.set_output(0, out, copy=copy)


def test_one_memory_after_the_other(digits, images):
    many = [aligned(images[0][index]) for index in range(6)]
    for index, x in enumerate(many):
        digits.set_input(0, x, copy=False)
        digits.set_input(0, x)  # once more: it is there already
        assert run(digits) == expected(images, index)
    assert all((x == images[0][index]).all() for index, x in enumerate(many))


def test_input_and_output_from_each_other(digits, images):
    """An executor's own arrays as another's memory."""
    digits.set_input(0, images[0][3], copy=True)
    own = digits.get_input(0)
    digits.set_input(0, own)
    assert run(digits) == expected(images, 3)
    other = tvm.empty((1, 10))
    digits.set_output(0, other, copy=False)
    digits.set_output(0, digits.get_output(0), copy=False)
    digits.run()
    assert other.numpy()[0] == expected(images, 3)


# ------------------------------------------------------------------------------------------------------- lifetimes


def clobber():
    """Takes the memory that was just freed, and fills it."""
    return [tvm.array(np.full((1, 1, 8, 8), 99, "float32")) for _ in range(20)]


@counts_references
@pytest.mark.parametrize("order", list(itertools.permutations(["x", "nd", "seen"])), ids=" ".join)
def test_owners_let_go_in_every_order(digits, images, order):
    x = aligned(images[0][2])
    there = weakref.ref(x)
    owners = {"x": x, "nd": tvm.from_dlpack(x)}
    digits.set_input(0, owners["nd"], copy=False)
    owners["seen"] = digits.get_input(0)
    del x
    for name in order:
        owner = owners.pop(name)
        if isinstance(owner, tvm.NDArray):
            owner.close()
        del owner
        assert not gone(there)
        clobber()
        assert run(digits) == expected(images, 2)
    digits.set_input(0, images[0][3], copy=True)
    assert gone(there)
    assert run(digits) == expected(images, 3)


@counts_references
@pytest.mark.parametrize("kind", list(KINDS)[:2])
def test_an_output_that_its_owner_closes(digits, images, kind):
    out = aligned(np.zeros((1, 10), "float32"))
    there = weakref.ref(out)
    given = KINDS[kind](out)
    digits.set_output(0, given, copy=False)
    if isinstance(given, tvm.NDArray):
        given.close()
    del out, given
    digits.set_input(0, images[0][2])
    assert not gone(there)
    clobber()
    assert run(digits) == expected(images, 2)
    digits.get_output(0).close()
    clobber()
    assert run(digits) == expected(images, 2)
    result = digits.get_output(0)
    digits.close()
    assert result.numpy()[0] == expected(images, 2)
    assert not gone(there)
    result.close()
    assert gone(there)


@counts_references
@pytest.mark.parametrize("end", ["close", "del"])
def test_memory_goes_with_the_executor(models, images, digits, end):
    x = aligned(images[0][2])
    there = weakref.ref(x)
    digits.set_input(0, x, copy=False)
    made = [digits]
    del x
    assert not gone(there)
    digits.close()
    made.clear()
    assert gone(there)


@counts_references
@pytest.mark.parametrize("make", [graph, factory], ids=lambda make: make.__name__)
def test_a_function_that_outlives_its_executor(models, images, make):
    made = make(models)
    x, out = aligned(images[0][2]), aligned(np.zeros((1, 10), "float32"))
    try:
        made.set_input("input", x, copy=False)
        made.set_output(0, out, copy=False)
    except tvm.ZeroCopyError as error:
        pytest.skip(f"{INFO.title}: {error}")
    function, seen, there = made["run"], out.view(np.ndarray), weakref.ref(x)
    made.close()
    del made, x, out
    assert not gone(there)
    clobber()
    function()
    assert seen[0] == expected(images, 2)
    del function
    assert gone(there)


@counts_references
def test_the_runtimes_own_functions_keep_what_they_bind(models, images):
    module = graph(models).module
    if not module.implements_function("set_input_zero_copy"):
        pytest.skip(f"{INFO.title} binds no memory")
    bind, x = module["set_input_zero_copy"], aligned(images[0][3])
    there = weakref.ref(x)
    bind("input", x)
    del x
    assert not gone(there)
    clobber()
    module["run"]()
    assert module["get_output"](0).numpy()[0] == expected(images, 3)
    nd = tvm.array(images[0][5])
    bind("input", nd)
    assert gone(there)
    nd.close()
    clobber()
    module["run"]()
    assert module["get_output"](0).numpy()[0] == expected(images, 5)
    with pytest.raises(tvm.ZeroCopyError, match="aligned"):
        bind("input", shifted(images[0][3], 4))
    with pytest.raises(TypeError, match="a name or number, and an array"):
        bind("input")


@counts_references
def test_an_executor_that_is_dropped_lets_go(models, images):
    for make in (graph, aot):
        try:
            made = make(models)
        except pytest.skip.Exception:
            continue
        x = aligned(images[0][2])
        there = weakref.ref(x)
        made.set_input(0, x)
        del x, made
        assert gone(there)


@pytest.mark.parametrize("end", [None, "close", "drop"])
def test_two_objects_for_one_executor(digits, images, end):
    """What one of them bound the other knows, and it writes to nobody's memory."""
    json = getattr(digits, "_json", None)
    other = type(digits)(digits.module, json) if json else type(digits)(digits.module)
    x, kept = aligned(images[0][2]), images[0][2].copy()
    digits.set_input(0, x, copy=False)
    assert at(other.get_input(0)) == at(x)
    assert run(other) == expected(images, 2)
    if end == "drop":
        module = digits.module
        other = type(digits)(module, json) if json else type(digits)(module)
        assert at(other.get_input(0)) == at(x)
    other.set_input(0, images[0][5], copy=True)
    assert (x == kept).all()
    assert run(other) == expected(images, 5)
    assert run(digits) == expected(images, 5)
    digits.set_input(0, x)
    other.set_input(0, aligned(images[0][6]), copy=False)
    gc.collect()
    assert run(digits) == expected(images, 6)
    if end == "close":
        digits.close()
        assert run(other) == expected(images, 6)
    assert (x == kept).all()


# ------------------------------------------------------------------------------------------------ virtual machines

X = np.arange(12, dtype="float32").reshape(3, 4)


def relay(models):
    need("Relay VM")
    if INFO.minor != 16:
        pytest.skip(f"{INFO.title}: the fixtures of Relay's VM are for TVM 0.16 alone")
    return tvm.VirtualMachine(tvm.load_module(models / "machines" / "relay_identity.so"))


def relax(models):
    need("Relax VM", "libtvm_runtime")
    return tvm.RelaxVirtualMachine(tvm.load_module(models / "machines" / "relax_identity.so"))


@pytest.fixture(params=[relay, relax], ids=lambda make: make.__name__)
def identity(request, models):
    """A machine whose function returns its argument."""
    return request.param(models)


def result_of(machine, x, **options):
    machine.set_input("main", x, **options)
    if isinstance(machine, tvm.VirtualMachine):
        return machine.invoke("main")
    machine.invoke_stateful("main")
    return machine.get_outputs("main")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("copy", [None, False, True])
def test_an_argument_of_a_machine(identity, kind, copy):
    if sys.implementation.name != "cpython" and "library" in kind:
        pytest.skip("this Python has no capsules")
    x = aligned(X)
    ways = [result_of(identity, KINDS[kind](x), copy=copy)]
    if copy is None:
        ways.append(identity["main"](KINDS[kind](x)))
    for result in ways:
        assert (result.numpy() == X).all()
        assert (at(result) == at(x)) == (copy is not True)


@counts_references
@pytest.mark.parametrize("kind", list(KINDS)[:2])
def test_an_argument_lives_as_long_as_the_machine_has_it(identity, kind):
    x = aligned(X)
    there, given = weakref.ref(x), KINDS[kind](x)
    identity.set_input("main", given, copy=False)
    if isinstance(given, tvm.NDArray):
        given.close()
    del x, given
    assert not gone(there)
    clobber()
    result = result_of(identity, aligned(X)) if isinstance(identity, tvm.RelaxVirtualMachine) else None
    if result is None:
        result = identity.invoke("main")
        assert (result.numpy() == X).all()
    identity.close()
    del identity
    assert (result.numpy() == X).all()


@pytest.mark.parametrize("case", [case for case in REFUSED if case != "a list"])
def test_what_a_machine_cannot_use_where_it_is(identity, case):
    make, message = REFUSED[case]
    x = make(X)
    with pytest.raises(tvm.ZeroCopyError, match=message):
        identity.set_input("main", x, copy=False)
    result = result_of(identity, x)
    assert (result.numpy() == X).all()
    assert not np.shares_memory(result.numpy(), x)


@pytest.mark.parametrize("offset", [0, 4, 16, 32, 64, 96])
def test_a_machine_at_every_alignment(identity, offset):
    x = shifted(X, offset)
    result = identity["main"](x)
    assert (result.numpy() == X).all()
    assert (at(result) == at(x)) == (offset % INFO.alignment == 0)


@cpython
def test_a_machine_s_output_in_memory_of_others(identity):
    for out in (np.zeros_like(X), tvm.empty((3, 4)), Exporter(np.zeros((3, 8), "float32")[:, ::2])):
        with pytest.raises(tvm.ZeroCopyError):
            identity.set_output("main", out, copy=False)
        identity.set_output("main", out)
        identity.invoke("main", X) if isinstance(identity, tvm.VirtualMachine) else identity["main"](X)
        found = out.numpy() if isinstance(out, tvm.NDArray) else getattr(out, "array", out)
        assert (found == X).all()


# --------------------------------------------------------------------------------------- arguments of functions


@pytest.fixture(scope="module")
def kernels(models):
    return tvm.load_module(models / "kernels" / "dtypes.so")


@pytest.fixture
def where():
    """A function that returns where its tensor is."""
    return tvm.convert(lambda x: at(x))


@cpython
@pytest.mark.parametrize("legacy", [False, True])
class TestObjectsWithDLPack:
    """Objects of other libraries straight into a packed function."""

    def test_no_copy(self, kernels, where, legacy):
        x, y = aligned(np.arange(16, dtype="float32")), aligned(np.zeros(16, "float32"))
        assert where(Exporter(x, legacy=legacy)) == at(x)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            kernels["twice_float32"](Exporter(x, legacy=legacy), Exporter(y, legacy=legacy))
            assert (y == 2 * x).all()
            kernels["twice_float32"](Exporter(x, legacy=legacy), Exporter(y, legacy=legacy), copy=False)
            y[:] = 0
            kernels["twice_float32"](Exporter(x, legacy=legacy), Exporter(y, legacy=legacy), copy=True)
        assert (y == 2 * x).all()

    @pytest.mark.parametrize("layout", ["misaligned", "strided", "reversed"])
    def test_copied_in_and_back(self, kernels, legacy, layout):
        values = np.arange(16, dtype="float32")
        x, y = (REFUSED[layout][0](v) for v in (values, values * 0))
        with pytest.warns(tvm.PerformanceWarning, match="argument 0 .* and so is 1 more") as caught:
            kernels["twice_float32"](Exporter(x, legacy=legacy), Exporter(y, legacy=legacy))
        assert len(caught) == 1
        assert caught[0].filename == __file__
        assert (y == 2 * values).all()
        with pytest.raises(tvm.ZeroCopyError, match=r"argument 0 of .*allow a copy"):
            kernels["twice_float32"](Exporter(x, legacy=legacy), y, copy=False)
        y[:] = 0
        kernels["twice_float32"](Exporter(x, legacy=legacy), Exporter(y, legacy=legacy), copy=True)
        assert (y == 2 * values).all()

    def test_the_same_one_twice(self, kernels, legacy):
        x = shifted(np.arange(16, dtype="float32"), 4)
        exporter = Exporter(x, legacy=legacy)
        kernels["twice_float32"](exporter, exporter)
        assert (x == np.arange(16) * 2).all()

    def test_in_lists_and_results(self, legacy):
        x = aligned(np.arange(4, dtype="float32"))
        result = tvm.convert(lambda: Exporter(x, legacy=legacy))()
        assert at(result) == at(x)
        assert at(tvm.convert(Exporter(x, legacy=legacy))) == at(x)
        if INFO.has("containers"):
            assert at(tvm.Array([Exporter(x, legacy=legacy)])[0]) == at(x)
            assert tvm.convert(lambda items: at(items[0]))([Exporter(x, legacy=legacy)]) == at(x)

    def test_kept_by_a_callback(self, legacy):
        x = aligned(np.arange(4, dtype="float32"))
        there, kept = weakref.ref(x), []
        tvm.convert(lambda value: kept.append(value))(Exporter(x, legacy=legacy))
        del x
        assert not gone(there)
        assert kept[0].numpy().tolist() == [0, 1, 2, 3]
        kept.clear()
        assert gone(there)


@cpython
def test_read_only_memory_of_another_library_is_never_written(kernels):
    if np.lib.NumpyVersion(np.__version__) < "2.1.0":
        pytest.skip("this numpy knows no DLPack 1.0")
    x = aligned(np.ones(16, "float32"))
    x.flags.writeable = False
    with pytest.warns(tvm.PerformanceWarning, match="read-only"):
        kernels["twice_float32"](aligned(np.full(16, 5, "float32")), Exporter(x))
    assert (x == 1).all()


@pytest.mark.parametrize("make", [lambda x: x[::2], lambda x: shifted(x[:8], 4), lambda x: x[:8].astype(">f4")])
def test_one_warning_for_each_call(kernels, make):
    values = np.arange(16, dtype="float32")
    x, y = make(values), make(values)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for _ in range(3):
            kernels["twice_float32"](x, y)
    assert [each.category for each in caught] == [tvm.PerformanceWarning] * 3
    assert {each.filename for each in caught} == {__file__}
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("default")
        for _ in range(3):
            kernels["twice_float32"](x, y)
    assert len(caught) == 1, "Python shows it once for each line"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        kernels["twice_float32"](x, y, copy=True)
        kernels["twice_float32"](aligned(values), aligned(values))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        y[...] = 0
        with pytest.raises(tvm.PerformanceWarning):
            kernels["twice_float32"](x, y)
        assert not y.any(), "an error, so nothing was called"


@counts_references  # or a callback is given a copy
def test_numpy_arrays_go_where_they_are(where):
    x = aligned(np.arange(6, dtype="float32"))
    assert where(x.view(np.ndarray)) == where(x) == at(x)
    nd = tvm.array(x)
    assert where(nd) == at(nd)
