"""What the benchmark runs in: for each Python an environment with TVM's own Python beside tvmbind.

TVM's Python, with both of its FFIs, is taken from a wheel of hhb-tvm (a fork of TVM 0.16). It is unzipped,
not installed: its ctypes FFI runs on any CPython, its Cython FFI on the one that the wheel was built for.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
BUILD = ROOT / "build"
WHEEL = "hhb-tvm==3.2.3"
WHEEL_TAGS = ("--python-version=3.10", "--implementation=cp", "--abi=cp310", "--platform=manylinux1_x86_64")
WHEEL_SHA256 = "b0ca0e3ecb7d15c3df15d59492a41f41c5a78d470fcbd17b8a493fabf2387148"
CYTHON_PYTHON = (3, 10)
REQUIREMENTS = (
    # TVM 0.16's Python takes no numpy 2, and numpy 1 has no wheel for Python 3.13.
    "numpy<2" if sys.version_info < (3, 13) else "numpy",
    "attrs", "decorator", "psutil", "typing_extensions",  # TVM's Python
    "setuptools",  # distutils, which Python 3.12 dropped, for TVM's Python
    "cffi>=1.17", "platformdirs>=3", "apache-tvm-ffi>=0.1.0",  # tvmbind, and a peer
    "onnxruntime",  # another runtime for the same networks
    "matplotlib>=3.5", "pyperf>=2.6", "rich>=13",  # the benchmark
)  # fmt: skip


class PeerError(Exception):
    """The benchmark cannot run here; the message says what to do."""


@dataclass(frozen=True)
class Environment:
    """A Python that has what the benchmark needs.

    Attributes
    ----------
    python : Path
        Its interpreter.
    version : tuple of int
        ``(3, 11)``.
    """

    python: Path
    version: tuple[int, int]

    @property
    def tag(self) -> str:
        """A short name, such as ``"cp311"``."""
        return "cp{}{}".format(*self.version)

    @property
    def ffis(self) -> tuple[str, ...]:
        """The FFIs of TVM's Python that run here."""
        return ("ctypes", "cython") if self.version == CYTHON_PYTHON else ("ctypes",)

    @property
    def variables(self) -> dict[str, str]:
        """The environment variables to run it with."""
        steering = ("PYTHON", "TVM_", "TVMBIND_LIBRARY")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(steering)}
        path = os.pathsep.join(map(str, (ROOT / "src", BUILD / "bench-tvm")))
        return {**kept, "PYTHONPATH": path, "PYTHONHASHSEED": "0"}


def prepare(python: str) -> Environment:
    """Makes the environment of a Python, unless it is already there.

    Parameters
    ----------
    python : str
        A CPython from 3.9 on.

    Raises
    ------
    PeerError
        If it is no such Python, or something could not be had.
    """
    code = "import sys; print(sys.implementation.name, *sys.version_info[:2])"
    name, *version = _run([python, "-c", code]).split()
    found = (int(version[0]), int(version[1]))
    if name != "cpython" or found < (3, 9):
        raise PeerError(f"the benchmark needs CPython 3.9 or later; {python} is {name} {'.'.join(version)}")
    environment = Environment(_venv(python, found), found)
    _unpack_tvm(environment)
    _build_tvmbind(environment)
    return environment


def run_inside(file: str, measure: Callable[[Environment], int]) -> int:
    """Does a benchmark's work in the environment of the Python that runs it.

    Parameters
    ----------
    file : str
        The benchmark. Unless this process runs in the environment it is run again, there.
    measure : callable
        Takes the environment, returns the exit status.
    """
    try:
        home = prepare(sys.executable)
        if Path(sys.prefix).resolve() != home.python.parent.parent.resolve():
            return subprocess.run([str(home.python), file, *sys.argv[1:]], env=home.variables).returncode
        return measure(home)
    except PeerError as error:
        print(f"{Path(file).name}: {error}", file=sys.stderr)
        return 2


def version_of(distribution: str) -> str:
    """The name and the version of something that is installed here."""
    return f"{distribution} {importlib.metadata.version(distribution)}"


def pairs(home: Environment, only_home: bool = False) -> list[tuple[Environment, str]]:
    """What is compared: an environment, and a peer that runs there.

    TVM's Python where its Cython FFI runs, if that is on this machine, else at home; tvm-ffi at home.
    """
    cython = None if only_home or "cython" in home.ffis else find_cython_python()
    classic = prepare(cython) if cython else home
    return [*((classic, ffi) for ffi in classic.ffis), (home, "tvm-ffi")]


