"""The modern generation, tvm-ffi: shared with the package tvm_ffi, and refused where it would crash.

Most of it in processes of their own, with libraries that are put together here: a libtvm_ffi that is named, one of
the installed package, one that does not fit.
"""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import tvmbind as tvm
from runtime_here import INFO, MODELS, ROOT
from tvmbind import install

pytestmark = pytest.mark.needs("modern runtime")
with_package = pytest.mark.skipif(
    importlib.util.find_spec("tvm_ffi") is None, reason="the package apache-tvm-ffi is not installed"
)
CLASSIC_ARTEFACT = str(ROOT / "models" / "myadd" / "libdeploy.so")
MYADD, PARALLEL, CALL_PACKED = (
    str(MODELS / name) for name in ("myadd/libdeploy.so", "kernels/parallel.so", "kernels/call_packed.so")
)
CAUGHT = """
import tvmbind as tvm
try:
    {}
except tvm.TVMError as error:
    print(type(error).__name__, error, sep=": ")
else:
    print("no error")
"""


def run(code, status=0, **env):
    """What a process of its own prints; nothing may go to standard error, and it must end well."""
    environment = {key: value for key, value in os.environ.items() if key != "TVMBIND_LIBRARY"}
    environment.update({key: str(value) for key, value in env.items()})
    done = subprocess.run(
        [sys.executable, "-X", "faulthandler", "-c", code],
        env=environment, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (status, ""), done.stdout + done.stderr
    return done.stdout


# ---------------------------------------------------------------------------------- with tvm_ffi's own Python

ORDERS = {
    "tvm_ffi first": "import tvm_ffi; import tvmbind as tvm",
    "tvm_ffi first, asked for": "import tvm_ffi; import tvmbind as tvm; tvm.load_runtime('tvm-ffi')",
    "tvmbind first": "import tvmbind as tvm; tvm.load_runtime('tvm-ffi'); import tvm_ffi",
    "both, then used": "import tvmbind as tvm; import tvm_ffi",
    "tvm_ffi in between": "import tvmbind as tvm; tvm.DataType('int8'); import tvm_ffi; tvm.load_runtime()",
}
SHARED = """
import gc, os, sys
import numpy as np

info = tvm.load_runtime()
assert info.abi == "tvm-ffi", info
loaded = {line.split()[-1] for line in open("/proc/self/maps") if line.rstrip().endswith("/libtvm_ffi.so")}
assert len(loaded) == 1, loaded
assert os.path.samefile(loaded.pop(), os.path.join(os.path.dirname(tvm_ffi.__file__), "lib", "libtvm_ffi.so"))
assert os.path.samefile(info.libraries[-1], os.path.join(os.path.dirname(tvm_ffi.__file__), "lib", "libtvm_ffi.so"))

def address(array):
    return (array.numpy() if isinstance(array, tvm.NDArray) else np.from_dlpack(array)).ctypes.data

# One registry.
tvm.register_func("tvmbind.test.ours", lambda *args: args[0] if args else None)
tvm_ffi.register_global_func("tvmbind.test.theirs", lambda *args: args[0] if args else None)
ours, theirs = tvm_ffi.get_global_func("tvmbind.test.ours"), tvm.get_global_func("tvmbind.test.theirs")
assert "tvmbind.test.theirs" in tvm.list_global_func_names()
assert {"tvmbind.test.ours", "tvmbind.test.theirs"} <= set(tvm_ffi.registry.list_global_func_names())
for value in (None, True, 0, -(2**63), 2.5, "", "text", "a longer text than seven", b"bytes"):
    for func in (ours, theirs):
        found = func(value)
        assert found == value and isinstance(found, type(value)), (func, value, found)
assert list(ours([1, "two"])) == list(theirs([1, "two"])) == [1, "two"]
assert dict(theirs({"a": 1})) == {"a": 1} and dict(ours({"a": 1}).items()) == {"a": 1}

# Arrays cross where they are.
x = tvm.array(np.arange(5, dtype="float32"))
assert address(theirs(x)) == address(x)
seen = []
tvm_ffi.register_global_func("tvmbind.test.see", lambda a: seen.append((a.data_ptr(), list(a.shape), str(a.dtype))))
tvm.get_global_func("tvmbind.test.see")(x)
assert seen == [(address(x), [5], "float32")], seen
y = tvm_ffi.from_dlpack(np.arange(6, dtype="int64").reshape(2, 3))
back = ours(y)
assert address(back) == address(y)
kept = []
tvm.register_func("tvmbind.test.keep", kept.append)
tvm_ffi.get_global_func("tvmbind.test.keep")(y)
assert address(kept[0]) == address(y) and kept[0].numpy().tolist() == [[0, 1, 2], [3, 4, 5]]
where = address(y)
del y, back
gc.collect()
assert address(kept[0]) == where and kept[0].numpy().tolist() == [[0, 1, 2], [3, 4, 5]]

# Functions as arguments and as results, both ways.
apply = tvm.convert(lambda f, *args: f(*args))
assert apply(tvm.get_global_func("tvmbind.test.theirs"), "through both") == "through both"
assert tvm_ffi.convert(lambda f: f(20) + 1)(tvm_ffi.convert(lambda n: 2 * n)) == 41
tvm.register_func("tvmbind.test.adder", lambda n: lambda m: n + m)
assert tvm_ffi.get_global_func("tvmbind.test.adder")(40)(2) == 42
tvm_ffi.register_global_func("tvmbind.test.their_adder", lambda n: lambda m: n + m)
assert tvm.get_global_func("tvmbind.test.their_adder")(40)(2) == 42
assert tvm_ffi.convert(lambda f: f(3))(ours) == 3

# Errors keep their kind, with clean messages.
class Own(Exception):
    pass

def clean(error, text):
    assert str(error) == text or error.args == (text,), repr(error)
    assert "Python exception #" not in repr(error) + str(error), repr(error)

def fail(kind):
    raise {"value": ValueError("of a value"), "key": KeyError("of a key"), "own": own, "os": OSError("of a file")}[kind]

own = Own("own")
tvm.register_func("tvmbind.test.fail", fail)
for kind, cls, text in (("value", ValueError, "of a value"), ("key", KeyError, "of a key")):
    try:
        tvm_ffi.get_global_func("tvmbind.test.fail")(kind)
    except cls as error:
        clean(error, text)
    else:
        raise AssertionError("no error")

def their_fail(kind):
    raise {"index": IndexError("of an index"), "type": TypeError("of a type"), "value": ValueError("two\\nlines")}[kind]

tvm_ffi.register_global_func("tvmbind.test.their_fail", their_fail)
for kind, cls, text in (
    ("index", IndexError, "of an index"), ("type", TypeError, "of a type"), ("value", ValueError, "two\\nlines"),
):
    try:
        tvm.get_global_func("tvmbind.test.their_fail")(kind)
    except cls as error:
        clean(error, text)
        assert isinstance(error, tvm.TVMError) and "their_fail" in error.backtrace, error.backtrace
    else:
        raise AssertionError("no error")

# An exception of ours, through their Python and back, is the same object.
their_call = tvm.convert(lambda: None)
tvm_ffi.register_global_func("tvmbind.test.their_call", lambda: tvm_ffi.get_global_func("tvmbind.test.fail")("own"))
for _ in range(3):
    try:
        tvm.get_global_func("tvmbind.test.fail")("own")
    except Own as error:
        assert error is own
    try:
        tvm.get_global_func("tvmbind.test.their_call")()
    except Own as error:
        assert error is own
    else:
        raise AssertionError("no error")
print("fine")
"""


@with_package
@pytest.mark.parametrize("order", ORDERS)
def test_one_process_with_tvm_ffi(order):
    environment = {} if order != "both, then used" else {"TVMBIND_LIBRARY": "tvm-ffi"}
    assert run(f"{ORDERS[order]}\n{SHARED}", XDG_DATA_HOME="/nowhere", **environment) == "fine\n"


@with_package
@pytest.mark.parametrize("order", ["tvm_ffi, tvmbind", "tvmbind, tvm_ffi"])
def test_imports_end_quietly(order):
    assert run(f"import {order}") == ""
    assert run(f"import {order}\nkept = tvmbind.convert(len), tvm_ffi.convert(len)", TVMBIND_LIBRARY="tvm-ffi") == ""


@with_package
def test_a_second_libtvm_ffi_is_never_opened(tmp_path):
    """Opening a copy of it ends the process: that of the package stays, whatever is named."""
    copy = tmp_path / "libtvm_ffi.so"
    copy.write_bytes(Path(package_library()).read_bytes())
    count = """
names = {line.split()[-1] for line in open("/proc/self/maps")}
print(sum(name.endswith("/libtvm_ffi.so") for name in names))
"""
    for statement in ("tvm.load_runtime()", f"tvm.load_runtime({str(copy)!r})"):
        *said, found = run(f"import tvm_ffi\n{CAUGHT.format(statement)}{count}", TVMBIND_LIBRARY=copy).splitlines()
        assert said == ["no error"] or "already has" in said[0]
        assert found == "1"


def package_library():
    (folder,) = importlib.util.find_spec("tvm_ffi").submodule_search_locations
    return os.path.join(folder, "lib", "libtvm_ffi.so")


# ------------------------------------------------------------------------------------- which runtime is taken


CHOSEN = "\nimport json; i = tvm.runtime_info(); print(json.dumps([i.abi, i.source, i.libraries, i.problem]))"


def chosen(code, **env):
    return json.loads(run(f"import tvmbind as tvm\n{code}{CHOSEN}", **env).splitlines()[-1])


@pytest.fixture(scope="module")
def classic():
    return str(install.install("0.9"))


@pytest.mark.parametrize("abi", ["classic", "tvm-ffi"])
def test_a_generation_by_name(abi, classic):
    if abi == "tvm-ffi" and importlib.util.find_spec("tvm_ffi") is None:
        pytest.skip("the package apache-tvm-ffi is not installed")
    assert chosen("", TVMBIND_LIBRARY=abi)[0] == abi
    assert chosen(f"tvm.load_runtime({abi!r})")[0] == abi
    assert chosen(f"tvm.load_runtime({abi!r})", TVMBIND_LIBRARY=INFO.path)[0] == abi
    assert chosen(f"tvm.load_runtime({abi!r}); tvm.load_runtime({abi!r})")[0] == abi


@with_package
@pytest.mark.parametrize(("artefact", "abi"), [(CLASSIC_ARTEFACT, "classic"), (MYADD, "tvm-ffi")])
def test_a_module_as_the_first_thing_chooses(artefact, abi, classic):
    code = f"""
import numpy as np
out = np.zeros(3, "float32")
tvm.load_module({artefact!r})["myadd"](np.ones(3, "float32"), np.ones(3, "float32"), out)
assert out.tolist() == [2, 2, 2]
"""
    assert chosen(code)[0] == abi


@with_package
def test_the_other_generation_afterwards_is_refused(classic):
    for first, second, path in (("tvm-ffi", "classic", classic), ("classic", "tvm-ffi", package_library())):
        for asked in (second, path):
            code = f"import tvmbind\ntvmbind.load_runtime({first!r})\n"
            said = run(code + CAUGHT.format(f"tvm.load_runtime({asked!r})"))
            assert said.startswith("TVMError: this process already has a TVM runtime"), said
            code = f"tvm.load_runtime({first!r})\ntry: tvm.load_runtime({asked!r})\nexcept tvm.TVMError: pass"
            assert chosen(f"{code}\nassert tvm.convert(lambda x: x + 1)(1) == 2")[0] == first


@with_package
def test_tvm_ffi_in_the_process_and_a_classic_artefact(classic):
    """What is there is used, but it does not stand in the way of a classic runtime that is asked for."""
    said = run(f"import tvm_ffi\n{CAUGHT.format(f'tvm.load_module({CLASSIC_ARTEFACT!r})')}")
    assert said == "no error\n" or "TVM 0.20 or older compiled it" in said, said


# ------------------------------------------------------------------------------------------- what is refused


def test_an_artefact_of_the_other_generation(classic):
    for library, artefact, made in (
        (classic, MYADD, "TVM 0.21 or newer"),
        (INFO.path, CLASSIC_ARTEFACT, "TVM 0.20 or older"),
    ):
        said = run(CAUGHT.format(f"tvm.load_module({artefact!r})"), TVMBIND_LIBRARY=library)
        assert said.startswith(f"TVMOSError: cannot load {artefact}: {made} compiled it"), said
        assert library in said


def test_a_parallel_kernel_without_a_thread_pool(tmp_path):
    """It would jump to a pointer that nobody filled in."""
    alone = tmp_path / "libtvm_ffi.so"
    alone.symlink_to(INFO.libraries[-1])
    said = run(CAUGHT.format(f"tvm.load_module({PARALLEL!r})"), TVMBIND_LIBRARY=alone)
    assert said.startswith(f"TVMOSError: cannot load {PARALLEL}: it runs in parallel"), said
    assert "pip install apache-tvm" in said
    assert run(CAUGHT.format(f"tvm.load_module({MYADD!r})"), TVMBIND_LIBRARY=alone) == "no error\n"


def test_a_kernel_that_needs_a_newer_libtvm_ffi():
    said = run(CAUGHT.format(f"tvm.load_module({CALL_PACKED!r})"), TVMBIND_LIBRARY=INFO.path)
    if INFO.has("TVMFFIHandleInitOnce"):
        assert said == "no error\n"
    else:
        assert said.startswith(f"TVMOSError: cannot load {CALL_PACKED}: it calls packed functions by name"), said
        assert "0.1.5 or newer" in said


LIBRARIES = {
    "of TVM 0.21": ("int TVMFFIFunctionCall(void) { return 0; } int TVMFFIErrorMoveFromRaised(void);", "TVM 0.21"),
    "no runtime": ("int f(void) { return 0; }", "is no TVM runtime"),
}


@pytest.mark.parametrize("case", LIBRARIES)
def test_a_library_that_is_none(tmp_path, case):
    code, said = LIBRARIES[case]
    (tmp_path / "source.c").write_text(code)
    file = tmp_path / "libtvm_ffi.so"
    subprocess.run(["gcc", "-shared", "-fPIC", tmp_path / "source.c", "-o", file], check=True)
    for how, env in (("tvm.runtime_info()", {"TVMBIND_LIBRARY": file}), (f"tvm.load_runtime({str(file)!r})", {})):
        text = run(CAUGHT.format(how), **env)
        assert text.startswith("RuntimeNotFoundError: ")
        assert said in text
        assert str(file) in text


# As a libtvm_runtime of another version: it needs a function that no libtvm_ffi has.
UNFITTING = """
extern int TVMFFINoSuchFunction(void);
int TVMFFIUse(void) { return TVMFFINoSuchFunction(); }
"""


@pytest.fixture
def unfitting(tmp_path):
    """A folder with this run's libtvm_ffi, and a libtvm_runtime that does not fit it."""
    (tmp_path / "source.c").write_text(UNFITTING)
    file = tmp_path / "libtvm_runtime.so"
    link = ["-L", os.path.dirname(INFO.libraries[-1]), "-Wl,--no-as-needed", "-l:libtvm_ffi.so"]
    subprocess.run(["gcc", "-shared", "-fPIC", tmp_path / "source.c", "-o", file, *link], check=True)
    (tmp_path / "libtvm_ffi.so").symlink_to(INFO.libraries[-1])
    return tmp_path


def test_a_runtime_that_does_not_fit(unfitting):
    named = unfitting / "libtvm_runtime.so"
    said = run(CAUGHT.format("tvm.runtime_info()"), TVMBIND_LIBRARY=named)
    assert said.startswith("RuntimeNotFoundError: ")
    assert f"does not fit libtvm_ffi {INFO.version}" in said
    assert "TVM 0.25 needs apache-tvm-ffi 0.1.12 or older" in said
    alone = unfitting / "libtvm_ffi.so"
    abi, _, libraries, problem = chosen("assert tvm.convert(lambda: 1)() == 1", TVMBIND_LIBRARY=alone)
    assert (abi, libraries) == ("tvm-ffi", [str(alone)])
    assert f"does not fit libtvm_ffi {INFO.version}" in problem
    said = run(CAUGHT.format(f"tvm.load_module({PARALLEL!r})"), TVMBIND_LIBRARY=alone)
    assert "it runs in parallel" in said
    assert "does not fit" in said


def test_the_real_runtime_of_025_does_not_fit_a_newer_libtvm_ffi(tmp_path):
    """Where `tools/test_matrix.py` has fetched both."""
    built = ROOT / "build" / "matrix"
    old, new = built / "TVM-0.25-tvm-ffi-0.1.12" / "libtvm_runtime.so", built / "tvm-ffi-0.1.16" / "libtvm_ffi.so"
    if not (old.exists() and new.exists()):
        pytest.skip("tools/test_matrix.py has not fetched TVM 0.25 and tvm-ffi 0.1.16")
    for file in (old, new):
        (tmp_path / file.name).symlink_to(file)
    said = run(CAUGHT.format("tvm.runtime_info()"), TVMBIND_LIBRARY=tmp_path / old.name)
    assert "does not fit libtvm_ffi 0.1.1" in said
    assert "needs apache-tvm-ffi 0.1.12 or older" in said
    abi, _, libraries, problem = chosen("", TVMBIND_LIBRARY=tmp_path / new.name)
    assert (abi, libraries) == ("tvm-ffi", [str(tmp_path / new.name)])
    assert "does not fit" in problem


# --------------------------------------------------------------------------------- what is gone says so


def test_there_is_no_graph_executor():
    graph = (ROOT / "models" / "many" / "deploy.json").read_text()
    with pytest.raises(tvm.TVMNotImplementedError, match=f"{INFO.title}.* has no graph executor"):
        tvm.graph_executor.create(graph, tvm.load_module(MYADD), tvm.cpu(0))


def test_params_of_a_classic_model_are_read():
    params = tvm.load_param_dict((ROOT / "models" / "many" / "deploy.params").read_bytes())
    ((_, weight),) = params.items()
    assert weight.numpy().tolist() == [[0.5, 1, 1.5], [2, 2.5, 3]]


def test_types_have_the_codes_of_dlpack_1():
    array = tvm.array(np.array([True, False]))
    assert (array.dtype, array.dtype.type_code, array.dtype.bits) == ("bool", 6, 8)
    assert array.numpy().dtype == np.dtype(bool)
    assert tvm.DataType("e4m3_float8") == "float8_e4m3fn"


def test_what_it_says_of_itself():
    assert INFO.libraries[0] == INFO.path
    assert INFO.has_runtime == (len(INFO.libraries) == 2)
    assert INFO.title == f"tvm-ffi {INFO.version}"
    assert INFO.evidence == f"TVMFFIGetVersion says {INFO.version}"
    assert INFO.minor == 22
    assert INFO.problem == ""


@with_package
def test_text_with_a_nul_is_never_cut():
    """A long one is an object of tvm-ffi's, a short one is not, and comes as bytes."""
    code = """
import tvm_ffi, tvmbind as tvm
kept = []
tvm_ffi.register_global_func("test.text", lambda long: "longer\\0than seven" if long else "a\\0b")
tvm.register_func("test.keep", lambda value: kept.append(value))
print([tvm.get_global_func("test.text")(long) for long in (True, False)])
for text in ("longer\\0than seven", "a\\0b"):
    tvm_ffi.get_global_func("test.keep")(text)
print(kept)
"""
    assert run(code).splitlines() == [repr(["longer\0than seven", b"a\0b"])] * 2
