"""Arrays shared with torch and jax, each in an environment of its own: ``make test-frameworks``, not ``make test``."""

from __future__ import annotations

import gc
import importlib.util
import itertools
import threading
import weakref

import numpy as np
import pytest

import tvmbind as tvm
from runtime_here import can


class Torch:
    """torch, as the tests need it."""

    def __init__(self):
        self.torch = pytest.importorskip("torch")

    def make(self, values, dtype):
        return self.torch.tensor(values).to(getattr(self.torch, dtype))

    def at(self, x):
        return x.data_ptr()

    def take(self, x):
        return self.torch.from_dlpack(x)

    def values(self, x):
        return x.to(self.torch.float64).numpy() if x.dtype != self.torch.bool else x.numpy()


class Jax:
    """jax, as the tests need it."""

    def __init__(self):
        self.jax = pytest.importorskip("jax")

    def make(self, values, dtype):
        return self.jax.numpy.asarray(values).astype(dtype)

    def at(self, x):
        return x.unsafe_buffer_pointer()

    def take(self, x):
        return self.jax.dlpack.from_dlpack(x)

    def values(self, x):
        return np.asarray(x).astype("float64")


FRAMEWORKS = {"torch": Torch, "jax": Jax}


@pytest.fixture(scope="module", params=[name for name in FRAMEWORKS if importlib.util.find_spec(name)])
def framework(request):
    return FRAMEWORKS[request.param]()


DTYPES = ["float32", "float16", "bfloat16", "int8", "uint8", "int16", "int32", "bool", "float8_e4m3fn", "float8_e5m2"]


def at(x):
    return x.numpy().__array_interface__["data"][0]


@pytest.mark.parametrize("dtype", DTYPES)
def test_theirs_as_ours(framework, dtype):
    x = framework.make(np.arange(64) % 2, dtype)
    assert framework.at(x) % 64 == 0, "they align as kernels need it"
    for take in (tvm.from_dlpack, tvm.asarray, lambda x: tvm.asarray(x, copy=False), tvm.convert):
        a = take(x)
        assert at(a) == framework.at(x)
        assert a.dtype == tvm.DataType(dtype)
        assert (a.numpy().astype("float64") == np.arange(64) % 2).all()
    copy = tvm.asarray(x, copy=True)
    assert at(copy) != framework.at(x)


@pytest.mark.parametrize("dtype", DTYPES)
def test_ours_as_theirs(framework, dtype):
    a = tvm.empty((4, 16), dtype)
    a.numpy()[...] = (np.arange(64).reshape(4, 16) % 2).astype(a.numpy().dtype)
    x = framework.take(a)
    assert framework.at(x) == at(a)
    assert tuple(x.shape) == (4, 16)
    assert (framework.values(x) == np.arange(64).reshape(4, 16) % 2).all()
    again = tvm.from_dlpack(x)
    assert at(again) == at(a)
    assert again.dtype == a.dtype


@pytest.mark.parametrize("shape", [(), (0,), (3, 0, 2), (1, 1, 1)])
def test_shapes(framework, shape):
    x = framework.make(np.ones(shape, "float32"), "float32")
    a = tvm.asarray(x)
    assert a.shape == shape
    assert tuple(framework.take(a).shape) == shape


def test_straight_into_a_function(framework, models):
    """An input where it is. (jax says of no array that it must not be written to: give it no output.)"""
    twice = tvm.load_module(models / "kernels" / "dtypes.so")["twice_float32"]
    x, y = framework.make(np.arange(64), "float32"), tvm.empty((64,))
    twice(x, y, copy=False)
    assert (y.numpy() == 2 * np.arange(64)).all()
    assert tvm.convert(lambda t: at(t))(x) == framework.at(x)
    assert at(tvm.convert(lambda: x)()) == framework.at(x)
    if can("containers"):
        assert at(tvm.Array([x])[0]) == framework.at(x)


def test_lifetime_of_theirs(framework):
    """The tensor object goes; its memory stays while a kernel's side has it."""
    x = framework.make(np.arange(4096), "float32")
    where = framework.at(x)
    a = tvm.from_dlpack(x)
    view = a.numpy()
    del x
    gc.collect()
    junk = [framework.make(np.full(4096, 7), "float32") for _ in range(20)]
    assert at(a) == where
    assert (view == np.arange(4096)).all()
    a.close()
    gc.collect()
    junk += [framework.make(np.full(4096, 8), "float32") for _ in range(20)]
    assert (view == np.arange(4096)).all()
    assert all(framework.at(each) != where for each in junk)


def test_lifetime_of_ours(framework):
    class Mine(np.ndarray):
        pass

    memory = tvm.aligned_empty(4096, "float32").view(Mine)
    memory[:] = np.arange(4096)
    there = weakref.ref(memory)
    a = tvm.from_dlpack(memory)
    x = framework.take(a)
    del memory
    a.close()
    del a
    gc.collect()
    assert there() is not None
    assert (framework.values(x) == np.arange(4096)).all()
    del x
    for _ in range(5):
        gc.collect()
    assert there() is None


