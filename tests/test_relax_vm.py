"""Relax's virtual machine, of classic TVM and of tvm-ffi: answers, tuples, symbolic shapes, lifetimes, refusals."""

from __future__ import annotations

import gc
import weakref

import numpy as np
import pytest

import tvmbind as tvm
from digits import check_every_digit

pytestmark = pytest.mark.needs("Relax VM", "libtvm_runtime")

X = np.arange(12, dtype="float32").reshape(3, 4)
Y = np.array([1, 2, 3, 4], "float32")
Z = np.arange(8, dtype="int32").reshape(2, 4)


@pytest.fixture
def load(models):
    return lambda name, *args, **options: tvm.RelaxVirtualMachine(
        tvm.load_module(models / "machines" / f"relax_{name}.so"), *args, **options
    )


@pytest.fixture
def nested(load):
    return load("nested")


def check_nested(found, x=X, y=Y):
    first, (second, third) = found
    np.testing.assert_allclose(first.numpy(), x + y)
    np.testing.assert_allclose(second.numpy(), 2 * (x + y))
    np.testing.assert_allclose(third.numpy(), (x + y).sum(1), rtol=1e-6)


# ------------------------------------------------------------------------------------------- right answers


@pytest.mark.parametrize("memory", ["pooled", "naive"])
def test_every_digit(models, images, memory):
    machine = tvm.RelaxVirtualMachine(tvm.load_module(models / "digits" / "relax_vm.so"), tvm.cpu(0), memory=memory)
    check_every_digit(images, machine["main"])


@pytest.mark.parametrize("rows", [0, 1, 3, 100])
def test_tuples_in_tuples_and_any_number_of_rows(nested, rows):
    x = np.arange(rows * 4, dtype="float32").reshape(rows, 4)
    found = nested["main"](x, Y)
    assert type(found) is tuple
    assert type(found[1]) is tuple
    check_nested(found, x)


def test_every_way_to_give_an_argument(nested):
    ways = [
        lambda: nested["main"](X, Y),
        lambda: nested.function("main")(X, Y),
        lambda: nested["main"](X, y=Y),
        lambda: nested["main"](y=Y, x=X),
        lambda: nested["main"](tvm.array(X), tvm.array(Y)),
        lambda: nested["main"](X.tolist(), [1, 2, 3, 4]),
        lambda: nested["main"](np.asfortranarray(X), Y),
        lambda: nested["main"](X.astype(">f4"), Y),
        lambda: nested["main"](X[:, ::-1][:, ::-1], Y),
        lambda: nested.invoke_closure(nested.module["main"], X, Y),
    ]
    for way in ways:
        check_nested(way())


@pytest.mark.parametrize("offset", [0, 4, 16, 64])
def test_memory_that_is_not_aligned(nested, memory_at, offset):
    x = memory_at(offset, 4000).reshape(1000, 4)
    x += 3
    check_nested(nested["main"](x, Y), x)


def test_stateful(nested):
    nested.set_input("main", X, Y)
    nested.invoke_stateful("main")
    check_nested(nested.get_outputs("main"))
    np.testing.assert_allclose(nested.get_output("main", 0).numpy(), X + Y)
    np.testing.assert_allclose(nested.get_output("main", 1, 0).numpy(), 2 * (X + Y))
    check_nested(nested.get_output("main"))
    nested.set_input("main", y=Y, x=X + 1)
    nested.invoke_stateful("main")
    check_nested(nested.get_outputs("main"), X + 1)
    for place in ((2,), (-1,), (0, 0), (1, 2)):
        with pytest.raises(IndexError, match="no output"):
            nested.get_output("main", *place)


def test_a_tuple_as_an_argument(load):
    machine = load("take_tuple")
    for pair in ((Z, Z), [Z, tvm.array(Z)], tvm.Array([tvm.array(Z), tvm.array(Z)])):
        np.testing.assert_array_equal(machine["main"](Z, pair).numpy(), 3 * Z)


def test_a_shape_as_an_argument(load):
    machine, square = load("take_shape"), X[:2, :2]
    for shape in (tvm.ShapeTuple([2, 2]), (2, 2), [2, 2]):
        assert machine["main"](square, shape).numpy().tolist() == [0, 1, 4, 5]
    with pytest.raises(tvm.TVMError, match="mismatch"):
        machine["main"](square, (2, 3))


