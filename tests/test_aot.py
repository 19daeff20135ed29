"""The AOT executor on compiled models: right answers, and nothing wrong reaches the runtime, which checks nothing."""

from __future__ import annotations

import gc

import numpy as np
import pytest

import tvmbind as tvm
from digits import check_every_digit, check_ways_to_set_an_input
from tvmbind import install

pytestmark = pytest.mark.needs("AOT executor")


@pytest.fixture
def digits(models):
    return tvm.AotModule(tvm.load_module(models / "digits" / "aot.so")["default"](tvm.cpu(0)))


@pytest.fixture
def odd(models):
    return tvm.AotModule(tvm.load_module(models / "machines" / "aot_odd_names.so")["odd"](tvm.cpu(0)))


named = pytest.mark.skipif(tvm.runtime_info().minor < 12, reason="before TVM 0.12 the names of inputs are not told")


def test_every_digit(digits, images):
    def answer(image):
        digits.run(input=image)
        return digits.get_output(0)

    check_every_digit(images, answer)


def test_every_way_to_set_an_input(digits, images):
    check_ways_to_set_an_input(digits, images)


def test_many_outputs_and_names_that_the_compiler_changed(odd):
    a, b = np.array([[1, -2, 3], [-4, 5, -6]], "float32"), np.array([[1, 2, 3], [4, 5, 6]], "int32")
    for names in (("in:0", "b-1"), ("in_0", "b_1"), (0, 1)):
        odd.set_input(names[0], a * 0)
        odd.set_input(names[0], a)
        odd.set_input(names[1], b)
        odd.run()
        expected = [a + b, b * 2, a > 0, a.sum()]
        assert odd.get_num_outputs() == len(expected)
        for index, value in enumerate(expected):
            np.testing.assert_array_equal(odd.get_output(index).numpy(), value)
    odd.run(**{"in:0": a * 2, "b-1": b})
    np.testing.assert_array_equal(odd.get_output(0).numpy(), a * 2 + b)


def test_what_a_model_takes_and_gives(odd):
    assert [(i.shape, str(i.dtype)) for i in odd.inputs] == [((2, 3), "float32"), ((2, 3), "int32")]
    assert [(o.name, o.shape, str(o.dtype)) for o in odd.outputs] == [
        ("", (2, 3), "float32"),
        ("", (2, 3), "int32"),
        ("", (2, 3), "bool"),
        ("", (), "float32"),
    ]
    assert (odd.get_num_inputs(), odd.get_num_outputs()) == (2, 4)
    assert [odd.get_input_index(name) for name in ("in:0", "in_0", "b-1", "nope", "")] == [0, 0, 1, -1, -1]
    assert repr(odd).startswith("<AotModule ")


@named
def test_names(odd):
    assert [info.name for info in odd.inputs] == ["in_0", "b_1"]
    assert odd.get_input_name(1) == "b_1"
    with pytest.raises(KeyError, match="it has 'in_0', 'b_1'"):
        odd.set_input("nope", np.zeros((2, 3), "float32"))


