"""Relay's virtual machine: answers, tuples, branches, dynamic shapes, lifetimes, and what would crash refused."""

from __future__ import annotations

import gc

import numpy as np
import pytest

import tvmbind as tvm
from digits import check_every_digit
from tvmbind import install

INFO = tvm.runtime_info()
pytestmark = [
    pytest.mark.needs("Relay VM"),
    # An executable loads in the version of TVM that compiled it, and the fixtures are of 0.16.
    pytest.mark.skipif(INFO.minor != 16, reason=f"{INFO.title}: the fixtures of Relay's VM are for TVM 0.16 alone"),
]

X = np.arange(12, dtype="float32").reshape(3, 4)
Y = np.array([1, 2, 3, 4], "int32")
V = np.array([-1, 0, 2], "float32")


@pytest.fixture
def load(models):
    return lambda name, *args, **options: tvm.VirtualMachine(
        tvm.load_module(models / "machines" / f"relay_{name}.so"), *args, **options
    )


@pytest.fixture
def machine(load):
    return load("tuple")


def check(found, x=X, y=Y):
    first, (second, third) = found
    np.testing.assert_allclose(first.numpy(), x + y)
    np.testing.assert_array_equal(second.numpy(), 2 * y)
    np.testing.assert_allclose(third.numpy(), x.sum())


@pytest.mark.parametrize("memory", ["pooled", "naive"])
def test_every_digit(models, images, memory):
    machine = tvm.VirtualMachine(tvm.load_module(models / "digits" / "relay_vm.so"), tvm.cpu(0), memory=memory)
    check_every_digit(images, machine.run)


@pytest.mark.parametrize("rows", [1, 3, 100])
def test_tuples_in_tuples_and_any_number_of_rows(machine, rows):
    x = np.arange(rows * 4, dtype="float32").reshape(rows, 4)
    found = machine.run(x, Y)
    assert type(found) is tuple
    assert type(found[1]) is tuple
    check(found, x)


def test_every_way_to_run(machine):
    def one_by_one():
        machine.set_one_input("main", "x", X)
        machine.set_one_input("main", 1, Y)
        return machine.invoke("main")

    def by_keyword():
        machine.set_one_input("main", x=X)
        machine.set_one_input("main", y=tvm.array(Y))
        return machine.invoke("main")

    def set_and_invoke():
        machine.set_input("main", X, Y)
        return machine.invoke("main")

    ways = [
        lambda: machine.run(X, Y),
        lambda: machine.run(x=X, y=Y),
        lambda: machine.run(X, y=Y),
        lambda: machine.run(tvm.array(X), tvm.array(Y)),
        lambda: machine["main"](X, Y),
        lambda: machine.function("main")(y=Y, x=X),
        lambda: machine.invoke("main", X, Y),
        lambda: machine.run(np.asfortranarray(X), Y[::-1][::-1]),
        lambda: machine.run(X.astype(">f4"), Y),
        one_by_one,
        by_keyword,
        set_and_invoke,
    ]
    for way in ways:
        machine.set_input("main", X * 0, Y * 0)
        check(way())


def test_stateful(machine, load):
    machine.invoke_stateful("main", X, Y)
    first, rest = machine.get_outputs()
    check((first, rest))
    machine.set_input("main", X + 1, Y)
    machine.invoke_stateful("main")
    check(machine.get_outputs(), X + 1)
    single = load("identity")
    single.invoke_stateful("main", X)
    (found,) = single.get_outputs()
    np.testing.assert_array_equal(found.numpy(), X)


@pytest.mark.parametrize("choice", [True, False])
def test_branches(load, choice):
    machine = load("if")
    expected = V + 1 if choice else np.maximum(V, 0)
    for value in (choice, np.bool_(choice), np.array(choice), tvm.array(np.array(choice))):
        np.testing.assert_array_equal(machine.run(value, V).numpy(), expected)


def test_a_tuple_as_an_argument(load):
    machine = load("take_tuple")
    for pair in ((V, V), [V, tvm.array(V)], tvm.ADT(0, [tvm.array(V), tvm.array(V)])):
        np.testing.assert_array_equal(machine.run(pair).numpy(), 2 * V)


@pytest.mark.parametrize("offset", [0, 4, 16, 64])
def test_memory_that_is_not_aligned(machine, memory_at, offset):
    x = memory_at(offset, 4000).reshape(1000, 4)
    x += 3
    check(machine.run(x, Y), x)


