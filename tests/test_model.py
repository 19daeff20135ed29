"""load_model on every artefact and every wrong set of files; Model's inputs, outputs, run, threads, closing."""

from __future__ import annotations

import gc
import json
import os
import shutil
import threading

import numpy as np
import pytest

import tvmbind as tvm
from digits import check_every_digit
from runtime_here import can, need
from tvmbind import install

INFO = tvm.runtime_info()
pytestmark = pytest.mark.needs("libtvm_runtime")
on_classic = pytest.mark.needs("graph executor")

SPLIT = ["libdeploy.so", "deploy.json", "deploy.params"]
# Where each form of the digits CNN is, and the fact that it needs.
FORMS = {
    "split": (SPLIT, "graph executor"),
    "split, other order": (SPLIT[::-1], "graph executor"),
    "factory": (["factory.so"], "graph factory"),
    "factory and graph and params": (["factory.so", "deploy.json", "deploy.params"], "graph factory"),
    "aot": (["aot.so"], "AOT executor"),
    "relay vm": (["relay_vm.so"], "Relay VM"),
    "relax vm": (["relax_vm.so"], "Relax VM"),
}
A = np.array([[1, -2, 3], [-4, 5, -6]], "float32")
B = np.array([[1, 2, 3], [4, 5, 6]], "int32")


def digits_form(models, form):
    files, fact = FORMS[form]
    if not can(fact) or (fact == "Relay VM" and INFO.minor != 16):
        pytest.skip(f"{INFO.title} has no {fact} for the fixture")
    return [models / "digits" / file for file in files]


@pytest.fixture(params=FORMS)
def digits(request, models):
    return tvm.load_model(*digits_form(models, request.param))


@pytest.fixture
def many(models):
    """Two inputs, five outputs."""
    if INFO.abi == "classic":
        need("bool in graphs")
        return tvm.load_model(*(models / "many" / file for file in SPLIT))
    return tvm.load_model(models / "relax" / "relax_many.so")


def check_many(found, a=A, b=B):
    w = np.array([[0.5, 1, 1.5], [2, 2.5, 3]], "float32")
    expected = [a * w + b.astype("float32"), b * 2, a > 0, a.sum(), b.astype("int64")]
    assert len(found) == 5
    for array, value in zip(found, expected):
        assert isinstance(array, tvm.NDArray)
        assert array.dtype == str(np.asarray(value).dtype)
        np.testing.assert_array_equal(array.numpy(), value)


# ------------------------------------------------------------------------------------------- right answers


def test_every_digit(digits, images):
    check_every_digit(images, lambda image: digits.run({"input": image})[0])


def test_every_way_to_feed(digits, images):
    image, expected = images[0][7], images[2][7]
    feeds = [
        (image,),
        ([image],),
        ((image,),),
        ({"input": image},),
        (tvm.array(image),),
        (np.asfortranarray(image),),
        (image.astype(">f4"),),
        (None, {"input": image}),
        (None, [image]),
        (None, image),
        ([0], image),
        ((0, 0), image),
    ]
    for feed in feeds:
        found = digits.run(*feed)
        assert len(found) == (2 if isinstance(feed[0], tuple) and len(feed[0]) == 2 else 1)
        for each in found:
            np.testing.assert_allclose(each.numpy()[0], expected, atol=1e-5)


def test_what_the_digits_take_and_give(digits):
    (given,) = digits.inputs
    assert given.name == ("input" if INFO.minor >= 12 or not isinstance(digits.executor, tvm.AotModule) else "")
    unknown = isinstance(digits.executor, tvm.VirtualMachine)
    assert (given.shape, given.dtype) == (("?",) * 4 if unknown else (1, 1, 8, 8), "float32")
    (output,) = digits.outputs
    assert (output.shape, output.dtype) == ((1, 10), "float32")
    assert digits.device == tvm.cpu(0)
    assert repr(digits).startswith("<Model ")


def test_many_inputs_and_outputs(many):
    for feed in ({"a": A, "b": B}, {"b": B, "a": A}, [A, B], (A.tolist(), B.tolist())):
        check_many(many.run(feed))
        check_many(many.run(None, feed))
    third, first = many.run([2, 0], [A, B])
    np.testing.assert_array_equal(third.numpy(), A > 0)
    np.testing.assert_array_equal(first.numpy(), many.run([A, B])[0].numpy())
    assert many.run([], [A, B]) == []
    assert list(map(str, many.inputs)) == ["a: float32[2, 3]", "b: int32[2, 3]"]
    assert [(o.shape, str(o.dtype)) for o in many.outputs] == [
        ((2, 3), "float32"),
        ((2, 3), "int32"),
        ((2, 3), "bool"),
        ((), "float32"),
        ((2, 3), "int64"),
    ]


