"""The debug executor: inner outputs, and the time of each node."""

from __future__ import annotations

import numpy as np
import pytest

import tvmbind as tvm
from runtime_here import INFO, has_global

pytestmark = [
    pytest.mark.needs("graph executor"),
    pytest.mark.skipif(
        not has_global("tvm.graph_executor_debug.create"), reason=f"{INFO.title} is built without the debug executor"
    ),
]
RELU = "tvmgen_default_fused_nn_contrib_conv2d_NCHWc_add_add_nn_relu"
SOFTMAX = "tvmgen_default_fused_nn_softmax"
OLD = pytest.mark.skipif(INFO.minor < 8, reason=f"the debug executor of {INFO.title} neither profiles nor stops")


def images(models):
    with np.load(models / "digits" / "test_images.npz") as arrays:
        return arrays["images"][:2, None].astype("float32") / 16


@pytest.fixture
def digits(models):
    """A debug executor of split files, with weights and an image."""
    folder = models / "digits"
    library = tvm.load_module(folder / "libdeploy.so")
    made = tvm.debug_executor.create((folder / "deploy.json").read_text(), library, tvm.cpu())
    made.load_params((folder / "deploy.params").read_bytes())
    made.set_input("input", images(models)[:1])
    return made


@pytest.fixture
def plain(models):
    """The same model by the graph executor."""
    folder = models / "digits"
    return tvm.load_model(folder / "libdeploy.so", folder / "deploy.json", folder / "deploy.params")


def test_it_is_a_graph_executor_too(digits, plain, models):
    digits.run()
    np.testing.assert_array_equal(digits.get_output(0).numpy(), plain.run(images(models)[:1])[0].numpy())
    assert isinstance(digits, tvm.GraphModule)
    assert [info.name for info in digits.inputs] == ["input"]


def test_debug_get_output(digits, plain, models):
    names = digits.node_names()
    probabilities = digits.debug_get_output(SOFTMAX).numpy()
    np.testing.assert_array_equal(probabilities, plain.run(images(models)[:1])[0].numpy())
    inner = digits.debug_get_output(names.index(RELU))
    assert inner.shape == (1, 2, 8, 8, 8)
    assert inner.numpy().min() == 0
    assert inner.numpy().max() > 0
    into = np.empty((1, 10), "float32")
    assert digits.debug_get_output(SOFTMAX, into) is into
    np.testing.assert_array_equal(into, probabilities)
    np.testing.assert_array_equal(digits.debug_get_output("input").numpy(), images(models)[:1])


@OLD
def test_bound_memory_is_what_is_shown(digits, memory_at):
    """Before 0.14 the runtime keeps arrays of its own beside the memory that kernels read and write."""
    image, result = memory_at(0, 64).reshape(1, 1, 8, 8), memory_at(0, 10).reshape(1, 10)
    image[:] = np.random.default_rng(0).random(image.shape)
    digits.set_input("input", image, copy=False)
    digits.set_output(0, result, copy=False)
    np.testing.assert_array_equal(digits.debug_get_output("input").numpy(), image)
    shown = digits.debug_get_output(SOFTMAX).numpy()
    np.testing.assert_array_equal(shown, result)
    assert shown.sum() == pytest.approx(1)
    assert not np.shares_memory(shown, result)
    assert digits.debug_get_output("p1").numpy().any()


def test_inner_outputs_are_of_the_inputs_that_are_set_now(digits, plain, models):
    """The runtime itself goes on from the node that it executed last, with what was there."""
    one, other = images(models)[:1], images(models)[1:]
    for node in (SOFTMAX, RELU, SOFTMAX):
        before = digits.debug_get_output(node).numpy().copy()
        digits.set_input("input", other)
        after = digits.debug_get_output(node).numpy()
        assert not np.array_equal(before, after)
        digits.set_input("input", one)
        np.testing.assert_array_equal(digits.debug_get_output(node).numpy(), before)
    digits.set_input("input", other)
    np.testing.assert_array_equal(digits.debug_get_output(SOFTMAX).numpy(), plain.run(other)[0].numpy())


@OLD
def test_execute_node(digits):
    digits.execute_node(RELU)
    assert digits.get_node_output(RELU).shape == (1, 2, 8, 8, 8)
    with pytest.raises(ValueError, match=f"execute_node\\('{SOFTMAX}'\\) first"):
        digits.get_node_output(SOFTMAX)
    digits.run()
    with pytest.raises(ValueError, match="not the last to be executed"):
        digits.get_node_output(RELU)