def test_saved_functions(nested):
    nested.save_function("main", "saved", X, Y)
    nested.save_function("main", "quiet", X, y=Y, include_return=False)
    check_nested(nested["saved"]())
    assert nested["quiet"]() is None
    nested.save_function("main", "saved", X + 1, Y)
    check_nested(nested["saved"](), X + 1)
    with pytest.raises(TypeError, match="takes none"):
        nested["saved"](X)
    for taken in ("main", "add"):
        with pytest.raises(ValueError, match="already"):
            nested.save_function("main", taken, X, Y)
    for wrong in ("", None, 3):
        with pytest.raises(TypeError, match="name"):
            nested.save_function("main", wrong, X, Y)


def test_several_devices(load):
    for devices in (None, tvm.cpu(), [tvm.cpu()], (tvm.cpu(0), tvm.cpu(0))):
        machine = load("nested", devices)
        assert machine.device == tvm.cpu(0)
        check_nested(machine["main"](X, Y))


# -------------------------------------------------------------------------------- whose memory, and how long


def test_whose_memory_arguments_have(load):
    for copy in (True, None, False):
        machine, x = load("identity"), tvm.aligned_empty(X.shape)
        x[:] = X
        machine.set_input("main", x, copy=copy)
        x[:] = -1
        address, same = x.ctypes.data, copy is not True
        del x
        gc.collect()
        machine.invoke_stateful("main")
        found = machine.get_outputs("main")
        assert (found.numpy().ctypes.data == address) is same
        np.testing.assert_array_equal(found.numpy(), np.full_like(X, -1) if same else X)


def test_a_misaligned_argument_is_copied(load, memory_at):
    machine, x = load("identity"), memory_at(4, X.size).reshape(X.shape)
    x[:] = X
    found = machine["main"](x)
    x[:] = -1
    np.testing.assert_array_equal(found.numpy(), X)
    with pytest.raises(tvm.ZeroCopyError, match=r"not aligned to \d+ bytes: make it.* tvmbind.aligned_empty"):
        machine.set_input("main", x, copy=False)


def test_results_go_where_they_are_wanted(load):
    machine, out = load("identity"), np.zeros_like(X)
    machine.set_output("main", out)
    machine["main"](X)
    np.testing.assert_array_equal(out, X)
    machine.set_output("main")
    machine.close()
    machine = load("identity")
    with pytest.raises(tvm.ZeroCopyError, match="makes its results itself"):
        machine.set_output("main", out, copy=False)
    with pytest.raises(ValueError, match="read-only"):
        machine.set_output("main", np.broadcast_to(np.float32(0), X.shape))
    with pytest.raises(TypeError, match="expected an NDArray or a numpy array"):
        machine.set_output("main", X.tolist())


def test_a_saved_function_has_arrays_of_its_own(load):
    machine, x = load("identity"), tvm.aligned_empty(X.shape)
    x[:] = X
    machine.save_function("main", "saved", x)
    x[:] = -1
    np.testing.assert_array_equal(machine["saved"]().numpy(), X)


def test_an_array_of_tvm_s_is_not_copied(load):
    machine, x = load("identity"), tvm.array(X)
    found = machine["main"](x)
    x.copyfrom(X + 1)
    np.testing.assert_array_equal(found.numpy(), X + 1)
    x.close()
    np.testing.assert_array_equal(found.numpy(), X + 1)


def test_results_outlive_everything(load, models):
    machine = load("nested")
    function = machine["main"]
    results = [function(X, Y), machine["main"](X, Y)]
    machine.set_input("main", X, Y)
    machine.invoke_stateful("main")
    results.append(machine.get_outputs("main"))
    view = results[0][0].numpy()
    machine.close()
    del machine, function
    gc.collect()
    for found in results:
        check_nested(found)
    del results, found
    gc.collect()
    np.testing.assert_allclose(view, X + Y)


def test_a_function_keeps_its_machine(load):
    function = load("nested")["main"]
    gc.collect()
    check_nested(function(X, Y))


def test_a_machine_goes_with_its_last_user(load):
    machine = load("nested")
    machine["main"](X, Y)
    gone = weakref.ref(machine)
    del machine
    gc.collect()
    assert gone() is None


