"""What ``import tvmbind`` gives: loaded at the first use of any of it."""

from . import debug_executor, graph_executor
from ._core import OpaqueHandle
from .container import ADT, Array, Map, Object, ShapeTuple, String
from .device import Device, cpu, cuda, device, ext_dev, hexagon, metal, opencl, rocm, vpi, vulkan, webgpu
from .dtype import DataType
from .errors import (
    InternalError,
    PerformanceWarning,
    RuntimeNotFoundError,
    TVMArithmeticError,
    TVMAssertionError,
    TVMAttributeError,
    TVMError,
    TVMIndexError,
    TVMKeyError,
    TVMMemoryError,
    TVMNotImplementedError,
    TVMOSError,
    TVMTypeError,
    TVMValueError,
    ZeroCopyError,
)
from .executor import AotModule, GraphModule, GraphModuleDebug, RelaxVirtualMachine, VirtualMachine
from .executor.inputs import TensorInfo
from .function import (
    PackedFunc,
    convert,
    get_global_func,
    list_global_func_names,
    register_func,
    remove_global_func,
)
from .interchange import aligned_empty, asarray, from_dlpack
from .library import RuntimeInfo, dlpack_version, load_runtime, runtime_info
from .model import Model, load_model
from .module import Module, load_module, system_lib
from .ndarray import NDArray, array, empty
from .params import ParamFile, load_param_dict, save_param_dict
from .profiling.benchmark import BenchmarkResult

__all__ = [
    "ADT", "AotModule", "Array", "BenchmarkResult", "DataType", "Device", "GraphModule", "GraphModuleDebug",
    "InternalError", "Map", "Model", "Module", "NDArray", "Object", "OpaqueHandle", "PackedFunc", "ParamFile",
    "PerformanceWarning",
    "RelaxVirtualMachine", "RuntimeInfo", "RuntimeNotFoundError", "ShapeTuple", "String", "TVMArithmeticError",
    "TVMAssertionError", "TVMAttributeError", "TVMError", "TVMIndexError", "TVMKeyError", "TVMMemoryError",
    "TVMNotImplementedError", "TVMOSError", "TVMTypeError", "TVMValueError", "TensorInfo", "VirtualMachine",
    "ZeroCopyError", "aligned_empty", "array", "asarray", "convert", "cpu", "cuda", "debug_executor", "device",
    "dlpack_version", "empty", "ext_dev", "from_dlpack", "get_global_func", "graph_executor", "hexagon",
    "list_global_func_names", "load_model", "load_module", "load_param_dict", "load_runtime", "metal", "opencl",
    "register_func", "remove_global_func", "rocm", "runtime_info", "save_param_dict", "system_lib", "vpi", "vulkan",
    "webgpu",
]  # fmt: skip
