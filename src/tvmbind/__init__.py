"""tvmbind: run what TVM compiled, from Python, on whatever TVM runtime there is.

>>> import tvmbind as tvm
>>> lib = tvm.load_module("libdeploy.so")
>>> lib["myadd"](a, b, out)
"""

from . import graph_executor
from ._core import OpaqueHandle
from .container import ADT, Array, Map, Object, ShapeTuple, String
from .device import Device, cpu, cuda, device, ext_dev, hexagon, metal, opencl, rocm, vpi, vulkan, webgpu
from .dtype import DataType
from .errors import (
    InternalError,
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
)
from .executor import GraphModule
from .executor.inputs import TensorInfo
from .function import (
    PackedFunc,
    convert,
    get_global_func,
    list_global_func_names,
    register_func,
    remove_global_func,
)
from .library import RuntimeInfo, dlpack_version, load_runtime, runtime_info
from .module import BenchmarkResult, Module, load_module, system_lib
from .ndarray import NDArray, array, empty
from .params import load_param_dict, save_param_dict

__version__ = "0.1.0"

__all__ = [
    "ADT", "Array", "BenchmarkResult", "DataType", "Device", "GraphModule", "InternalError", "Map", "Module",
    "NDArray", "Object", "OpaqueHandle", "PackedFunc", "RuntimeInfo", "RuntimeNotFoundError", "ShapeTuple",
    "String", "TVMArithmeticError", "TVMAssertionError", "TVMAttributeError", "TVMError", "TVMIndexError",
    "TVMKeyError", "TVMMemoryError", "TVMNotImplementedError", "TVMOSError", "TVMTypeError", "TVMValueError",
    "TensorInfo", "array", "convert", "cpu", "cuda", "device", "dlpack_version", "empty", "ext_dev",
    "get_global_func", "graph_executor", "hexagon", "list_global_func_names", "load_module", "load_param_dict",
    "load_runtime", "metal", "opencl", "register_func", "remove_global_func", "rocm", "runtime_info",
    "save_param_dict", "system_lib", "vpi", "vulkan", "webgpu",
]  # fmt: skip