def test_several_devices(load):
    for devices in (None, tvm.cpu(), [tvm.cpu()]):
        check(load("tuple", devices).run(X, Y))


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
        found = machine.invoke("main")
        assert (found.numpy().ctypes.data == address) is same
        np.testing.assert_array_equal(found.numpy(), np.full_like(X, -1) if same else X)


def test_a_misaligned_argument_is_copied(load, memory_at):
    machine, x = load("identity"), memory_at(4, X.size).reshape(X.shape)
    x[:] = X
    found = machine.run(x)
    x[:] = -1
    np.testing.assert_array_equal(found.numpy(), X)
    with pytest.raises(tvm.ZeroCopyError, match=r"not aligned to \d+ bytes: make it.* tvmbind.aligned_empty"):
        machine.set_input("main", x, copy=False)


def test_results_go_where_they_are_wanted(load):
    machine, out = load("identity"), np.zeros_like(X)
    machine.set_output("main", out)
    machine.run(X)
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


def test_results_outlive_everything(load):
    machine = load("tuple")
    function = machine["main"]
    results = [function(X, Y), machine.run(X, Y)]
    view = results[0][0].numpy()
    machine.close()
    del machine, function
    gc.collect()
    for found in results:
        check(found)
    del results, found
    gc.collect()
    np.testing.assert_allclose(view, X + Y)


def test_a_function_keeps_its_machine(load):
    function = load("tuple")["main"]
    gc.collect()
    check(function(X, Y))


def test_two_machines_of_one_executable(models):
    executable = tvm.load_module(models / "machines" / "relay_tuple.so")
    one, two = tvm.VirtualMachine(executable), tvm.VirtualMachine(executable)
    executable.close()
    one.set_input("main", X, Y)
    two.set_input("main", X + 1, Y)
    check(one.invoke("main"))
    check(two.invoke("main"), X + 1)


def test_close(load):
    machine = load("tuple")
    function = machine["main"]
    with machine as same:
        assert same is machine
    assert machine.closed
    machine.close()
    assert repr(machine) == "<VirtualMachine (closed)>"
    for use in (lambda: function(X, Y), lambda: machine.run(X, Y), lambda: machine.set_one_input("main", 0, X)):
        with pytest.raises(ValueError, match="closed"):
            use()
    with pytest.raises(ValueError, match="invoke_stateful"):
        machine.get_outputs()


# ------------------------------------------------------------------------------------------------ metadata


def test_what_functions_take_and_give(machine, load, models):
    assert machine.function_names() == ["main"]
    assert machine.get_function_arity("main") == 2
    assert machine.get_function_param_names("main") == ["x", "y"]
    assert machine.get_function_param_name("main", 1) == "y"
    assert [machine.get_input_index(name) for name in ("x", "y", "nope")] == [0, 1, -1]
    assert machine.inputs()[0] == tvm.TensorInfo("x", ("?", "?"), tvm.DataType("float32"))
    assert list(map(str, machine.inputs())) == ["x: float32[?, ?]", "y: int32[?]"]
    assert load("identity").inputs() == [tvm.TensorInfo("x", None, None)]
    assert list(map(str, load("if").inputs())) == ["c: ?", "x: float32[?]"]
    assert list(map(str, load("take_tuple").inputs())) == ["t: ?"]
    assert list(map(str, machine.outputs())) == ["float32[...]", "int32[4]", "float32[]"]
    assert load("if").outputs() is None
    digits = tvm.VirtualMachine(tvm.load_module(models / "digits" / "relay_vm.so"))
    assert list(map(str, digits.inputs())) == ["input: float32[?, ?, ?, ?]"]
    assert list(map(str, digits.outputs())) == ["float32[1, 10]"]


# ----------------------------------------------------------------------------------------------- refusals


