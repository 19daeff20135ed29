"""``Device``: where an array lives or a kernel runs, by TVM's type number and an index.

Names and numbers live here and nowhere else. Source: dlpack.h and TVM's ``runtime/c_runtime_api.h``.
"""

from __future__ import annotations

from typing import Any, NamedTuple, Optional, Union

from .errors import TVMValueError

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
# The highest number of a type on this machine; the runtime's table of devices has no room for more.
_LAST = 36
def _attribute(kind: int, doc: str) -> Any:
    """A property that asks the runtime: TVM's DeviceAttrKind (runtime/device_api.h)."""

    def read(self: Device) -> Any:
        return self._ask(kind) if self.exist else None

    return property(read, doc=doc)


class _Numbers(NamedTuple):
    device_type: int
    device_id: int


class Device(_Numbers):
    """A device: its DLPack type number and its index. Compares and hashes by both.

    The attributes ask the runtime; each is None where the device or this TVM does not say.
    """

    __slots__ = ()

    max_threads_per_block = _attribute(1, "How many threads a block may have.")
    warp_size = _attribute(2, "How many threads run in step.")
    max_shared_memory_per_block = _attribute(3, "In bytes.")
    compute_version = _attribute(4, "Such as ``'8.6'``.")
    device_name = _attribute(5, "As its maker calls it.")
    max_clock_rate = _attribute(6, "In kHz.")
    multi_processor_count = _attribute(7, "How many multiprocessors.")
    max_registers_per_block = _attribute(9, "How many registers a block may have.")
    gcn_arch = _attribute(10, "An AMD GPU's architecture.")
    api_version = _attribute(11, "Of the device's interface.")
    driver_version = _attribute(12, "Of the driver.")
    l2_cache_size_bytes = _attribute(13, "In bytes.")
    total_global_memory = _attribute(14, "In bytes.")
    available_global_memory = _attribute(15, "In bytes, now.")

    @property
    def exist(self) -> bool:
        """Whether this runtime can use the device; an error only for a type that no TVM has."""
        return bool(self._ask(0))

    @property
    def max_thread_dimensions(self) -> Optional[list[int]]:
        """The largest block, per dimension."""
        text = self._ask(8) if self.exist else None
        return [int(part) for part in text.strip("[] ").split(",")] if text else None

    @property
    def name(self) -> str:
        """The device's type by name: ``"cpu"``, ``"cuda"``, ..."""
        number = self.device_type % _RPC_SESSION
        names = {**{v: k for k, v in _NUMBERS.items()}, **{_current(k): k for k in _MOVED}}
        return names.get(number, f"device[{number}]")

    def _check(self) -> None:
        # The runtime takes the number for an index of a table, and does not look whether it is in it.
        if not 1 <= self.device_type <= _LAST and self.device_type < _RPC_SESSION:
            raise TVMValueError(f"{self!r} is no device of TVM's: there is no device type {self.device_type}")

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

        self._check()
        load_runtime()
        check(lib.TVMSynchronize(self.device_type, self.device_id, ffi.cast("void *", stream)))

    def _ask(self, kind: int) -> Any:
        from .function import get_global_func

        self._check()
        ask = get_global_func("runtime.GetDeviceAttr", allow_missing=True)
        if ask is None:  # libtvm_ffi alone knows no devices, and needs none for the host
            return int(self.device_type == 1 and kind == 0) or None
        return ask(self.device_type, self.device_id, kind)

    def __str__(self) -> str:
        remote = self.device_type // _RPC_SESSION
        prefix = f"remote[{remote - 1}]:" if remote else ""
        return f"{prefix}{self.name}({self.device_id})"

    def __repr__(self) -> str:
        return f"Device({self!s})" if "[" in str(self) else f"device({self.name!r}, {self.device_id})"


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
