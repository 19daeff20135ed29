"""``Device``: where an array lives or a kernel runs, by TVM's type number and an index.

Names and numbers live here and nowhere else. Source: dlpack.h and TVM's ``runtime/c_runtime_api.h``.
"""

from __future__ import annotations

from typing import Any, NamedTuple, Optional, Union

# Numbers that never changed.
_NUMBERS = {
    "cpu": 1, "cuda": 2, "cuda_host": 3, "opencl": 4, "vulkan": 7, "metal": 8, "vpi": 9, "rocm": 10,
    "ext_dev": 12, "webgpu": 15,
}  # fmt: skip
# DLPack 0.7 renumbered these at TVM 0.11: name -> (number before, number from 0.11 on).
_MOVED = {"aocl": (5, 32), "opengl": (11, 34), "microdev": (13, 35), "hexagon": (14, 16)}
_ALIASES = {
    "llvm": "cpu", "c": "cpu", "stackvm": "cpu", "host": "cpu", "gpu": "cuda", "nvptx": "cuda", "cl": "opencl",
    "sdaccel": "opencl", "mtl": "metal",
}  # fmt: skip
# A device behind an RPC session has 128 * (session + 1) added to its type (kRPCSessMask).
_RPC_SESSION = 128
# TVM's DeviceAttrKind (runtime/device_api.h).
_ATTRIBUTES = {
    "exist": 0, "max_threads_per_block": 1, "warp_size": 2, "max_shared_memory_per_block": 3,
    "compute_version": 4, "device_name": 5, "max_clock_rate": 6, "multi_processor_count": 7,
    "max_thread_dimensions": 8, "max_registers_per_block": 9, "gcn_arch": 10, "api_version": 11,
    "driver_version": 12, "l2_cache_size_bytes": 13, "total_global_memory": 14, "available_global_memory": 15,
}  # fmt: skip


class Device(NamedTuple):
    """A device: its DLPack type number and its index. Compares and hashes by both.

    The attributes below ask the runtime. Each is None where the device or this TVM does not say.

    Attributes
    ----------
    exist : bool
        Whether this runtime can use the device; never an error.
    device_name, compute_version : str or None
    max_threads_per_block, warp_size, max_shared_memory_per_block : int or None
        The last in bytes.
    max_clock_rate : int or None
        In kHz.
    multi_processor_count, max_registers_per_block, api_version : int or None
    max_thread_dimensions : list of int or None
    l2_cache_size_bytes, total_global_memory, available_global_memory : int or None
        In bytes.
    """

    device_type: int
    device_id: int

    @property
    def name(self) -> str:
        """The device's type by name: ``"cpu"``, ``"cuda"``, ..."""
        number = self.device_type % _RPC_SESSION
        names = {**{v: k for k, v in _NUMBERS.items()}, **{_current(k): k for k in _MOVED}}
        return names.get(number, f"device[{number}]")

    def sync(self, stream: int = 0) -> None:
        """Waits until everything that was queued on the device (or on a stream of it) is done.

        Parameters
        ----------
        stream : int, optional
            A stream's handle; 0 is the device's default.

        Raises
        ------
        TVMError
            If the device is not there.
        """
        from ._core import check
        from ._tvm import ffi, lib
        from .library import load_runtime

        load_runtime()
        check(lib.TVMSynchronize(self.device_type, self.device_id, ffi.cast("void *", stream)))

    def _attribute(self, name: str) -> Any:
        from .function import get_global_func

        ask = get_global_func("runtime.GetDeviceAttr", allow_missing=True)
        return None if ask is None else ask(self.device_type, self.device_id, _ATTRIBUTES[name])

    def __str__(self) -> str:
        remote = self.device_type // _RPC_SESSION
        prefix = f"remote[{remote - 1}]:" if remote else ""
        return f"{prefix}{self.name}({self.device_id})"

    def __repr__(self) -> str:
        return f"Device({str(self)})" if "[" in str(self) else f"device({self.name!r}, {self.device_id})"


def _attribute_property(name: str) -> property:
    if name == "exist":
        return property(lambda self: bool(self._attribute("exist")), doc="Whether the runtime can use the device.")
    if name == "max_thread_dimensions":
        return property(lambda self: _numbers(self._attribute(name)), doc="The largest block, per dimension.")

    def read(self: Device) -> Any:
        return self._attribute(name) if self.exist else None

    return property(read, doc=f"TVM's ``{name}``, or None where the device does not say.")


def _numbers(text: Optional[str]) -> Optional[list[int]]:
    return [int(part) for part in text.strip("[] ").split(",")] if text else None


for _attribute_name in _ATTRIBUTES:
    setattr(Device, _attribute_name, _attribute_property(_attribute_name))


def _current(name: str) -> int:
    """The number of a device type that was renumbered, in the runtime of this process."""
    from .library import known_runtime

    before, after = _MOVED[name]
    info = known_runtime()
    return before if info is not None and not info.has("devices of DLPack 0.7") else after


def device(dev: Union[str, int, Device], index: Optional[int] = None) -> Device:
    """A device by name or number.

    Parameters
    ----------
    dev : str or int or Device
        ``"cuda"``, ``"cuda:1"``, ``"cpu"`` or a target's name such as ``"llvm"``; or a DLPack type number.
    index : int, optional
        Which one; 0 if neither this nor the name says.

    Raises
    ------
    ValueError
        If there is no such device type.
    """
    if isinstance(dev, Device):
        return dev if index is None else Device(dev.device_type, index)
    if isinstance(dev, int):
        return Device(dev, index or 0)
    if not isinstance(dev, str):
        raise TypeError(f"expected a device's name or number, got {type(dev).__name__}")
    name, _, number = dev.split()[0].partition(":") if dev.strip() else ("", "", "")
    name = name.lower()
    name = _ALIASES.get(name, name)
    if number and not number.isdigit():
        raise ValueError(f"{dev!r} names no device: expected a form such as 'cuda:1'")
    if name in _MOVED:
        return Device(_current(name), index if index is not None else int(number or 0))
    if name not in _NUMBERS:
        known = ", ".join(sorted((*_NUMBERS, *_MOVED)))
        raise ValueError(f"{dev!r} names no device that TVM knows; there are: {known}")
    return Device(_NUMBERS[name], index if index is not None else int(number or 0))


def cpu(index: int = 0) -> Device:
    """The host's processor."""
    return Device(1, index)


def cuda(index: int = 0) -> Device:
    """An NVIDIA GPU."""
    return Device(2, index)


def opencl(index: int = 0) -> Device:
    """An OpenCL device."""
    return Device(4, index)


def vulkan(index: int = 0) -> Device:
    """A Vulkan device."""
    return Device(7, index)


def metal(index: int = 0) -> Device:
    """An Apple GPU."""
    return Device(8, index)


def vpi(index: int = 0) -> Device:
    """A simulated Verilog device."""
    return Device(9, index)


def rocm(index: int = 0) -> Device:
    """An AMD GPU."""
    return Device(10, index)


def ext_dev(index: int = 0) -> Device:
    """An extension device."""
    return Device(12, index)


def webgpu(index: int = 0) -> Device:
    """A WebGPU device."""
    return Device(15, index)


def hexagon(index: int = 0) -> Device:
    """A Hexagon processor."""
    return device("hexagon", index)