def chain(framework, start):
    """Holders of one piece of memory, each made of the one before, and how each shows it."""
    ours, theirs = (lambda a: a.numpy()), framework.values
    x = framework.make(np.arange(256), "float32") if start == "theirs" else None
    a = tvm.from_dlpack(x) if start == "theirs" else tvm.array(np.arange(256, dtype="float32"))
    y = framework.take(a)
    function = tvm.convert(lambda: a)
    again = tvm.from_dlpack(y)
    holders = {
        "theirs": (y, theirs), "ours": (a, ours), "numpy": (again.numpy(), lambda view: view),
        "again": (again, ours), "closure": (function, lambda f: f().numpy()),
    }  # fmt: skip
    return {**holders, "first": (x, theirs)} if start == "theirs" else holders


@pytest.fixture
def quick_collection():
    """What there is before the test need not be looked at each time."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.mark.usefixtures("quick_collection")
@pytest.mark.parametrize("start", ["theirs", "ours"])
def test_owners_dropped_in_every_order(framework, start):
    names = list(chain(framework, start))
    for order in itertools.permutations(names):
        held = chain(framework, start)
        for name in order:
            del held[name]
            gc.collect()
            junk = [framework.make(np.full(256, 7), "float32"), tvm.array(np.full(256, 8, "float32"))]
            for what, (holder, show) in held.items():
                assert (show(holder) == np.arange(256)).all(), (what, order)
            del junk


def test_threads(framework):
    """Made here, dropped there, used at once."""
    problems = []

    def work(number):
        try:
            for turn in range(50):
                x = framework.make(np.full(256, number * 100 + turn), "float32")
                a = tvm.from_dlpack(x)
                del x
                y = framework.take(a)
                a.close()
                if not (framework.values(y) == number * 100 + turn).all():
                    problems.append((number, turn))
        except BaseException as error:
            problems.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert problems == []


def graph(models):
    library = tvm.load_module(models / "digits" / "libdeploy.so")
    made = tvm.graph_executor.create((models / "digits" / "deploy.json").read_text(), library, tvm.cpu(0))
    made.load_params((models / "digits" / "deploy.params").read_bytes())
    return made


@pytest.mark.needs("graph executor")
def test_as_an_executor_s_input(framework, models):
    made = graph(models)
    images = np.load(models / "digits" / "test_images.npz")
    values = (images["images"][3].reshape(1, 1, 8, 8) / 16).astype("float32")
    x = framework.make(values, "float32")
    made.set_input("input", x, copy=False)
    assert at(made.get_input("input")) == framework.at(x)
    del x
    gc.collect()
    junk = [framework.make(values * 0, "float32") for _ in range(20)]
    made.run()
    assert made.get_output(0).numpy()[0] == pytest.approx(images["probabilities"][3], abs=1e-5)
    assert (framework.values(framework.take(made.get_output(0)))[0] == made.get_output(0).numpy()[0]).all()
    del junk


@pytest.mark.needs("Relax VM", "libtvm_runtime")
def test_as_a_machine_s_argument(framework, models):
    machine = tvm.RelaxVirtualMachine(tvm.load_module(models / "machines" / "relax_identity.so"))
    x = framework.make(np.arange(12).reshape(3, 4), "float32")
    result = machine["main"](x)
    assert at(result) == framework.at(x)
    assert framework.at(framework.take(result)) == framework.at(x)


# ----------------------------------------------------------------------------------------------------- torch alone


@pytest.fixture
def torch():
    return pytest.importorskip("torch", reason="torch has an environment of its own")


def test_torch_in_place(torch, models):
    twice = tvm.load_module(models / "kernels" / "dtypes.so")["twice_float32"]
    x, y = torch.arange(64, dtype=torch.float32), torch.zeros(64)
    twice(x, y)
    assert (y == 2 * x).all()
    a = tvm.empty((64,))
    torch.from_dlpack(a)[:] = 5
    assert (a.numpy() == 5).all()


@pytest.mark.parametrize("view", [lambda x: x[1:65], lambda x: x[:128:2], lambda x: x[:128].reshape(64, 2)[:, 1]])
def test_torch_views_are_copied_in_and_back(torch, models, view):
    twice = tvm.load_module(models / "kernels" / "dtypes.so")["twice_float32"]
    x, y = view(torch.arange(130, dtype=torch.float32)), view(torch.zeros(130))
    with pytest.warns(tvm.PerformanceWarning):
        twice(x, y)
    assert (y == 2 * x).all()


@pytest.mark.parametrize("make", [
    lambda t: t.ones(4, requires_grad=True), lambda t: t.nn.Parameter(t.ones(4)), lambda t: t.eye(3).to_sparse(),
    lambda t: t.ones(3, device="meta"), lambda t: t.ones(4, dtype=t.complex64).conj(),
])  # fmt: skip
def test_torch_tensors_that_cannot_be_shared(torch, make):
    """torch says why, in its own words."""
    for take in (tvm.from_dlpack, tvm.convert(lambda x: x)):
        with pytest.raises((BufferError, ValueError, TypeError, RuntimeError)):
            take(make(torch))


def test_a_packed_function_gives_torch_what_it_needs(torch):
    double = tvm.convert(lambda x: torch.from_dlpack(x) * 2)
    result = double(torch.arange(8, dtype=torch.float32))
    assert isinstance(result, tvm.NDArray)
    assert result.numpy().tolist() == [0, 2, 4, 6, 8, 10, 12, 14]