WRONG = {
    "too few": (X,),
    "too many": (X, Y, Y),
    "None": (X, None),
    "None in a tuple": (X, (Y, None)),
    "text": (X, "text"),
    "bytes": (X, b"text"),
    "an object": (X, object()),
    "a function": (X, print),
    "a tuple": (X, (Y, Y)),
    "an empty tuple": ((), Y),
    "dtype": (X.astype("float64"), Y),
    "dtype of the same size": (X.view("int32"), Y),
    "rank": (X[0], Y),
    "extents that do not fit": (X[:, :3], Y),
    "complex": (X.astype("complex64"), Y),
    "dates": (X.astype("datetime64[s]"), Y),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_arguments(machine, case):
    with pytest.raises((tvm.TVMError, TypeError, ValueError)):
        machine.run(*WRONG[case])
    check(machine.run(X, Y))


def test_the_wrong_number_of_dimensions(machine):
    """The machine would compute a size of what is behind the shape, and end the process where that is huge."""
    for _ in range(50):
        junk = [tvm.array(np.full(size, 2**60)) for size in range(5)]
        del junk
        with pytest.raises(ValueError, match=r"'x' takes shape \('\?', '\?'\), got \(\)"):
            machine.run(np.float32(1), Y)
    check(machine.run(X.tolist(), Y.tolist()))


def test_wrong_arrays_and_modules(machine):
    closed = tvm.array(Y)
    closed.close()
    for wrong in (closed, machine.module, machine["main"], tvm.convert(print), tvm.ShapeTuple([4])):
        with pytest.raises((tvm.TVMError, TypeError, ValueError)):
            machine.run(X, wrong)
        with pytest.raises((tvm.TVMError, TypeError, ValueError)):
            machine.set_one_input("main", 1, wrong)
    check(machine.run(X, Y))


def test_an_input_that_was_never_set(machine):
    with pytest.raises(ValueError, match="lacks its input x, y"):
        machine.invoke("main")
    with pytest.raises(ValueError, match="lacks its input x, y"):
        machine.invoke_stateful("main")
    machine.set_one_input("main", "y", Y)
    with pytest.raises(ValueError, match="lacks its input x:"):
        machine.invoke("main")
    machine.set_one_input("main", "x", X)
    check(machine.invoke("main"))
    with pytest.raises(ValueError, match="invoke_stateful"):
        machine.get_outputs()


def test_wrong_places(machine):
    for key, error in (("nope", KeyError), ("", KeyError), (2, IndexError), (-1, IndexError), (2**40, IndexError)):
        with pytest.raises(error, match="it has x, y"):
            machine.set_one_input("main", key, X)
    for args, named in (((), {}), (("x",), {}), (("x", X, Y), {}), ((), {"x": X, "y": Y}), (("x", X), {"y": Y})):
        with pytest.raises(TypeError, match="set_one_input takes"):
            machine.set_one_input("main", *args, **named)
    with pytest.raises(TypeError):
        machine.set_one_input("main", 0.5, X)


def test_names_of_arguments(machine):
    with pytest.raises(TypeError, match="no parameter 'z'; it has x, y"):
        machine.run(X, z=Y)
    with pytest.raises(TypeError, match="x twice"):
        machine.run(X, x=X)


def test_no_such_function(machine):
    uses = [
        lambda name: machine[name],
        lambda name: machine.set_input(name, X, Y),
        lambda name: machine.set_one_input(name, "x", X),
        lambda name: machine.invoke(name),
        lambda name: machine.invoke_stateful(name),
        lambda name: machine.get_function_arity(name),
        lambda name: machine.get_input_index("x", name),
        lambda name: machine.outputs(name),
    ]
    for use in uses:
        for name in ("nope", ""):
            with pytest.raises(tvm.TVMAttributeError, match="it has main"):
                use(name)
        for name in (None, 3):
            with pytest.raises(TypeError, match="name"):
                use(name)


def test_made_of_wrong_things(models):
    executable = tvm.load_module(models / "machines" / "relay_tuple.so")
    relax = tvm.load_module(models / "digits" / "relax_vm.so")
    for wrong in (relax, executable["vm_load_executable"](), tvm.load_module(models / "digits" / "libdeploy.so")):
        with pytest.raises(tvm.TVMValueError, match="no executable of Relay"):
            tvm.VirtualMachine(wrong)
    with pytest.raises(tvm.TVMValueError, match="no executable of Relax"):
        tvm.RelaxVirtualMachine(executable)
    for wrong in (None, "relay.so", executable["get_stats"]):
        with pytest.raises(TypeError, match="Module"):
            tvm.VirtualMachine(wrong)
    with pytest.raises(ValueError, match="pooled"):
        tvm.VirtualMachine(executable, memory="plenty")
    for wrong in (1, "cpu", [], [None]):
        with pytest.raises(TypeError):
            tvm.VirtualMachine(executable, wrong)
    with pytest.raises(tvm.TVMError, match="cuda"):
        tvm.VirtualMachine(executable, tvm.cuda(0))


def test_another_version_says_so(run_python):
    code = (
        "import tvmbind as tvm\n"
        "try: tvm.load_model('models/digits/relay_vm.so')\n"
        "except tvm.TVMOSError as error: print(error)"
    )
    done = run_python(code, TVMBIND_LIBRARY=str(install.install("0.9")))
    assert "only the version of TVM that compiled it runs it. This is TVM 0.9" in done.stdout