@on_classic
def test_outputs_by_name(many):
    names = [info.name for info in many.outputs]
    assert len(set(names)) == 5
    assert all(names)
    fifth, second = many.run([names[4], names[1]], {"a": A, "b": B})
    assert (fifth.dtype, second.dtype) == ("int64", "int32")


def test_results_are_the_callers(many):
    first = many.run([A, B])
    second = many.run([A * 2, B])
    for each in second:
        each.numpy()[...] = 0
    check_many(first)
    many.close()
    del many
    gc.collect()
    check_many(first)


def test_inputs_are_not_changed_or_kept(many):
    a, b = A.copy(), tvm.array(B)
    found = many.run([a, b])
    a[:] = 0
    b.copyfrom(B * 0)
    check_many(found)


@pytest.mark.needs("Relax VM")
def test_a_result_that_is_an_input(models):
    x = np.ones((3, 4), "float32")
    model, array = tvm.load_model(models / "machines" / "relax_identity.so"), tvm.array(x)
    (found,) = model.run(array)
    array.copyfrom(x * 0)
    np.testing.assert_array_equal(found.numpy(), x)


@pytest.mark.needs("Relax VM")
def test_tuples_and_symbolic_shapes(models):
    model = tvm.load_model(models / "machines" / "relax_nested.so")
    assert list(map(str, model.inputs)) == ["x: float32[n, 4]", "y: float32[4]"]
    assert list(map(str, model.outputs)) == ["float32[n, 4]", "float32[n, 4]", "float32[n]"]
    for rows in (1, 5, 0):
        x, y = np.ones((rows, 4), "float32"), np.arange(4, dtype="float32")
        first, second, third = model.run({"x": x, "y": y})
        np.testing.assert_array_equal(first.numpy(), x + y)
        np.testing.assert_array_equal(second.numpy(), 2 * (x + y))
        np.testing.assert_array_equal(third.numpy(), (x + y).sum(1))
    with pytest.raises(ValueError, match=r"takes shape \('n', 4\)"):
        model.run({"x": np.ones((2, 3), "float32"), "y": y})


@pytest.mark.needs("Relax VM")
def test_tuples_as_inputs(models):
    z = np.arange(8, dtype="int32").reshape(2, 4)
    model = tvm.load_model(models / "machines" / "relax_take_tuple.so")
    np.testing.assert_array_equal(model.run({"x": z, "t": (z, z)})[0].numpy(), 3 * z)
    assert str(model.inputs[1]) == "t: ?"


@pytest.mark.needs("AOT executor")
def test_names_that_the_compiler_changed(models):
    for file in ("aot_odd_names.so", "factory_odd_names.so"):
        model = tvm.load_model(models / "machines" / file)
        found = model.run({"in:0": A, "b-1": B})
        np.testing.assert_array_equal(found[0].numpy(), A + B)
        with pytest.raises(KeyError, match="no input 'in;;0'"):
            model.run({"in;;0": A, "b-1": B})


@pytest.mark.needs("modern runtime")
def test_weights_in_a_file_of_their_own(models):
    folder = models / "relax"
    x, values = np.ones((1, 4), "float32"), tvm.load_param_dict((folder / "relax_params.params").read_bytes())
    weight, bias = values["weight"].numpy(), values["bias"].numpy()
    model = tvm.load_model(folder / "relax_params.params", folder / "relax_params.so")
    assert [info.name for info in model.inputs] == ["x"]
    np.testing.assert_allclose(model.run(x)[0].numpy(), x @ weight + bias, rtol=1e-6)
    np.testing.assert_allclose(model.clone().run(x)[0].numpy(), x @ weight + bias, rtol=1e-6)
    bare = tvm.load_model(folder / "relax_params.so")
    assert [info.name for info in bare.inputs] == ["x", "weight", "bias"]
    np.testing.assert_allclose(bare.run([x, weight, bias])[0].numpy(), x @ weight + bias, rtol=1e-6)
    with pytest.raises(tvm.TVMValueError, match="another model"):
        tvm.load_model(folder / "relax_tuple.so", folder / "relax_params.params")
    assert tvm.load_model(folder / "relax_mlp.so").run(np.ones((1, 16), "float32"))[0].shape == (1, 4)


# ----------------------------------------------------------------------------------------- refused runs


