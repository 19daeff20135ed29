"""Device: names, numbers, and what the runtime says of one."""

from __future__ import annotations

import pickle

import pytest

import tvmbind as tvm
from runtime_here import can, has_global
from tvmbind import Device

NUMBERS = {
    "cpu": 1, "cuda": 2, "opencl": 4, "vulkan": 7, "metal": 8, "vpi": 9, "rocm": 10, "ext_dev": 12,
    "webgpu": 15,
}  # fmt: skip


@pytest.mark.parametrize("name", NUMBERS)
def test_makers(name):
    device = getattr(tvm, name)(1)
    assert device == (NUMBERS[name], 1)
    assert (device.device_type, device.device_id) == (NUMBERS[name], 1)
    assert device == tvm.device(name, 1) == tvm.device(f"{name}:1") == tvm.device(NUMBERS[name], 1)
    assert getattr(tvm, name)() == tvm.device(name) == tvm.device(NUMBERS[name])
    assert device.name == name
    assert str(device) == f"{name}(1)"
    assert repr(device) == f"device('{name}', 1)"
    assert eval(repr(device), {"device": tvm.device}) == device
    assert tvm.device(device) is device
    assert tvm.device(device, 2) == getattr(tvm, name)(2)


@pytest.mark.parametrize(
    ("alias", "name"), [("llvm", "cpu"), ("c", "cpu"), ("gpu", "cuda"), ("cl", "opencl"), ("mtl", "metal"),
                        ("llvm -mcpu=core-avx2", "cpu"), ("cuda -arch=sm_80", "cuda"),
                        ("CUDA", "cuda"), (" cpu ", "cpu")],
)  # fmt: skip
def test_aliases(alias, name):
    assert tvm.device(alias, 3) == tvm.device(name, 3)


def test_equality_and_hash():
    assert tvm.cpu(0) == tvm.cpu()
    assert tvm.cpu(0) != tvm.cpu(1)
    assert tvm.cpu(0) != tvm.cuda(0)
    assert len({tvm.cpu(), tvm.cpu(0), tvm.device("llvm"), tvm.cuda()}) == 2
    assert pickle.loads(pickle.dumps(tvm.cuda(3))) == tvm.cuda(3)


@pytest.mark.parametrize("name", ["", "  ", "nope", "cpu:x", "cpu:-1", ":1", "cpu0", "cuda:1:2"])
def test_no_device(name):
    with pytest.raises(ValueError, match="names no device"):
        tvm.device(name)


@pytest.mark.parametrize("value", [None, 1.5, b"cpu", ["cpu"]])
def test_a_device_is_named_by_str_or_int(value):
    with pytest.raises(TypeError, match="device"):
        tvm.device(value)


def test_renumbered_devices():
    """DLPack 0.7 moved Hexagon from 14 to 16, at TVM 0.11."""
    tvm.load_runtime()
    expected = 16 if tvm.runtime_info().has("devices of DLPack 0.7") else 14
    assert tvm.hexagon(0).device_type == expected
    assert tvm.hexagon(0).name == "hexagon"


def test_remote_and_unknown_devices():
    assert str(Device(128 + 2, 1)) == "remote[0]:cuda(1)"
    assert str(Device(77, 0)) == "device[77](0)"
    assert "77" in repr(Device(77, 0))


# --------------------------------------------------------------------------------------- asked of the runtime


def test_the_processor_is_there():
    assert tvm.cpu().exist is True
    assert tvm.cpu().sync() is None


@pytest.mark.parametrize("device", [tvm.cuda(0), tvm.vulkan(0), tvm.metal(0), tvm.cuda(99)])
def test_a_device_that_this_runtime_has_not(device):
    assert device.exist is False
    for attribute in (
        "device_name",
        "max_threads_per_block",
        "warp_size",
        "total_global_memory",
        "compute_version",
    ):
        assert getattr(device, attribute) is None
    assert device.max_thread_dimensions is None


@pytest.mark.parametrize("number", [0, -1, 37, 77, 127, 2**31 - 1, -(2**31)])
def test_a_device_type_that_no_tvm_has(number):
    """The runtime's table of devices has no such place, and it does not look."""
    device = Device(number, 0)
    questions = (lambda: device.exist, lambda: device.warp_size)
    # A device of another process's, and nobody to ask for it.
    if number > 128 and (not has_global("device_api.rpc") or not can("containers")):
        assert [ask() for ask in questions] == [False, None]
        questions = ()
    for use in (*questions, device.sync, lambda: tvm.empty((2,), device=device)):
        with pytest.raises(tvm.TVMError):
            use()


def test_waiting_for_a_device_that_is_not_there():
    with pytest.raises(tvm.TVMError, match=r"cuda|gpu" if can("libtvm_runtime") else r"libtvm_runtime\.so has it"):
        tvm.cuda(0).sync()


ATTRIBUTES = [
    "max_threads_per_block", "warp_size", "max_shared_memory_per_block", "compute_version", "device_name",
    "max_clock_rate", "multi_processor_count", "max_thread_dimensions", "max_registers_per_block", "gcn_arch",
    "api_version", "driver_version", "l2_cache_size_bytes", "total_global_memory", "available_global_memory",
]  # fmt: skip


@pytest.mark.parametrize("attribute", ATTRIBUTES)
def test_attributes_of_the_processor(attribute):
    value = getattr(tvm.cpu(), attribute)
    assert value is None or isinstance(value, (int, str, list))
