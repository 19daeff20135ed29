"""TVM's own Python in the same process: one runtime, one registry, arrays where they are.

Where the package tvm is installed and its library is the runtime of this run; tools/test_matrix.py has two such rows.
"""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

from runtime_here import INFO, MODELS, ROOT

_FOUND = importlib.util.find_spec("tvm")
_FOLDERS = [Path(folder) for folder in (_FOUND and _FOUND.submodule_search_locations) or ()]
pytestmark = pytest.mark.skipif(
    not any(folder in Path(INFO.path).parents for folder in _FOLDERS),
    reason="the runtime is not that of an installed package tvm",
)
ORDERS = {
    "tvm first": "import tvm; import tvmbind",
    "tvm first, nothing said": "import tvm, os; del os.environ['TVMBIND_LIBRARY']; import tvmbind",
    "tvmbind first": "import tvmbind; tvmbind.load_runtime(); import tvm",
}
THEIR_NAMES = {
    "classic": """
register, array = tvm.register_func, tvm.nd.array
def address(x): return x.handle.contents.data
""",
    "tvm-ffi": """
import tvm_ffi
register, array = tvm_ffi.register_global_func, tvm.runtime.tensor
def address(x): return x.data_ptr()
""",
}[INFO.abi]
SHARED = """
import gc, os
import numpy as np

info = tvmbind.load_runtime()
get, our_get = tvm.get_global_func, tvmbind.get_global_func
assert os.path.dirname(tvm.__file__) in info.path, info

# One registry: what either side registers, the other calls.
tvmbind.register_func("tvmbind.test.ours", lambda *args: args[0] if args else None)
register("tvmbind.test.theirs", lambda *args: args[0] if args else None)
assert {"tvmbind.test.ours", "tvmbind.test.theirs"} <= set(tvmbind.list_global_func_names())
for value in (None, 0, -(2**63), 2.5, "", "text", "a longer text than seven"):
    for func in (get("tvmbind.test.ours"), our_get("tvmbind.test.theirs")):
        assert func(value) == value, (func, value)

# Functions as arguments and as results.
tvmbind.register_func("tvmbind.test.adder", lambda n: lambda m: n + m)
register("tvmbind.test.their_adder", lambda n: tvm.runtime.convert(lambda m: n + m))
assert get("tvmbind.test.adder")(40)(2) == our_get("tvmbind.test.their_adder")(40)(2) == 42
tvmbind.register_func("tvmbind.test.apply", lambda f, x: f(x))
assert get("tvmbind.test.apply")(tvm.runtime.convert(lambda n: 2 * n), 21) == 42

# Arrays stay where they are.
seen = []
tvmbind.register_func("tvmbind.test.see", lambda a: seen.append(a.numpy().ctypes.data) or a)
x = array(np.arange(5, dtype="float32"))
back = get("tvmbind.test.see")(x)
assert seen == [address(x)] == [address(back)]
where = address(x)
del x
gc.collect()
assert address(back) == where and back.numpy().tolist() == [0, 1, 2, 3, 4]
seen.clear()
register("tvmbind.test.their_see", lambda a: seen.append(address(a)) or a)
y = tvmbind.array(np.arange(6, dtype="int64").reshape(2, 3))
back = our_get("tvmbind.test.their_see")(y)
assert seen == [y.numpy().ctypes.data] == [back.numpy().ctypes.data]

# Errors keep their kind; what is Python's on both ways is the same object where TVM can carry it.
class Own(Exception):
    pass

own, theirs = Own("own"), ValueError("theirs")
def fail(kind):
    raise own if kind == "own" else IndexError("of an index")
def their_fail():
    raise theirs
tvmbind.register_func("tvmbind.test.fail", fail)
register("tvmbind.test.their_fail", their_fail)
register("tvmbind.test.their_call", lambda: get("tvmbind.test.fail")("own"))
for func in (get, our_get):
    try:
        func("tvmbind.test.fail")("index")
    except IndexError as error:
        assert "of an index" in str(error)
    else:
        raise AssertionError("no error")
try:
    our_get("tvmbind.test.their_fail")()
except ValueError as error:
    assert (error is theirs) == info.has("TVMGetLastPythonError") and "theirs" in str(error), repr(error)
else:
    raise AssertionError("no error")
try:
    our_get("tvmbind.test.their_call")()
except Own as error:
    assert error is own
else:
    raise AssertionError("no error")

# A module of either side's.
out = tvmbind.empty((3,))
tvmbind.load_module(myadd)["myadd"](np.float32([1, 2, 3]), np.float32([10, 20, 30]), out)
a, b, c = (array(np.float32([1, 2, 3])) for _ in range(3))
tvm.runtime.load_module(myadd)["myadd"](a, b, c)
assert out.numpy().tolist() == [11, 22, 33] and c.numpy().tolist() == [2, 4, 6]
print("fine")
"""


@pytest.mark.parametrize("order", ORDERS)
def test_one_process_with_tvms_python(order):
    myadd = f"myadd = {str(MODELS / 'myadd' / 'libdeploy.so')!r}"
    done = subprocess.run(
        [sys.executable, "-X", "faulthandler", "-c", "\n".join((ORDERS[order], THEIR_NAMES, myadd, SHARED))],
        env={**os.environ, "TVMBIND_LIBRARY": INFO.path, "XDG_DATA_HOME": "/nowhere"},
        cwd=ROOT, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (0, "fine\n", "")


def test_its_library_is_found_without_importing_it():
    code = f"""
import sys, tvmbind
print(tvmbind.load_runtime({INFO.abi!r}).path, "tvm" in sys.modules, "tvm_ffi" in sys.modules)
"""
    env = {key: value for key, value in os.environ.items() if key != "TVMBIND_LIBRARY"}
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**env, "XDG_DATA_HOME": "/nowhere"}, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    path, *imported = done.stdout.split()
    assert Path(path).name == "libtvm_runtime.so"
    assert any(folder in Path(path).parents for folder in _FOLDERS)
    assert imported == ["False", "False"]