def find_cython_python() -> str | None:
    """The Python that TVM's Cython FFI was built for, if this machine has it."""
    name = "python{}.{}".format(*CYTHON_PYTHON)
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"), "versions")
    folders = sorted(pyenv.glob("{}.{}*".format(*CYTHON_PYTHON)))
    candidates = [shutil.which(name), *(str(folder / "bin" / name) for folder in folders)]
    return next((python for python in candidates if python and _answers(python)), None)


def compile_nop(peer: str) -> Path:
    """Compiles the functions that do nothing; returns the library.

    Parameters
    ----------
    peer : str
        ``"tvm-ffi"``: by its calling convention; else by the classic one.

    Raises
    ------
    PeerError
        If there is no C compiler.
    """
    source = "nop_modern" if peer == "tvm-ffi" else "nop"
    return compile_c(HERE / f"{source}.c", BUILD / f"bench-{source}.so")


def compile_c(source: Path, library: Path, *flags: str) -> Path:
    """Compiles a C file of this folder into a shared library, and returns that."""
    compiler = os.environ.get("CC") or next(filter(shutil.which, ("cc", "gcc", "clang")), None)
    if compiler is None:
        raise PeerError(f"{source.name} has to be compiled, and there is no C compiler: install gcc, or set CC")
    BUILD.mkdir(exist_ok=True)
    _run([*compiler.split(), "-O2", "-shared", "-fPIC", *flags, "-o", library, source])
    return library


def _venv(python: str, version: tuple[int, int]) -> Path:
    folder = BUILD / "bench-env-cp{}{}".format(*version)
    env_python, stamp = folder / "bin" / "python", folder / "complete"
    wanted = "\n".join(REQUIREMENTS)
    if not (stamp.exists() and stamp.read_text() == wanted and _answers(str(env_python))):
        _say(f"making {folder.name}")
        shutil.rmtree(folder, ignore_errors=True)
        _run([python, "-m", "venv", folder])
        _run([*_pip(env_python), "install", "--only-binary=:all:", *REQUIREMENTS])
        stamp.write_text(wanted)
    return env_python


def _unpack_tvm(environment: Environment) -> None:
    target = BUILD / "bench-tvm"
    stamp = target / "complete"
    if stamp.exists() and stamp.read_text() == WHEEL_SHA256:
        return
    shutil.rmtree(target, ignore_errors=True)
    wheel = _wheel(environment)
    _say("unzipping TVM's Python")
    with zipfile.ZipFile(wheel) as archive:
        # Not the compiler: it is most of the wheel.
        archive.extractall(target, [name for name in archive.namelist() if name != "tvm/libtvm.so"])
    stamp.write_text(WHEEL_SHA256)


def _wheel(environment: Environment) -> Path:
    cache = BUILD / "bench-cache"
    name = "hhb_tvm-*-cp310-*.whl"
    if not any(cache.glob(name)):
        _say(f"downloading {WHEEL} (64 MB)")
        pip = [*_pip(environment.python), "download", "--no-deps", "--only-binary=:all:"]
        _run([*pip, *WHEEL_TAGS, "-d", cache, WHEEL])
    (wheel,) = cache.glob(name)
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    if digest != WHEEL_SHA256:
        wheel.unlink()
        raise PeerError(f"{wheel.name} is not the one expected: sha256 {digest}, expected {WHEEL_SHA256}")
    return wheel


def _build_tvmbind(environment: Environment) -> None:
    """Builds the tree's own extension modules where they are not there, or older than their sources."""
    package = ROOT / "src" / "tvmbind"
    built = min((file.stat().st_mtime for file in package.rglob("_*.so")), default=0.0)
    sources = [ROOT / "build_ffi.py", *(ROOT / "cdefs").iterdir(), *(ROOT / "csrc").iterdir()]
    code = "import tvmbind._tvm"
    works = subprocess.run([environment.python, "-c", code], env=environment.variables, capture_output=True)
    if works.returncode or built < max(file.stat().st_mtime for file in sources):
        _say("building tvmbind")
        _run([*_pip(environment.python), "install", "--no-deps", "--editable", ROOT])


def _pip(python: Path) -> list[str | Path]:
    return [python, "-m", "pip", "--disable-pip-version-check", "-q"]


def _answers(python: str) -> bool:
    # A version manager's shim is there for versions that are not switched on.
    try:
        return subprocess.run([python, "-c", ""], capture_output=True).returncode == 0
    except OSError:
        return False


def _run(command: list[str | Path]) -> str:
    words = [str(word) for word in command]
    done = subprocess.run(words, capture_output=True, text=True)
    if done.returncode:
        raise PeerError(f"failed: {' '.join(words)}\n{done.stdout}{done.stderr}")
    return done.stdout


def _say(text: str) -> None:
    print(f"  {text} ...", file=sys.stderr, flush=True)