def test_two_machines_of_one_executable(models):
    executable = tvm.load_module(models / "machines" / "relax_nested.so")
    one, two = tvm.RelaxVirtualMachine(executable), tvm.RelaxVirtualMachine(executable)
    executable.close()
    one.set_input("main", X, Y)
    two.set_input("main", X + 1, Y)
    one.invoke_stateful("main")
    two.invoke_stateful("main")
    check_nested(one.get_outputs("main"))
    check_nested(two.get_outputs("main"), X + 1)


def test_close(load):
    machine = load("nested")
    function = machine["main"]
    with machine as same:
        assert same is machine
    assert machine.closed
    machine.close()
    assert repr(machine) == "<RelaxVirtualMachine (closed)>"
    uses = [
        lambda: function(X, Y),
        lambda: machine["main"],
        lambda: machine.set_input("main", X, Y),
        lambda: machine.invoke_stateful("main"),
        lambda: machine.get_outputs("main"),
    ]
    for use in uses:
        with pytest.raises(ValueError, match="closed"):
            use()


# ------------------------------------------------------------------------------------------------ metadata


def test_what_functions_take_and_give(nested):
    assert nested.function_names() == ["main"]
    assert nested.get_function_arity("main") == 2
    assert nested.get_function_param_names("main") == ["x", "y"]
    assert nested.get_function_param_name("main", 1) == "y"
    assert list(map(str, nested.inputs())) == ["x: float32[n, 4]", "y: float32[4]"]
    assert list(map(str, nested.outputs())) == ["float32[n, 4]", "float32[n, 4]", "float32[n]"]
    assert "main" in repr(nested)


def test_what_no_tensor_is(load):
    infos = load("take_tuple").inputs()
    assert [(info.name, info.shape) for info in infos] == [("x", (2, 4)), ("t", None)]
    assert infos[1].dtype is None
    assert str(infos[1]) == "t: ?"
    assert list(map(str, load("take_tuple").outputs())) == ["int32[2, 4]"]
    assert list(map(str, load("take_shape").outputs())) == ["float32[4]"]
    assert list(map(str, load("identity").outputs())) == ["float32[n, 4]"]


def test_what_the_digits_take_and_give(models):
    machine = tvm.RelaxVirtualMachine(tvm.load_module(models / "digits" / "relax_vm.so"))
    assert machine.inputs() == [tvm.TensorInfo("input", (1, 1, 8, 8), tvm.DataType("float32"))]
    assert machine.outputs() == [tvm.TensorInfo("", (1, 10), tvm.DataType("float32"))]


# ----------------------------------------------------------------------------------------------- refusals


