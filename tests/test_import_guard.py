"""Packages of TVM's own Python, imported after tvmbind has a runtime: what would end the process is refused.

The packages are put together here, of real libraries, which they open as TVM's do. Each test in its own process.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

import pytest

import tvmbind
from runtime_here import INFO
from tvmbind import install

classic = pytest.mark.needs("classic runtime")
modern = pytest.mark.needs("modern runtime")
PACKAGE = """
import ctypes, os
names = ["libtvm_ffi.so", "libtvm.so", "libtvm_runtime.so"]
if "TVM_USE_RUNTIME_LIB" in os.environ:
    names.remove("libtvm.so")
files = [os.path.join(os.path.dirname(__file__), "lib", name) for name in names]
ctypes.CDLL(next(filter(os.path.exists, files)), ctypes.RTLD_GLOBAL)
"""
IMPORTED = """
import importlib.util
import tvmbind
tvmbind.load_runtime()
print(importlib.util.find_spec({name!r}) is not None)
for _ in range(2):
    try:
        import {name}
    except ImportError as error:
        print(error.name, error, sep=": ")
    else:
        print("imported")
print(tvmbind.convert(lambda x: x + 1)(1))
"""


@pytest.fixture
def after(tmp_path):
    """Imports a package of these libraries, in a process that has this run's runtime; what that says, and prints."""

    def after(name, libraries, **env):
        folder = tmp_path / name / "lib"
        folder.mkdir(parents=True)
        (folder.parent / "__init__.py").write_text(PACKAGE)
        for library, file in libraries.items():
            (folder / library).symlink_to(file)
        present = INFO.libraries[-1 if name == "tvm_ffi" else 0]
        env = {**os.environ, "TVMBIND_LIBRARY": present, "PYTHONPATH": str(tmp_path), **env}
        command = [sys.executable, "-c", IMPORTED.format(name=name)]
        done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=60, check=False)
        assert (done.returncode, done.stderr) == (0, "")
        found, *said, works = done.stdout.splitlines()
        assert (found, works) == ("True", "2")
        assert said[0] == said[1]
        return said[0], folder

    return after


def copy_of(file, folder):
    return shutil.copy(file, folder / "copy.so")


@classic
def test_another_runtime(after):
    other = install.install("0.9" if INFO.version != "0.9" else "0.8")
    said, folder = after("tvm", {"libtvm_runtime.so": other})
    assert said.startswith(f"tvm: importing tvm would end this process: it opens {folder / 'libtvm_runtime.so'}")
    assert INFO.path in said


@classic
def test_the_same_runtime(after):
    assert after("tvm", {"libtvm_runtime.so": INFO.path})[0] == "imported"


@classic
def test_the_whole_of_tvm_where_the_runtime_was_taken(after, tmp_path):
    libraries = {"libtvm_runtime.so": INFO.path, "libtvm.so": copy_of(INFO.path, tmp_path)}
    said, folder = after("tvm", libraries)
    assert f"it opens {folder / 'libtvm.so'}" in said


@classic
def test_the_whole_of_tvm_where_only_the_runtime_is_asked_for(after, tmp_path):
    libraries = {"libtvm_runtime.so": INFO.path, "libtvm.so": copy_of(INFO.path, tmp_path)}
    assert after("tvm", libraries, TVM_USE_RUNTIME_LIB="1")[0] == "imported"


@modern
def test_another_libtvm_ffi(after, tmp_path):
    said, folder = after("tvm_ffi", {"libtvm_ffi.so": copy_of(INFO.libraries[-1], tmp_path)})
    assert f"it opens {folder / 'libtvm_ffi.so'}" in said


@modern
def test_the_same_libtvm_ffi(after):
    assert after("tvm_ffi", {"libtvm_ffi.so": INFO.libraries[-1]})[0] == "imported"


@modern
@pytest.mark.needs("libtvm_runtime")
def test_another_modern_runtime(after, tmp_path):
    said, folder = after("tvm", {"libtvm_runtime.so": copy_of(INFO.path, tmp_path)})
    assert f"it opens {folder / 'libtvm_runtime.so'}" in said


@modern
@pytest.mark.needs("libtvm_runtime")
def test_the_same_modern_runtime(after):
    assert after("tvm", {"libtvm_runtime.so": INFO.path})[0] == "imported"


@classic
@pytest.mark.skipif(sys.implementation.name != "cpython", reason="the package apache-tvm-ffi has no wheel for PyPy")
def test_a_modern_runtime_beside_a_classic_one(after):
    runtime = install.install("0.27")
    said, folder = after("tvm", {"libtvm_runtime.so": runtime})
    assert f"it opens {folder / 'libtvm_runtime.so'}" in said


def test_a_package_without_libraries(tmp_path):
    """That has the name by chance."""
    (tmp_path / "tvm.py").write_text("there = True")
    code = "import tvmbind; tvmbind.load_runtime(); import tvm; print(tvm.there)"
    env = {**os.environ, "PYTHONPATH": str(tmp_path)}
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "True\n", "")


def test_it_is_no_finder_of_anything_else():
    """Only of the names that it guards, and once."""
    tvmbind.load_runtime()
    finders = [finder for finder in sys.meta_path if type(finder).__module__ == "tvmbind.library.import_guard"]
    assert len(finders) == 1
    assert finders[0].find_spec("json") is None
