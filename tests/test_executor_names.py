"""Method names of TVM's own Python classes that the other tests do not call."""

from __future__ import annotations

import numpy as np
import pytest

import tvmbind as tvm
from runtime_here import INFO, can

pytestmark = pytest.mark.needs("libtvm_runtime")
X = np.arange(12, dtype="float32").reshape(3, 4)

# The public methods of tvm.contrib.graph_executor.GraphModule, tvm.runtime.executor.AotModule, tvm.runtime.vm and
# tvm.runtime.relax_vm (TVM 0.16), and of tvm.runtime.vm (TVM 0.27).
NAMES = {
    tvm.GraphModule: (
        "set_input set_input_zero_copy set_output_zero_copy run get_num_outputs get_num_inputs get_input "
        "get_input_index get_input_info get_output debug_get_output load_params share_params __getitem__ benchmark"
    ),
    tvm.AotModule: (
        "set_input run get_num_outputs get_num_inputs get_input get_input_index get_output get_input_name "
        "get_input_info"
    ),
    tvm.VirtualMachine: (
        "set_input set_one_input invoke run invoke_stateful invoke_with_outputs get_outputs get_input_index benchmark"
    ),
    tvm.RelaxVirtualMachine: (
        "__getitem__ invoke_closure save_function set_input invoke_stateful get_outputs set_instrument time_evaluator "
        "profile"
    ),
}


@pytest.mark.parametrize("kind", NAMES)
def test_every_method_of_tvm_s_is_there(kind):
    assert [name for name in NAMES[kind].split() if not callable(getattr(kind, name, None))] == []


@pytest.mark.needs("Relax VM")
def test_time_evaluator_of_a_machine(models):
    with tvm.RelaxVirtualMachine(tvm.load_module(models / "machines" / "relax_identity.so")) as machine:
        assert 0 <= machine.time_evaluator("main", number=2, repeat=3)(X).min < 1
        with pytest.raises(ValueError, match="shape"):
            machine.time_evaluator("main")(X[:, :3])
        machine.save_function("main", "saved", X)
        assert len(machine.time_evaluator("saved", tvm.cpu(), number=1, repeat=2)().results) == 2
        machine.set_input("main", X)
        assert machine.time_evaluator("invoke_stateful")("main").mean < 1


@pytest.mark.needs("Relax VM")
def test_an_instrument_sees_every_call(models):
    machine = tvm.RelaxVirtualMachine(tvm.load_module(models / "machines" / "relax_nested.so"))
    y, seen = np.ones(4, "float32"), []
    machine.set_instrument(lambda func, name, before, result, *args: seen.append((name, bool(before))))
    before = machine["main"](X, y)
    assert ("vm.builtin.match_shape", True) in seen
    assert len(seen) == 2 * sum(when for _, when in seen)
    machine.set_instrument(None)
    seen.clear()
    np.testing.assert_array_equal(machine["main"](X, y)[0].numpy(), before[0].numpy())
    assert seen == []
    with pytest.raises(TypeError, match="expected a function"):
        machine.set_instrument(3)


@pytest.mark.skipif(INFO.minor != 16, reason="a Relay VM's model runs on the version of TVM that compiled it only")
def test_invoke_with_outputs(models):
    machine = tvm.VirtualMachine(tvm.load_module(models / "machines" / "relay_tuple.so"))
    y, targets = np.arange(4, dtype="int32"), [np.empty((3, 4), "float32"), tvm.empty((4,), "int32"), None]
    for args in ({"x": X, "y": y}, None):
        machine.invoke_with_outputs("main", args, targets)
        np.testing.assert_array_equal(targets[0], X + y)
        np.testing.assert_array_equal(targets[1].numpy(), y * 2)
        targets[0][:] = 0
    machine.invoke("main")
    assert not targets[0].any()
    with pytest.raises(ValueError, match="tensors"):
        machine.invoke_with_outputs("main", None, targets[:1])


@pytest.mark.needs("AOT executor")
def test_input_info_of_aot(models):
    model = tvm.load_model(models / "digits" / "aot.so").executor
    if INFO.minor < 12:
        with pytest.raises(tvm.TVMNotImplementedError):
            model.get_input_info()
    else:
        assert model.get_input_info() == ({"input": (1, 1, 8, 8)}, {"input": "float32"})


@pytest.mark.needs("graph executor")
def test_run_from_inputs(models):
    files = [models / "digits" / name for name in ("libdeploy.so", "deploy.json", "deploy.params")]
    model, x = tvm.load_model(*files).executor, np.ones((1, 1, 8, 8), "float32")
    (first,) = model.run_from_inputs({"input": x})
    (second,) = model.run_from_inputs({"input": x * 0}, tvm.cpu())
    model.run(input=x)
    np.testing.assert_array_equal(first.numpy(), model.get_output(0).numpy())
    assert (second.numpy() != first.numpy()).any()


@pytest.mark.needs("graph executor")
def test_zero_copy_by_tvm_s_names(models):
    files = [models / "digits" / name for name in ("libdeploy.so", "deploy.json", "deploy.params")]
    model = tvm.load_model(*files).executor
    x, y = tvm.aligned_empty((1, 1, 8, 8)), tvm.aligned_empty((1, 10))
    x[:] = 0.5
    try:
        model.set_input_zero_copy("input", x)
        model.set_output_zero_copy(0, y)
    except tvm.ZeroCopyError:
        assert not can("128-byte alignment")
        assert INFO.minor < 8
        return
    model.run()
    np.testing.assert_array_equal(y, model.get_output(0).numpy())
    assert abs(y.sum() - 1) < 1e-5
    x[:] = 0
    model.run()
    assert abs(y.sum() - 1) < 1e-5
    with pytest.raises(tvm.ZeroCopyError):
        model.set_input_zero_copy(input=x[:, :, ::-1])
