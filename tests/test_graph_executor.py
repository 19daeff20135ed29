"""The graph executor on compiled models: right answers, and nothing wrong reaches the runtime."""

from __future__ import annotations

import copy
import json
import random

import numpy as np
import pytest

import tvmbind as tvm
from digits import check_every_digit, check_ways_to_set_an_input
from runtime_here import can, need
from tvmbind import install

pytestmark = pytest.mark.needs("graph executor")


def split(models, name="digits"):
    if name == "many":
        need("bool in graphs")
    folder = models / name
    library = tvm.load_module(folder / "libdeploy.so")
    graph = tvm.graph_executor.create((folder / "deploy.json").read_text(), library, tvm.cpu(0))
    graph.load_params((folder / "deploy.params").read_bytes())
    return graph


def factory(models, name="digits"):
    return tvm.GraphModule(tvm.load_module(models / name / "factory.so")["default"](tvm.cpu(0)))


MAKERS = {"split": split, "factory": factory}


@pytest.fixture(params=MAKERS)
def make(request):
    if request.param == "factory":
        need("graph factory")
    return MAKERS[request.param]


@pytest.fixture
def digits(make, models):
    return make(models)


@pytest.fixture
def many(make, models):
    return make(models, "many")


# ------------------------------------------------------------------------------------------- right answers


def test_every_digit(digits, images):
    def answer(image):
        digits.run(input=image)
        return digits.get_output(0)

    check_every_digit(images, answer)


def test_every_way_to_set_an_input(digits, images):
    check_ways_to_set_an_input(digits, images, lambda image: digits["set_input"]("input", image))


def test_input_is_copied(digits, images):
    image = images[0][3].copy()
    digits.set_input("input", image, copy=True)
    image[:] = 0
    digits.run()
    np.testing.assert_allclose(digits.get_output(0).numpy()[0], images[2][3], atol=1e-5)


def test_many_inputs_and_outputs(many):
    a = np.array([[1, -2, 3], [-4, 5, -6]], "float32")
    b = np.array([[1, 2, 3], [4, 5, 6]], "int32")
    many.run(a=a, b=b)
    w = np.array([[0.5, 1, 1.5], [2, 2.5, 3]], "float32")
    expected = [a * w + b.astype("float32"), b * 2, a > 0, a.sum(), b.astype("int64")]
    assert many.get_num_outputs() == len(expected)
    for index, value in enumerate(expected):
        found = many.get_output(index)
        assert found.shape == value.shape
        assert found.dtype == str(value.dtype)
        np.testing.assert_array_equal(found.numpy(), value)


def test_two_executors_of_one_library_do_not_share_their_state(models, images):
    folder = models / "digits"
    library, text = tvm.load_module(folder / "libdeploy.so"), (folder / "deploy.json").read_text()
    one, two = (tvm.graph_executor.create(text, library, tvm.cpu(0)) for _ in range(2))
    for each, index in ((one, 4), (two, 5)):
        each.load_params((folder / "deploy.params").read_bytes())
        each.set_input("input", images[0][index])
    one.run()
    two.run()
    np.testing.assert_allclose(one.get_output(0).numpy()[0], images[2][4], atol=1e-5)
    np.testing.assert_allclose(two.get_output(0).numpy()[0], images[2][5], atol=1e-5)


@pytest.mark.needs("graph factory")
def test_executor_outlives_everything_it_was_made_of(models, images):
    library = tvm.load_module(models / "digits" / "factory.so")
    maker = library["default"]
    module = maker(tvm.cpu(0))
    graph = tvm.GraphModule(module)
    for each in (library, maker):
        each.close()
    del library, maker, module
    graph.run(input=images[0][0])
    np.testing.assert_allclose(graph.get_output(0).numpy()[0], images[2][0], atol=1e-5)


@pytest.mark.needs("graph factory")
def test_output_outlives_its_executor(models, images):
    graph = factory(models)
    graph.run(input=images[0][0])
    output = graph.get_output(0)
    view = output.numpy()
    graph.close()
    output.close()
    del graph, output
    np.testing.assert_allclose(view[0], images[2][0], atol=1e-5)


def test_devices_as_one_or_several(models):
    folder = models / "digits"
    library, text = tvm.load_module(folder / "libdeploy.so"), (folder / "deploy.json").read_text()
    for devices in (tvm.cpu(), [tvm.cpu()], (tvm.cpu(0), tvm.cpu(0))):
        tvm.graph_executor.create(text, library, devices).run()
    tvm.graph_executor.create(text.encode(), library, tvm.cpu()).run()


