"""What ``import tvmbind`` costs: no numpy, no compiler of cffi's, no runtime, hardly any time."""

from __future__ import annotations

import os
import resource
import subprocess
import sys

import pytest

ALLOWED_MS = 15  # more than an empty Python, on a machine where that takes EMPTY_MS
EMPTY_MS = 10


def python(code, *flags):
    return subprocess.run([sys.executable, *flags, "-c", code], capture_output=True, text=True, check=True, timeout=60)


def test_what_it_loads():
    done = python(
        """
import sys
import tvmbind
print([name for name in ("numpy", "cffi", "pycparser", "tvm", "tvm_ffi", "ml_dtypes", "subprocess", "platformdirs",
    "concurrent.futures", "importlib.metadata") if name in sys.modules])
print([line for line in open("/proc/self/maps") if "libtvm" in line or "numpy" in line])
"""
    )
    assert done.stdout == "[]\n[]\n"
    assert done.stderr == ""


def test_what_the_first_use_loads():
    code = """
import sys
import tvmbind
tvmbind.NDArray
print([name for name in ("numpy", "cffi", "pycparser", "tvm", "tvm_ffi", "subprocess", "json", "platform",
    "platformdirs") if name in sys.modules])
"""
    assert python(code).stdout == "[]\n"


def test_names_are_there_at_first_use():
    code = """
import threading, tvmbind
start, found = threading.Barrier(8), []
def first():
    start.wait()
    found.append(tvmbind.load_module)
threads = [threading.Thread(target=first) for _ in range(8)]
[t.start() for t in threads]
[t.join() for t in threads]
print(len(found), len(set(found)), hasattr(tvmbind, "nope"), hasattr(tvmbind, "_nope"), tvmbind.library.__name__)
print(set(tvmbind.__all__) <= set(dir(tvmbind)), "__version__" in dir(tvmbind))
"""
    assert python(code).stdout == "8 1 False False tvmbind.library\nTrue True\n"


@pytest.mark.needs("containers")
def test_numpy_is_loaded_only_for_numpy(models):
    code = f"MODELS = {str(models)!r}" + """
import sys
import tvmbind as tvm
tvm.runtime_info()
f = tvm.convert(lambda *args: args[0] if args else None)
for value in (1, 2.5, "text", b"bytes", None, tvm.cpu(0), tvm.empty((2,)), [], {}, lambda: 0):
    f(value)
tvm.load_module(MODELS + "/myadd/libdeploy.so")["myadd"](*(tvm.empty((4,)) for _ in range(3)))
print("numpy" in sys.modules)
tvm.empty((2,)).numpy()
print("numpy" in sys.modules)
"""
    assert python(code).stdout == "False\nTrue\n"


def test_time(tmp_path):
    """Processor time, the least of several: what else the machine does slows some runs of each, but not all."""
    env = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    env["PYTHONPYCACHEPREFIX"] = str(tmp_path)

    def milliseconds(code):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, "-c", code], check=True, timeout=60, env=env)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) * 1e3

    milliseconds("import tvmbind")  # bytecode
    empty, full = [], []
    for _ in range(40):
        empty.append(milliseconds("pass"))
        full.append(milliseconds("import tvmbind"))
        allowed = ALLOWED_MS * max(1, min(empty) / EMPTY_MS)
        if len(full) >= 5 and min(full) - min(empty) < allowed:
            break
    assert min(full) - min(empty) < allowed


def test_every_public_name_is_there():
    code = """
import tvmbind
print([name for name in tvmbind.__all__ if not hasattr(tvmbind, name)])
print(len(set(tvmbind.__all__)) == len(tvmbind.__all__))
from tvmbind import *
print(load_module is tvmbind.load_module)
"""
    assert python(code).stdout == "[]\nTrue\nTrue\n"


def test_what_is_also_a_module_s_name_is_the_function():
    assert python("import tvmbind; print(tvmbind.device('cpu', 0))").stdout == "cpu(0)\n"


def test_version_is_the_package_s():
    from importlib.metadata import version

    import tvmbind

    assert tvmbind.__version__ == version("tvmbind")
