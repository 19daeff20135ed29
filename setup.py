"""What pyproject.toml cannot say: the CFFI module, the fast core, and the wheel's abi3 tag."""

import sys
import sysconfig
from pathlib import Path

from setuptools import Extension, setup

# One wheel serves every CPython from 3.9 on; PyPy and free-threaded CPython have no limited API.
abi3 = sys.implementation.name == "cpython" and not sysconfig.get_config_var("Py_GIL_DISABLED")

# Without it everything works, on CFFI alone: no reason for an installation to fail.
fast = Extension(
    "tvmbind._core._fast",
    sorted(f"csrc/{file.name}" for file in Path(__file__).parent.joinpath("csrc").glob("fast*.c")),
    include_dirs=["csrc"],
    depends=["csrc/fast.h", "csrc/tvmbind_c.h", "cdefs/c_runtime_api.h", "cdefs/tvmbind.h"],
    define_macros=[("Py_LIMITED_API", "0x03090000")],
    extra_compile_args=[] if sys.platform == "win32" else ["-O2", "-fvisibility=hidden"],
    py_limited_api=True,
    optional=True,
)

setup(
    cffi_modules=["build_ffi.py:ffibuilder"],
    ext_modules=[fast] if abi3 else [],
    options={"bdist_wheel": {"py_limited_api": "cp39"}} if abi3 else {},
)