WRONG = {
    "nothing": ((), TypeError, "got 0 arguments"),
    "three": ((1, 2, 3), TypeError, "got 3 arguments"),
    "no inputs": (({},), ValueError, "lacks a, b"),
    "an input missing": (({"a": A},), ValueError, "lacks b: the model takes 2 inputs"),
    "an empty list": (([],), ValueError, "takes 2 inputs.*got 0"),
    "one array for two": ((A,), ValueError, "takes 2 inputs.*got 1"),
    "three for two": (([A, B, B],), ValueError, "got 3"),
    "a name": (({"a": A, "nope": B},), KeyError, "no input 'nope': the model takes"),
    "a number as a name": (({0: A, 1: B},), KeyError, "no input 0"),
    "a weight's name": (({"a": A, "b": B, "p0": A},), KeyError, "no input 'p0'"),
    "dtype": (({"a": A.astype("float64"), "b": B},), TypeError, "takes float32, got float64"),
    "dtype of the same size": (({"a": B, "b": B},), TypeError, "takes float32, got int32"),
    "shape": (([A.T, B],), ValueError, r"takes shape \(2, 3\), got \(3, 2\)"),
    "swapped": (([B, A],), TypeError, "takes float32, got int32"),
    "None": (([A, None],), TypeError, "NoneType"),
    "no feed": ((None,), ValueError, "got 1"),
    "text": (("ab",), ValueError, "got 1"),
    "an output's name": ((["nope"], [A, B]), KeyError, "no output 'nope'"),
    "an output's number": (([5], [A, B]), KeyError, "no output 5; it has 5"),
    "a negative number": (([-1], [A, B]), KeyError, "no output -1"),
    "a name, not a list": (("a", [A, B]), TypeError, "as a list"),
    "feed and names swapped": (([A, B], [0]), ValueError, "got 1"),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_feed(many, case):
    feed, error, match = WRONG[case]
    with pytest.raises(error, match=match):
        many.run(*feed)
    check_many(many.run([A, B]))


def test_closed_arrays(many):
    closed = tvm.array(B)
    closed.close()
    with pytest.raises(ValueError, match="closed"):
        many.run([A, closed])
    check_many(many.run([A, B]))


# --------------------------------------------------------------------------------------- threads, lifetimes


def test_threads_wait_for_each_other(many):
    failures = []

    def work(number):
        a = A * number
        try:
            for _ in range(50):
                check_many(many.run({"a": a, "b": B}), a)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


def test_clones_are_models_of_their_own(digits, images):
    clones = [digits.clone() for _ in range(3)]
    failures = []

    def work(model, start):
        try:
            for index in range(start, start + 20):
                np.testing.assert_allclose(model.run(images[0][index])[0].numpy()[0], images[2][index], atol=1e-5)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(model, 30 * at)) for at, model in enumerate([digits, *clones])]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    digits.close()
    for clone in clones:
        np.testing.assert_allclose(clone.run(images[0][9])[0].numpy()[0], images[2][9], atol=1e-5)


@pytest.mark.needs("shared weights")
def test_clones_share_weights(models):
    files = [models / "digits" / file for file in SPLIT]
    one = tvm.load_model(*files)
    two = one.clone()
    name = next(iter(tvm.load_param_dict(files[2].read_bytes())))
    one.executor.get_input(name).numpy()[...] = 3
    assert (two.executor.get_input(name).numpy() == 3).all()


@pytest.mark.skipif(INFO.minor != 16, reason="needs a model that converts its arguments while it runs")
def test_a_run_inside_a_run(models):
    model = tvm.load_model(models / "machines" / "relay_identity.so")
    x, errors = np.ones((3, 4), "float32"), []

    class Nosy:
        def __array__(self, dtype=None, copy=None):
            for use in (lambda: model.run(x), model.close):
                with pytest.raises(tvm.TVMError, match="is running") as caught:
                    use()
                errors.append(caught.value)
            return x

    np.testing.assert_array_equal(model.run([Nosy()])[0].numpy(), x)
    assert len(errors) == 2


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
@pytest.mark.skipif(INFO.abi == "classic" and not INFO.has("graph factory"), reason="uses a factory")
def test_a_fork_in_the_middle_of_a_run(run_python):
    script = (
        "import os, sys, threading, numpy as np, tvmbind as tvm\n"
        f"model = tvm.load_model({FORK_MODEL!r})\n"
        f"x = np.ones({FORK_SHAPE}, 'float32')\n"
        "model._lock.acquire()\n"
        "pid = os.fork()\n"
        "if not pid:\n"
        "    assert len(model.run(x)) == 1\n"
        "    os._exit(7)\n"
        "assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 7\n"
        "model._lock.release()\n"
        "assert len(model.run(x)) == 1"
    )
    run_python(script)