WRONG = {
    "name": ("nope", np.zeros((2, 3), "float32"), KeyError),
    "empty name": ("", np.zeros((2, 3), "float32"), KeyError),
    "number": (7, np.zeros((2, 3), "float32"), IndexError),
    "number of an output": (2, np.zeros((2, 3), "float32"), IndexError),
    "negative number": (-1, np.zeros((2, 3), "float32"), IndexError),
    "huge number": (2**70, np.zeros((2, 3), "float32"), IndexError),
    "key of no type": (1.5, np.zeros((2, 3), "float32"), TypeError),
    "dtype of the same size": (0, np.zeros((2, 3), "int32"), TypeError),
    "float64": (0, np.zeros((2, 3)), TypeError),
    "bool": (0, np.zeros((2, 3), bool), TypeError),
    "shape of the same size": (0, np.zeros((3, 2), "float32"), ValueError),
    "flat": (0, np.zeros(6, "float32"), ValueError),
    "too large": (0, np.zeros((200, 300), "float32"), ValueError),
    "empty": (0, np.zeros((0, 3), "float32"), ValueError),
    "a number": (0, 1.0, ValueError),
    "a ragged list": (0, [[1, 2, 3], [4]], ValueError),
    "None": (0, None, TypeError),
    "text": (0, "abcdef", TypeError),
    "an object": (0, object(), TypeError),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_input(odd, case):
    key, value, error = WRONG[case]
    a, b = np.arange(6, dtype="float32").reshape(2, 3), np.arange(6, dtype="int32").reshape(2, 3)
    odd.set_input(0, a)
    odd.set_input(1, b)
    with pytest.raises(error):
        odd.set_input(key, value)
    odd.run()
    np.testing.assert_array_equal(odd.get_output(0).numpy(), a + b)


@pytest.mark.parametrize("index", [-1, 4, 99, 2**31, 2**70])
def test_no_such_output(odd, index):
    with pytest.raises(IndexError, match="it has 4"):
        odd.get_output(index)


@pytest.mark.parametrize("index", [-1, 2, 9, 2**40])
def test_no_such_input(odd, index):
    with pytest.raises(IndexError, match="it has 2"):
        odd.get_input(index)
    with pytest.raises((IndexError, tvm.TVMNotImplementedError)):
        odd.get_input_name(index)


def test_get_output_into_ones_own(odd):
    odd.run(**{"in:0": np.ones((2, 3), "float32"), "b-1": np.ones((2, 3), "int32")})
    target = tvm.empty((2, 3), "int32")
    assert odd.get_output(1, target) is target
    np.testing.assert_array_equal(target.numpy(), 2)
    assert odd.get_output(1, out=np.zeros((2, 3), "int32")).tolist() == [[2] * 3] * 2
    for wrong in (np.zeros((3, 2), "int32"), np.zeros((2, 3), "float32"), [[0] * 3] * 2):
        with pytest.raises((TypeError, ValueError)):
            odd.get_output(1, wrong)


def test_outlives_what_it_was_made_of(models, images):
    library = tvm.load_module(models / "digits" / "aot.so")
    made = library["default"](tvm.cpu(0))
    model = tvm.AotModule(made)
    library.close()
    del library, made
    gc.collect()
    model.run(input=images[0][0])
    output = model.get_output(0)
    model.close()
    del model
    gc.collect()
    np.testing.assert_allclose(output.numpy()[0], images[2][0], atol=1e-5)


def test_made_of_wrong_things(models):
    graph = tvm.load_module(models / "digits" / "factory.so")["default"](tvm.cpu(0))
    library = tvm.load_module(models / "digits" / "aot.so")
    for wrong in (graph, library, tvm.load_module(models / "digits" / "libdeploy.so")):
        with pytest.raises(tvm.TVMValueError, match="no AOT executor"):
            tvm.AotModule(wrong)
    with pytest.raises(tvm.TVMValueError, match="no graph executor"):
        tvm.GraphModule(library["default"](tvm.cpu(0)))
    for wrong in (None, "aot.so", library["default"]):
        with pytest.raises(TypeError, match="Module"):
            tvm.AotModule(wrong)


def test_close(models):
    model = tvm.AotModule(tvm.load_module(models / "digits" / "aot.so")["default"](tvm.cpu(0)))
    with model as same:
        assert same is model
    assert model.closed
    model.close()
    assert repr(model) == "<AotModule (closed)>"
    uses = [model.run, lambda: model.get_output(0), lambda: model.set_input(0, np.zeros((1, 1, 8, 8), "float32"))]
    for use in uses:
        with pytest.raises(ValueError, match="closed"):
            use()


def test_benchmark(digits):
    timed = digits.benchmark(repeat=3, number=2)
    assert len(timed.results) == 3
    assert 0 < timed.mean < 1


OLDER = """
import numpy as np, tvmbind as tvm
file = np.load("models/digits/test_images.npz")
model = tvm.AotModule(tvm.load_module("models/digits/aot.so")["default"](tvm.cpu(0)))
right = 0
for image, label in zip(file["images"], file["labels"]):
    model.run(input=(image.reshape(1, 1, 8, 8) / 16).astype("float32"))
    right += model.get_output(0).numpy().argmax() == label
print(right, [str(i) for i in model.inputs], model.get_input_index("input"), model.get_input_index("nope"))
odd = tvm.AotModule(tvm.load_module("models/machines/aot_odd_names.so")["odd"](tvm.cpu(0)))
odd.run(**{"in:0": np.ones((2, 3), "float32"), "b-1": np.ones((2, 3), "int32")})
print(odd.get_output(0).numpy().tolist())
for use in (lambda: model.set_input("nope", 1), lambda: model.get_input(5), lambda: model.get_input_name(0)):
    try:
        use()
    except Exception as error:
        print(type(error).__name__)
"""


def test_on_an_older_runtime(run_python):
    done = run_python(OLDER, TVMBIND_LIBRARY=str(install.install("0.9")))
    assert done.stdout.splitlines() == [
        "360 ['float32[1, 1, 8, 8]'] 0 -1",
        "[[2.0, 2.0, 2.0], [2.0, 2.0, 2.0]]",
        "KeyError",
        "IndexError",
        "TVMNotImplementedError",
    ]
    assert done.stderr == ""