# ------------------------------------------------------------------------------------------------ metadata


def test_what_a_model_takes_and_gives(make, digits):
    if make is MAKERS["factory"]:
        need("weights of a graph factory")
    assert digits.inputs == [tvm.TensorInfo("input", (1, 1, 8, 8), tvm.DataType("float32"))]
    (output,) = digits.outputs
    assert (output.shape, output.dtype) == ((1, 10), "float32")
    assert digits.get_num_inputs() == 12
    assert digits.get_num_outputs() == 1
    assert digits.get_input_index("input") == 0
    assert digits.get_input_index("nope") == -1
    assert digits.get_input_info() == ({"input": (1, 1, 8, 8)}, {"input": "float32"})
    assert "input: float32[1, 1, 8, 8]" in repr(digits)


def test_what_many_takes_and_gives(make, many):
    if make is MAKERS["factory"]:
        need("weights of a graph factory")
    assert [(i.name, i.shape, str(i.dtype)) for i in many.inputs] == [
        ("a", (2, 3), "float32"),
        ("b", (2, 3), "int32"),
    ]
    assert [(o.shape, str(o.dtype)) for o in many.outputs] == [
        ((2, 3), "float32"),
        ((2, 3), "int32"),
        ((2, 3), "bool"),
        ((), "float32"),
        ((2, 3), "int64"),
    ]


def test_get_output_into_ones_own(many):
    many.run(a=np.ones((2, 3), "float32"), b=np.ones((2, 3), "int32"))
    target = tvm.empty((2, 3), "int32")
    assert many.get_output(1, target) is target
    assert many.get_output(1, out=np.zeros((2, 3), "int32")).tolist() == [[2] * 3] * 2
    np.testing.assert_array_equal(target.numpy(), 2)
    strided = np.zeros((2, 6), "int32")
    many.get_output(1, strided[:, ::2])
    assert strided.tolist() == [[2, 0] * 3] * 2
    scalar = np.zeros((), "float32")
    many.get_output(3, scalar)
    assert scalar == 6


@pytest.mark.parametrize(
    "out",
    [
        np.zeros((3, 2), "int32"),
        np.zeros((2, 3), "int64"),
        np.zeros((2, 3), "float32"),
        np.zeros(6, "int32"),
        [[0, 0, 0], [0, 0, 0]],
        bytearray(24),
    ],
)
def test_get_output_into_what_does_not_fit(many, out):
    with pytest.raises((TypeError, ValueError)):
        many.get_output(1, out)


def test_get_output_into_what_cannot_be_written(many):
    out = np.zeros((2, 3), "int32")
    out.flags.writeable = False
    with pytest.raises(ValueError, match="read-only"):
        many.get_output(1, out)
    with pytest.raises((TypeError, ValueError)):
        many.get_output(1, tvm.empty((3, 2), "int32"))


def test_get_input(many):
    many.set_input("b", np.full((2, 3), 7, "int32"))
    np.testing.assert_array_equal(many.get_input("b").numpy(), 7)
    np.testing.assert_array_equal(many.get_input(1, np.zeros((2, 3), "int32")), 7)


@pytest.mark.parametrize("index", [-1, 5, 99, 2**31, 2**70])
def test_no_such_output(many, index):
    with pytest.raises(IndexError, match="it has 5"):
        many.get_output(index)


@pytest.mark.parametrize("index", [0.0, "0", None])
def test_output_by_what_is_no_number(many, index):
    with pytest.raises(TypeError):
        many.get_output(index)


# --------------------------------------------------------------------------------- refused, and nothing set