FORK_MODEL = "models/digits/factory.so" if INFO.abi == "classic" else "models/digits/relax_vm.so"
FORK_SHAPE = (1, 1, 8, 8)


def test_close(digits, images):
    with digits as same:
        assert same is digits
        assert not digits.closed
    assert digits.closed
    digits.close()
    assert repr(digits) == "<Model (closed)>"
    for use in (lambda: digits.run(images[0][0]), lambda: digits.outputs, digits.clone):
        with pytest.raises(ValueError, match="closed"):
            use()


# --------------------------------------------------------------------------------------- sets of files


@on_classic
def test_names_mean_nothing(models, tmp_path, images):
    for file, name in zip(SPLIT, ("weights", "model.onnx", "graph.so")):
        shutil.copy(models / "digits" / file, tmp_path / name)
    (tmp_path / "notes.txt").write_text("{ no graph }")
    (tmp_path / "folder.so").mkdir()
    (tmp_path / "empty").touch()
    (tmp_path / "other.json").write_text('{"some": "settings"}')
    for paths in ((tmp_path,), (str(tmp_path),), (os.fsencode(tmp_path),)):
        model = tvm.load_model(*paths)
        np.testing.assert_allclose(model.run(images[0][0])[0].numpy()[0], images[2][0], atol=1e-5)


@on_classic
def test_a_graph_with_a_byte_order_mark(models, tmp_path):
    (tmp_path / "deploy.json").write_text((models / "digits" / "deploy.json").read_text(), "utf-8-sig")
    files = [models / "digits" / SPLIT[0], tmp_path / "deploy.json", models / "digits" / SPLIT[2]]
    assert tvm.load_model(*files).inputs[0].name == "input"


INCOMPLETE = {
    "nothing": ([], TypeError, "got none"),
    "no such file": (["nope.so"], tvm.TVMOSError, "No such file"),
    "no part of a model": (["test_images.npz"], tvm.TVMValueError, "no part of a model"),
    "the library alone": (["libdeploy.so"], tvm.TVMValueError, r"graph \(.json\) and its weights \(.params\) are"),
    "no graph": (["libdeploy.so", "deploy.params"], tvm.TVMValueError, r"its graph \(.json\) is missing"),
    "no weights": (["libdeploy.so", "deploy.json"], tvm.TVMValueError, r"weights \(.params\) are missing: .*p0, p1"),
    "no library": (["deploy.json", "deploy.params"], tvm.TVMValueError, r"library \(.so\) is missing: .*deploy.json"),
    "weights alone": (["deploy.params"], tvm.TVMValueError, r"library \(.so\) is missing, and the graph"),
    "two libraries": (["libdeploy.so", "aot.so"], tvm.TVMValueError, "several libraries, libdeploy.so, aot.so"),
    "two graphs": (["libdeploy.so", "deploy.json", "c/deploy.json"], tvm.TVMValueError, "several graphs"),
    "a folder of several models": ([""], tvm.TVMValueError, "several libraries"),
    "a graph too many": (["aot.so", "deploy.json"], tvm.TVMValueError, "leave the .json out"),
    "params too many": (["aot.so", "deploy.params"], tvm.TVMValueError, "leave the .params out"),
    "params of another model": (["libdeploy.so", "deploy.json", "../many/deploy.params"], tvm.TVMValueError, "another"),
    "library of another model": (["../many/libdeploy.so", "deploy.json", "deploy.params"], tvm.TVMValueError, "of two"),
    "kernels": (["../kernels/dtypes.so"], tvm.TVMValueError, "compiled functions only"),
    "a folder of nothing": (["../shim"], tvm.TVMValueError, "holds no library"),
}


@on_classic
@pytest.mark.parametrize("case", INCOMPLETE)
def test_incomplete(models, case):
    files, error, match = INCOMPLETE[case]
    if files[:1] == ["aot.so"] and not can("AOT executor"):
        pytest.skip(f"{INFO.title} has no AOT executor")
    if "of another model" in case:
        need("bool in graphs")
    with pytest.raises(error, match=match):
        tvm.load_model(*(models / "digits" / file for file in files))


@on_classic
def test_the_same_file_twice(models):
    files = [models / "digits" / file for file in SPLIT]
    assert tvm.load_model(*files, *files).inputs[0].name == "input"