WRONG = {
    "too few": ((X,), TypeError, r"takes 2 arguments \(x, y\), got 1"),
    "too many": ((X, Y, Y), TypeError, "got 3"),
    "dtype": ((X.astype("float64"), Y), TypeError, r"'x' takes float32, got float64.*astype"),
    "dtype of the same size": ((X.astype("int32"), Y), TypeError, "got int32"),
    "rank": ((Y, Y), ValueError, r"takes shape \('n', 4\)"),
    "extent": ((X[:, :3], Y), ValueError, r"got \(3, 3\)"),
    "array of TVM's": ((tvm.DataType("int32"), Y), TypeError, None),
    "None": ((X, None), TypeError, "NoneType"),
    "text": ((X, "text"), TypeError, "str"),
    "a number": ((X, 2), ValueError, r"got \(\)"),
    "a tuple of arrays": ((X, (Y, Y)), ValueError, None),
    "an object": ((X, object()), TypeError, None),
    "a module": ((X, object), TypeError, None),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_arguments(nested, case):
    args, error, match = WRONG[case]
    uses = [
        lambda: nested["main"](*args),
        lambda: nested.set_input("main", *args),
        lambda: nested.save_function("main", "saved", *args),
    ]
    for use in uses:
        with pytest.raises(error, match=match):
            use()
    check_nested(nested["main"](X, Y))


def test_names_of_arguments(nested):
    with pytest.raises(TypeError, match="no parameter 'z'; it has x, y"):
        nested["main"](X, z=Y)
    with pytest.raises(TypeError, match="x twice"):
        nested["main"](X, x=X)
    with pytest.raises(TypeError, match="got 0 and y"):
        nested["main"](y=Y)


WRONG_TUPLES = {
    "an array": Z,
    "one item": (Z,),
    "three items": (Z, Z, Z),
    "None in it": (Z, None),
    "another dtype in it": (Z, X),
    "another shape in it": (Z, Z.reshape(4, 2)),
    "a tuple in it": ((Z, Z), Z),
    "text in it": (Z, "text"),
    "nothing": (),
    "None": None,
    "text": "text",
    "a number": 3,
    "a shape": (1, 2),
    "a closed array": "closed",
}


@pytest.mark.parametrize("case", WRONG_TUPLES)
def test_wrong_tuples(load, case):
    machine, given = load("take_tuple"), WRONG_TUPLES[case]
    if case == "a closed array":
        closed = tvm.array(Z)
        closed.close()
        given = (Z, closed)
    with pytest.raises((tvm.TVMError, TypeError, ValueError)):
        machine["main"](Z, given)
    with pytest.raises((tvm.TVMError, TypeError, ValueError)):  # noqa: PT012
        machine.set_input("main", Z, given)
        machine.invoke_stateful("main")
    np.testing.assert_array_equal(machine["main"](Z, (Z, Z)).numpy(), 3 * Z)


def test_no_such_function(nested):
    uses = [
        lambda name: nested[name],
        lambda name: nested.function(name),
        lambda name: nested.set_input(name, X, Y),
        lambda name: nested.invoke_stateful(name),
        lambda name: nested.get_outputs(name),
        lambda name: nested.get_function_arity(name),
        lambda name: nested.get_function_param_names(name),
        lambda name: nested.save_function(name, "saved", X, Y),
        lambda name: nested.inputs(name),
        lambda name: nested.outputs(name),
    ]
    for use in uses:
        for name in ("nope", "", "add", "vm.builtin.match_shape"):
            with pytest.raises(tvm.TVMAttributeError, match="it has main"):
                use(name)
        for name in (None, 3):
            with pytest.raises(TypeError, match="name"):
                use(name)
    for index in (-1, 2, 2**40):
        with pytest.raises(IndexError):
            nested.get_function_param_name("main", index)


def test_out_of_order(nested):
    with pytest.raises(tvm.TVMError, match="set_input"):
        nested.invoke_stateful("main")
    with pytest.raises(tvm.TVMError, match="invoke_stateful"):
        nested.get_outputs("main")


def test_what_is_no_closure(nested):
    for wrong in (None, 3, "main", tvm.array(X), X, nested):
        with pytest.raises(TypeError, match="closure"):
            nested.invoke_closure(wrong, X)
    with pytest.raises(tvm.TVMError, match="closure"):
        nested.invoke_closure(tvm.ShapeTuple([1]), X)


def test_made_of_wrong_things(models):
    executable = tvm.load_module(models / "machines" / "relax_nested.so")
    for wrong in (tvm.load_module(models / "myadd" / "libdeploy.so"), executable["vm_load_executable"]()):
        with pytest.raises(tvm.TVMValueError, match="no executable of Relax"):
            tvm.RelaxVirtualMachine(wrong)
    for wrong in (None, "relax.so", executable["vm_load_executable"]):
        with pytest.raises(TypeError, match="Module"):
            tvm.RelaxVirtualMachine(wrong)
    with pytest.raises(ValueError, match="pooled"):
        tvm.RelaxVirtualMachine(executable, memory="plenty")
    for wrong in (1, "cpu", [], [None]):
        with pytest.raises(TypeError):
            tvm.RelaxVirtualMachine(executable, wrong)
    for wrong in (tvm.cuda(0), tvm.cpu(0)._replace(device_type=99), [tvm.cpu(0), tvm.cuda(0)]):
        with pytest.raises(tvm.TVMError, match=r"cuda|99"):
            tvm.RelaxVirtualMachine(executable, wrong)


def test_profile(load):
    machine = load("nested", profile=True)
    check_nested(machine["main"](X, Y))
    report = machine.profile("main", X, Y)
    assert "multiply" in [call.name for call in report.calls]
    with pytest.raises(TypeError, match="takes 2"):
        machine.profile("main", X)


def test_no_profile(load):
    with pytest.raises(tvm.TVMAttributeError, match="profile=True"):
        load("nested").profile("main", X, Y)


def test_errors_inside_leave_a_machine_that_works(load):
    machine = load("take_shape")
    for _ in range(3):
        with pytest.raises(tvm.TVMError):
            machine["main"](X, (3, 3))
        assert machine["main"](X[:2, :2], (2, 2)).shape == (4,)