WRONG = {
    "name": ({"nope": np.zeros((2, 3), "float32")}, KeyError, "it has 'a', 'b'"),
    "number": ({7: np.zeros((2, 3), "float32")}, IndexError, "it has 3"),
    "negative number": ({-1: np.zeros((2, 3), "float32")}, IndexError, "no input -1"),
    "huge number": ({2**70: np.zeros((2, 3), "float32")}, IndexError, "no input"),
    "key of no type": ({1.5: np.zeros((2, 3), "float32")}, TypeError, None),
    "dtype of the same size": ({"a": np.zeros((2, 3), "int32")}, TypeError, r"takes float32, got int32.*astype"),
    "array of TVM's of another dtype": ({"a": tvm.DataType("int32")}, TypeError, None),
    "float for int": ({"b": np.zeros((2, 3), "float32")}, TypeError, "takes int32, got float32"),
    "dtype of half the size": ({"a": np.zeros((2, 6), "float16")}, TypeError, "float16"),
    "float64": ({"a": np.zeros((2, 3))}, TypeError, "float64"),
    "bool": ({"a": np.zeros((2, 3), bool)}, TypeError, "bool"),
    "shape of the same size": ({"a": np.zeros((3, 2), "float32")}, ValueError, r"takes shape \(2, 3\), got \(3, 2\)"),
    "flat": ({"a": np.zeros(6, "float32")}, ValueError, r"got \(6,\)"),
    "one more dimension": ({"a": np.zeros((1, 2, 3), "float32")}, ValueError, "got"),
    "too large": ({"a": np.zeros((200, 300), "float32")}, ValueError, "got"),
    "empty": ({"a": np.zeros((0, 3), "float32")}, ValueError, "got"),
    "a number": ({"a": 1.0}, ValueError, r"got \(\)"),
    "a list of another shape": ({"a": [1, 2]}, ValueError, "got"),
    "a ragged list": ({"a": [[1, 2, 3], [4]]}, ValueError, None),
    "a list of text": ({"a": [["x"] * 3] * 2}, ValueError, None),
    "numbers that do not fit": ({"b": [[2**40] * 3] * 2}, OverflowError, "takes int32: -2147483648 to 2147483647"),
    "numbers that fit nowhere": ({"b": [[2**70] * 3] * 2}, TypeError, "takes int32"),
    "broken numbers": ({"b": [[1.5] * 3] * 2}, TypeError, "takes int32, got numbers of float64"),
    "None": ({"a": None}, TypeError, None),
    "text": ({"a": "abcdef"}, TypeError, None),
    "an object": ({"a": object()}, TypeError, None),
    "complex": ({"a": np.zeros((2, 3), "complex64")}, TypeError, "complex64"),
    "dates": ({"a": np.zeros((2, 3), "datetime64[s]")}, TypeError, None),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_input(many, case):
    given, error, match = WRONG[case]
    before = np.arange(6, dtype="float32").reshape(2, 3), np.arange(6, dtype="int32").reshape(2, 3)
    many.run(a=before[0], b=before[1])
    outputs = [many.get_output(index).numpy().copy() for index in range(5)]
    with pytest.raises(error, match=match):
        many.set_input(*next(iter(given.items())))
    other = {"a": before[0] + 9} if "b" in given else {"b": before[1] + 9}
    if all(isinstance(key, str) for key in given):
        with pytest.raises(error, match=match):
            many.run(**other, **given)
    np.testing.assert_array_equal(many.get_input("a").numpy(), before[0])
    np.testing.assert_array_equal(many.get_input("b").numpy(), before[1])
    many.run()
    for index, expected in enumerate(outputs):
        np.testing.assert_array_equal(many.get_output(index).numpy(), expected)


def test_wrong_arrays_of_tvm_s(many):
    with pytest.raises(TypeError, match="takes float32, got int32"):
        many.set_input("a", tvm.empty((2, 3), "int32"))
    with pytest.raises(ValueError, match="takes shape"):
        many.set_input("a", tvm.empty((3, 2)))
    closed = tvm.empty((2, 3))
    closed.close()
    with pytest.raises(ValueError, match="closed"):
        many.set_input("a", closed)


def test_value_without_a_name(many):
    with pytest.raises(TypeError, match="without"):
        many.set_input(None, np.zeros((2, 3), "float32"))
    many.set_input()


# --------------------------------------------------------------------------------------------------- params


def test_params_of_another_model(models):
    digits, many = split(models), split(models, "many")
    with pytest.raises(tvm.TVMValueError, match="another model"):
        digits.load_params((models / "many" / "deploy.params").read_bytes())
    with pytest.raises(tvm.TVMValueError, match="another model"):
        many.load_params((models / "digits" / "deploy.params").read_bytes())
    with pytest.raises(tvm.TVMValueError, match=r"another model.*shape"):
        digits.load_params((models / "digits" / "c" / "deploy.params").read_bytes())
    many.run(a=np.ones((2, 3), "float32"), b=np.zeros((2, 3), "int32"))
    np.testing.assert_array_equal(many.get_output(0).numpy(), [[0.5, 1, 1.5], [2, 2.5, 3]])


def test_params_of_another_type_of_the_same_size(models):
    many = split(models, "many")
    with pytest.raises(tvm.TVMValueError, match=r"another model.*int32"):
        many.load_params(tvm.save_param_dict({"p0": np.zeros((2, 3), "int32")}))
    with pytest.raises(tvm.TVMValueError, match="another model"):
        many.load_params(tvm.save_param_dict({"nope": np.zeros((2, 3), "float32")}))


def test_damaged_params(models):
    many = split(models, "many")
    data = (models / "many" / "deploy.params").read_bytes()
    for length in range(0, len(data), 3):
        with pytest.raises(tvm.TVMValueError):
            many.load_params(data[:length])


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_params_from_any_buffer(models, kind):
    many = split(models, "many")
    many.load_params(kind(tvm.save_param_dict({"p0": np.full((2, 3), 4, "float32")})))
    many.run(a=np.ones((2, 3), "float32"), b=np.zeros((2, 3), "int32"))
    np.testing.assert_array_equal(many.get_output(0).numpy(), 4)


def test_weights_are_no_inputs(models):
    folder = models / "digits"
    library = tvm.load_module(folder / "libdeploy.so")
    graph = tvm.graph_executor.create((folder / "deploy.json").read_text(), library, tvm.cpu(0))
    graph.load_params((folder / "deploy.params").read_bytes())
    assert [info.name for info in graph.inputs] == ["input"]


@pytest.mark.needs("shared weights")
def test_shared_weights(models, images):
    folder = models / "digits"
    params = (folder / "deploy.params").read_bytes()
    library, text = tvm.load_module(folder / "libdeploy.so"), (folder / "deploy.json").read_text()
    one, two = (tvm.graph_executor.create(text, library, tvm.cpu(0)) for _ in range(2))
    one.load_params(params)
    two.share_params(one, params)
    one.close()
    two.run(input=images[0][9])
    np.testing.assert_allclose(two.get_output(0).numpy()[0], images[2][9], atol=1e-5)


@pytest.mark.needs("shared weights")
def test_shared_weights_after_own_weights(models, images):
    one, two = split(models), split(models)
    two.share_params(one, (models / "digits" / "deploy.params").read_bytes())
    two.run(input=images[0][9])
    np.testing.assert_allclose(two.get_output(0).numpy()[0], images[2][9], atol=1e-5)


@pytest.mark.needs("shared weights")
def test_weights_that_cannot_be_shared(models, images):
    digits, many = split(models), split(models, "many")
    params = (models / "digits" / "deploy.params").read_bytes()
    for other, data in ((digits, params), (many, params), (many, (models / "many" / "deploy.params").read_bytes())):
        with pytest.raises(ValueError):  # noqa: PT011
            digits.share_params(other, data)
    with pytest.raises(TypeError, match="GraphModule"):
        digits.share_params(digits.module, params)
    digits.run(input=images[0][1])
    np.testing.assert_allclose(digits.get_output(0).numpy()[0], images[2][1], atol=1e-5)


# -------------------------------------------------------------------------------------- made of wrong parts


@pytest.fixture
def parts(models):
    return tvm.load_module(models / "many" / "libdeploy.so"), (models / "many" / "deploy.json").read_text()


BROKEN = {
    "empty": "",
    "text": "no json",
    "cut short": '{"nodes": [',
    "a list": "[]",
    "a number": "1",
    "null": "null",
    "no nodes": '{"arg_nodes": [], "heads": [], "attrs": {}, "node_row_ptr": []}',
    "nothing in it": '{"nodes": [], "arg_nodes": [], "heads": [], "attrs": {}, "node_row_ptr": []}',
    "deep": "[" * 100_000,
}


@pytest.mark.parametrize("case", BROKEN)
def test_broken_json(parts, case):
    with pytest.raises(tvm.TVMValueError, match="graph"):
        tvm.graph_executor.create(BROKEN[case], parts[0], tvm.cpu(0))


def change(graph, path, value):
    graph = copy.deepcopy(graph)
    where = graph
    for key in path[:-1]:
        where = where[key]
    where[path[-1]] = value
    return json.dumps(graph)


DAMAGED = {
    "output of a node that is not there": (["heads", 0], [99, 0, 0]),
    "negative output": (["heads", 0], [-1, 0, 0]),
    "second output of a node with one": (["heads", 0], [3, 1, 0]),
    "input that is not there": (["arg_nodes", 0], 99),
    "negative input": (["arg_nodes", 0], -1),
    "node that takes what is not there": (["nodes", 3, "inputs", 0], [50, 0, 0]),
    "node that takes itself": (["nodes", 3, "inputs", 0], [3, 0, 0]),
    "unknown kind of node": (["nodes", 3, "op"], "magic"),
    "more inputs than given": (["nodes", 3, "attrs", "num_inputs"], "9"),
    "more outputs than given": (["nodes", 3, "attrs", "num_outputs"], "9"),
    "rows that go down": (["node_row_ptr", 4], 0),
    "rows that end early": (["node_row_ptr"], [0, 1]),
    "huge storage": (["attrs", "storage_id", 1, 0], 2**40),
    "negative storage": (["attrs", "storage_id", 1, 0], -1),
    "negative shape": (["attrs", "shape", 1, 0], [-2, 3]),
    "huge shape": (["attrs", "shape", 1, 0], [2**40, 2**40]),
    "shapes missing": (["attrs", "shape", 1], [[2, 3]]),
    "types missing": (["attrs", "dltype", 1], ["float32"]),
    "text for a number": (["attrs", "storage_id", 1, 0], "zero"),
}


@pytest.mark.parametrize("case", DAMAGED)
def test_damaged_graph(parts, case):
    path, value = DAMAGED[case]
    with pytest.raises(tvm.TVMValueError, match="graph is damaged"):
        tvm.graph_executor.create(change(json.loads(parts[1]), path, value), parts[0], tvm.cpu(0))


@pytest.mark.needs("bool in graphs")
def test_randomly_damaged_graphs_never_crash(parts):
    """The runtime believes every number of a graph: what we let through must run, or fail, but not kill us.

    Extents are left out: that a shape is another than the kernel was compiled for cannot be told.
    """
    library, text = parts
    graph = json.loads(text)
    values = [-1, 0, 1, 99, 2**31, 2**63, 1.5, "x", "", None, True, [], {}, [[]], [-1], [99, 0, 0]]
    paths = [path for path in _paths(graph) if path and path[:2] != ["attrs", "shape"]]
    outcomes = set()
    random.seed(11)
    for _ in range(400):
        try:
            damaged = change(graph, random.choice(paths), random.choice(values))
            made = tvm.graph_executor.create(damaged, library, tvm.cpu(0))
            made.run()
            outcomes.add(len(made.outputs) > 0)
        except (tvm.TVMError, IndexError) as error:
            outcomes.add(type(error))
    assert outcomes >= {True, tvm.TVMValueError}


def _paths(part, path=()):
    yield list(path)
    for key in part if isinstance(part, dict) else range(len(part)) if isinstance(part, list) else ():
        yield from _paths(part[key], (*path, key))


@pytest.mark.needs("bool in graphs")
def test_library_of_another_model(models, parts):
    other = tvm.load_module(models / "digits" / "libdeploy.so")
    with pytest.raises(tvm.TVMError, match="no such function"):
        tvm.graph_executor.create(parts[1], other, tvm.cpu(0))


@pytest.mark.parametrize("device", [None, 1, "cpu", [], [1], (tvm.cpu(0), None)])
def test_devices_of_another_type(parts, device):
    with pytest.raises(TypeError):
        tvm.graph_executor.create(parts[1], parts[0], device)


@pytest.mark.parametrize("number", [0, -1, 17, 99])
@pytest.mark.needs("bool in graphs")
def test_device_that_no_tvm_has(parts, number):
    with pytest.raises((ValueError, tvm.TVMError), match=str(number)):
        tvm.graph_executor.create(parts[1], parts[0], tvm.Device(number, 0))


@pytest.mark.needs("bool in graphs")
def test_device_that_this_runtime_has_not(parts):
    with pytest.raises(tvm.TVMError, match=r"cuda|gpu"):
        tvm.graph_executor.create(parts[1], parts[0], tvm.cuda(0))


@pytest.mark.parametrize("library", [None, "libdeploy.so", 3])
def test_library_of_another_type(parts, library):
    with pytest.raises(TypeError, match="Module"):
        tvm.graph_executor.create(parts[1], library, tvm.cpu(0))


@pytest.mark.parametrize("text", [None, 3, {"nodes": []}])
def test_json_of_another_type(parts, text):
    with pytest.raises(TypeError, match="JSON"):
        tvm.graph_executor.create(text, parts[0], tvm.cpu(0))


@pytest.mark.needs("graph factory")
def test_graph_module_of_what_is_none(models, parts):
    loaded = tvm.load_module(models / "digits" / "factory.so")
    aot = [tvm.load_module(models / "digits" / "aot.so")] if can("AOT executor") else []
    for wrong in (parts[0], loaded, *aot, tvm.system_lib()):
        with pytest.raises(tvm.TVMValueError, match="no graph executor"):
            tvm.GraphModule(wrong)
    for wrong in (None, "factory.so", loaded["default"]):
        with pytest.raises(TypeError, match="Module"):
            tvm.GraphModule(wrong)


def test_debug_output_needs_the_debug_executor(digits):
    with pytest.raises(tvm.TVMNotImplementedError, match="debug"):
        digits.debug_get_output(0, tvm.empty((1, 10)))


# ---------------------------------------------------------------------------------------- benchmark, closing


@pytest.mark.needs("time evaluator")
def test_benchmark(digits):
    timed = digits.benchmark(repeat=3, number=2)
    assert len(timed.results) == 3
    assert 0 < timed.min <= timed.mean <= timed.max < 1
    with pytest.raises(tvm.TVMAttributeError):
        digits.benchmark(func_name="nope")


@pytest.mark.needs("graph factory")
def test_close(models):
    graph = factory(models)
    with graph as same:
        assert same is graph
        assert not graph.closed
    assert graph.closed
    graph.close()
    assert "closed" in repr(graph)
    uses = [
        lambda: graph.run(),
        lambda: graph.set_input("input", np.zeros((1, 1, 8, 8), "float32")),
        lambda: graph.get_output(0),
        lambda: graph.get_input(0),
        lambda: graph.get_num_inputs(),
        lambda: graph["run"],
        lambda: graph.benchmark(),
        lambda: graph.outputs,
    ]
    for use in uses:
        with pytest.raises(ValueError, match="closed"):
            use()


def test_set_input_from_itself(digits, images):
    digits.set_input("input", images[0][2])
    digits.set_input("input", digits.get_input("input"))
    digits.set_input("input", digits.get_input("input").numpy())
    digits.run()
    np.testing.assert_allclose(digits.get_output(0).numpy()[0], images[2][2], atol=1e-5)


# -------------------------------------------------------------------------------------------- older runtimes


ALL = """
import sys
import numpy as np, tvmbind as tvm
assert tvm.runtime_info().version == sys.argv[1] if len(sys.argv) > 1 else True
file = np.load("models/digits/test_images.npz")
folder = "models/digits/"
library = tvm.load_module(folder + "libdeploy.so")
graph = tvm.graph_executor.create(open(folder + "deploy.json").read(), library, tvm.cpu(0))
graph.load_params(open(folder + "deploy.params", "rb").read())
made = tvm.GraphModule(tvm.load_module(folder + "factory.so")["default"](tvm.cpu(0)))
right = [0, 0]
for image, label, expected in zip(file["images"], file["labels"], file["probabilities"]):
    for index, each in enumerate((graph, made)):
        each.run(input=(image.reshape(1, 1, 8, 8) / 16).astype("float32"))
        found = each.get_output(0).numpy()[0]
        assert abs(found - expected).max() < 1e-5
        right[index] += found.argmax() == label
print(tvm.runtime_info().version, *right)
print(graph.get_num_inputs(), made.get_num_outputs(), [i.name for i in graph.inputs], graph.outputs[0].shape)
for wrong in ({"nope": 1.0}, {"input": np.zeros((1, 1, 8, 8), "int32")}, {"input": np.zeros(64, "float32")}):
    for each in (graph, made):
        try:
            each.run(**wrong)
        except (KeyError, TypeError, ValueError) as error:
            continue
        print("not refused", wrong)
many = tvm.graph_executor.create(
    open("models/many/deploy.json").read(), tvm.load_module("models/many/libdeploy.so"), tvm.cpu(0)
)
many.load_params(open("models/many/deploy.params", "rb").read())
many.run(a=np.ones((2, 3), "float32"), b=[[1, 2, 3], [4, 5, 6]])
print([many.get_output(i).numpy().ravel().tolist() for i in range(5)])
print(len(many.benchmark(repeat=2, number=2).results))
"""


@pytest.mark.parametrize("name", ["0.8", "0.9"])
def test_on_an_older_runtime(run_python, name):
    done = run_python(ALL, TVMBIND_LIBRARY=str(install.install(name)))
    assert done.stdout.splitlines() == [
        f"{name} 360 360",
        "12 1 ['input'] (1, 10)",
        "[[1.5, 3.0, 4.5, 6.0, 7.5, 9.0], [2, 4, 6, 8, 10, 12], [True, True, True, True, True, True], [6.0], "
        "[1, 2, 3, 4, 5, 6]]",
        "2",
    ]
    assert done.stderr == ""