DAMAGES = {
    "empty": lambda data: b"",
    "one byte": lambda data: data[:1],
    "cut at the start": lambda data: data[:40],
    "cut in the middle": lambda data: data[: len(data) // 2],
    "cut at the end": lambda data: data[:-1],
    "zeros": lambda data: bytes(len(data)),
}


@on_classic
@pytest.mark.parametrize("kind", list(DAMAGES))
@pytest.mark.parametrize("which", SPLIT)
def test_damaged_files(models, tmp_path, which, kind):
    for file in SPLIT:
        data = (models / "digits" / file).read_bytes()
        (tmp_path / file).write_bytes(DAMAGES[kind](data) if file == which else data)
    try:
        model = tvm.load_model(*(tmp_path / file for file in SPLIT))
    except (tvm.TVMValueError, tvm.TVMOSError):
        pass
    else:  # what was cut off a library's end is not needed; of a graph's it is a line's
        assert kind == "cut at the end"
        assert which != "deploy.params"
        model.run(np.zeros((1, 1, 8, 8), "float32"))


@on_classic
def test_params_that_lack_some(models, tmp_path):
    params = tvm.load_param_dict((models / "digits" / "deploy.params").read_bytes())
    params.pop("p3")
    (tmp_path / "some.params").write_bytes(tvm.save_param_dict(params))
    with pytest.raises(tvm.TVMValueError, match="another model: the graph takes p3"):
        tvm.load_model(models / "digits" / "libdeploy.so", models / "digits" / "deploy.json", tmp_path / "some.params")


@on_classic
@pytest.mark.needs("bool in graphs")
def test_a_graph_without_weights(models, tmp_path):
    """A weight is an input like others where the graph has it under another name than the compiler gives."""
    graph = json.loads((models / "many" / "deploy.json").read_text())
    for node in graph["nodes"]:
        if node["name"] == "p0":
            node["name"] = "weight"
    (tmp_path / "deploy.json").write_text(json.dumps(graph))
    model = tvm.load_model(models / "many" / "libdeploy.so", tmp_path / "deploy.json")
    assert sorted(info.name for info in model.inputs) == ["a", "b", "weight"]
    w = np.array([[0.5, 1, 1.5], [2, 2.5, 3]], "float32")
    check_many(model.run({"a": A, "b": B, "weight": w}))


def test_devices(models):
    need(*["graph factory"] if INFO.abi == "classic" else [])
    files = [models / "digits" / ("factory.so" if INFO.abi == "classic" else "relax_vm.so")]
    for device in (None, tvm.cpu(), tvm.cpu(0), [tvm.cpu(0)], (tvm.cpu(0), tvm.cpu(0))):
        assert tvm.load_model(*files, device=device).device == tvm.cpu(0)
    for device in (1, "cpu", [], [None], 3.5):
        with pytest.raises(TypeError):
            tvm.load_model(*files, device=device)
    with pytest.raises(tvm.TVMError, match="cuda"):
        tvm.load_model(*files, device=tvm.cuda(0))


@pytest.mark.parametrize("path", [None, 3, ["a"], 1.5])
def test_paths_of_another_type(path):
    with pytest.raises(TypeError):
        tvm.load_model(path)


def test_a_path_with_a_nul():
    with pytest.raises((ValueError, tvm.TVMOSError)):
        tvm.load_model("a\0b")


def test_an_artefact_of_the_other_generation(models):
    other = models / "modern" if INFO.abi == "classic" else models.parent
    with pytest.raises(tvm.TVMOSError, match="runtime of that generation"):
        tvm.load_model(other / "digits" / "relax_vm.so")


# -------------------------------------------------------------------------------------------- other runtimes


OTHER = """
import numpy as np, tvmbind as tvm
file = np.load("models/digits/test_images.npz")
folder = "models/digits/"
for names in (["libdeploy.so", "deploy.params", "deploy.json"], ["factory.so"], ["aot.so"], ["relax_vm.so"]):
    try:
        model = tvm.load_model(*(folder + name for name in names))
    except tvm.TVMOSError as error:
        print(names[0], "needs" in str(error) and "which this runtime lacks" in str(error))
        continue
    images = (file["images"].reshape(-1, 1, 1, 8, 8) / 16).astype("float32")
    right = sum(model.run({"input": x})[0].numpy().argmax() == y for x, y in zip(images, file["labels"]))
    print(names[0], right, model.clone().run(images[0])[0].numpy().argmax())
"""


@on_classic
@pytest.mark.parametrize("name", ["0.8", "0.9"])
def test_on_an_older_runtime(run_python, name):
    done = run_python(OTHER, TVMBIND_LIBRARY=str(install.install(name)))
    aot = "aot.so 360 1" if name == "0.9" else "aot.so True"
    assert done.stdout.splitlines() == ["libdeploy.so 360 1", "factory.so 360 1", aot, "relax_vm.so True"]
    assert done.stderr == ""