def test_what_is_not_there(digits):
    with pytest.raises(KeyError, match=f"no node 'nope'; it has .*{SOFTMAX}"):
        digits.debug_get_output("nope")
    for index in (-1, 1000):
        with pytest.raises(IndexError, match=f"no node {index}; it has 21"):
            digits.debug_get_output(index)
    with pytest.raises(IndexError, match="no output 1; it has 1"):
        digits.debug_get_output(SOFTMAX, output=1)
    with pytest.raises(ValueError, match="shape"):
        digits.debug_get_output(SOFTMAX, np.empty((1, 9), "float32"))
    with pytest.raises(TypeError, match="float64"):
        digits.debug_get_output(SOFTMAX, tvm.empty((1, 10), "float64"))
    with pytest.raises(TypeError, match="integer"):
        digits.debug_get_output(1.5)


def test_run_individual(digits, capfd):
    times = digits.run_individual(number=5, repeat=2)
    assert len(times) == len(digits.node_names())
    assert {len(each) for each in times} == {2 if INFO.minor >= 9 else 1}
    assert times[digits.node_names().index("p0")][-1] == 0
    assert 0 < times[digits.node_names().index(RELU)][-1] < 1
    for bad in (0, -1, 2**31):
        with pytest.raises(ValueError, match="number"):
            digits.run_individual(bad)
    with pytest.raises(TypeError, match="repeat"):
        digits.run_individual(1, repeat="many")


@pytest.mark.skipif(INFO.minor < 9, reason=f"{INFO.title} times all nodes or none")
def test_run_individual_node(digits, capfd):
    timed = digits.run_individual_node(RELU, number=5, repeat=3)
    assert len(timed.results) == 3
    assert 0 < timed.median < 1
    with pytest.raises(ValueError, match="input or a weight"):
        digits.run_individual_node("p0")
    with pytest.raises(KeyError, match="nope"):
        digits.run_individual_node("nope")


@OLD
def test_profile(digits, models):
    report = digits.profile(input=images(models)[1:])
    assert [call.name for call in report.calls][-1] == SOFTMAX
    assert len(report.calls) == 9
    assert report.total > report.microseconds > 0
    with pytest.raises(KeyError, match="nope"):
        digits.profile(nope=1)


@OLD
@pytest.mark.needs("graph factory")
def test_of_a_factory(models, plain):
    library = tvm.load_module(models / "digits" / "factory.so")
    made = tvm.GraphModuleDebug(library["debug_create"]("default", tvm.cpu()))
    made.set_input("input", images(models)[:1])
    expected = plain.run(images(models)[:1])[0].numpy()
    np.testing.assert_array_equal(made.debug_get_output(SOFTMAX).numpy(), expected)
    as_tvm = tvm.GraphModuleDebug(
        library["debug_create"]("default", tvm.cpu()), [tvm.cpu()], library["get_graph_json"]()
    )
    assert len(as_tvm.profile().calls) == 9
    for bad in ((), ("default",), (tvm.cpu(),), ("default", 1), (1, tvm.cpu())):
        with pytest.raises(TypeError, match="device"):
            library["debug_create"](*bad)
    with pytest.raises(tvm.TVMError):
        library["debug_create"]("another", tvm.cpu())
    with pytest.raises(ValueError, match="is no debug executor"):
        tvm.GraphModuleDebug(library["default"](tvm.cpu()))
    with pytest.raises(TypeError, match="Device"):
        tvm.GraphModuleDebug(library["debug_create"]("default", tvm.cpu()), library["get_graph_json"]())


def test_damaged_graphs_are_refused(models):
    library = tvm.load_module(models / "digits" / "libdeploy.so")
    with pytest.raises(ValueError, match="no JSON"):
        tvm.debug_executor.create("{", library, tvm.cpu())
    with pytest.raises(TypeError, match="Device"):
        tvm.debug_executor.create("{}", library, "cpu")


def test_close(digits):
    with digits:
        digits.run()
    assert digits.closed
    for use in (digits.profile, lambda: digits.debug_get_output(SOFTMAX), lambda: digits.run_individual(1)):
        with pytest.raises(ValueError, match="closed"):
            use()
