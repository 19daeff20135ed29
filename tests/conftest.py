"""What more than one file of tests needs."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import digits
import tvmbind
from runtime_here import INFO, MODELS, ROOT, can, need, skip_if_too_old

# Whether numpy's memory is aligned is chance: processes that tests start do not warn of a copy.
os.environ.setdefault("PYTHONWARNINGS", "ignore:argument")


def pytest_configure(config: pytest.Config) -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)  # tests send it: a shell's background job ignores it
    config.addinivalue_line("markers", "needs(*things): skips, and says so, where the runtime has not each of them")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    # What is about modern runtimes alone is no test of a classic one: `make test` runs it in its second half.
    others = [item for item in items if any("modern runtime" in m.args for m in item.iter_markers("needs"))]
    if INFO.abi == "classic" and others:
        config.hook.pytest_deselected(items=others)
        items[:] = [item for item in items if item not in others]


def pytest_runtest_setup(item: pytest.Item) -> None:
    for marker in item.iter_markers("needs"):
        need(*marker.args)


@pytest.hookimpl(hookwrapper=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Iterator[None]:
    outcome: Any = yield
    if outcome.excinfo is not None and isinstance(outcome.excinfo[1], tvmbind.TVMError):
        try:
            skip_if_too_old(str(outcome.excinfo[1]))
        except pytest.skip.Exception as skipped:
            outcome.force_exception(skipped)


@pytest.fixture(scope="session")
def models() -> Path:
    """The folder of compiled fixtures for the runtime's generation; models/README.md says what each one is."""
    return MODELS


@pytest.fixture(scope="module")
def images() -> digits.Digits:
    """The pictures of digits."""
    return digits.load()


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder to run scripts in, whose ``models`` is the right one."""
    if INFO.abi == "classic":
        return ROOT
    folder = tmp_path_factory.mktemp("home")
    (folder / "models").symlink_to(MODELS)
    return folder


@pytest.fixture(scope="session")
def run_python(home: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs a script in a process of its own, and fails with what it printed unless it ends well."""

    def run(code: str, **env: str) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [sys.executable, "-X", "faulthandler", "-c", code],
            env={**os.environ, **env},
            cwd=home,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        if done.returncode:
            skip_if_too_old(done.stderr)
            pytest.fail(f"exit status {done.returncode}\n{done.stdout}\n{done.stderr}", pytrace=False)
        return done

    return run


@pytest.fixture
def register() -> Iterator[Callable[[str, Any], Any]]:
    """Registers a global function for the time of a test."""
    names: set[str] = set()

    def register(name: str, func: Any) -> Any:
        names.add(name)
        return tvmbind.register_func(name, func, override=True)

    yield register
    for name in names if can("removes globals") else ():
        if tvmbind.get_global_func(name, allow_missing=True) is not None:
            tvmbind.remove_global_func(name)


@pytest.fixture(scope="session")
def memory_at() -> Callable[..., np.ndarray]:
    """Makes a numpy array of zeros, ``offset`` bytes behind an address that is a multiple of 128."""

    def memory_at(offset: int, count: int, dtype: Any = "float32") -> np.ndarray:
        dtype = np.dtype(dtype)
        raw = np.zeros(count * dtype.itemsize + 256, np.uint8)
        start = -raw.ctypes.data % 128 + offset
        return raw[start : start + count * dtype.itemsize].view(dtype)

    return memory_at


@pytest.fixture
def echo() -> tvmbind.PackedFunc:
    """A packed function that returns its only argument."""
    return tvmbind.convert(lambda value: value)
