"""The environments that compile: one per generation of TVM, and torch's, which exports a network for them.

The classic compiler is the cp310 wheel of hhb-tvm 3.2.3, a fork of TVM 0.16. It
is unzipped, not installed, and found through PYTHONPATH: so one wheel serves
Python 3.10 and 3.11, and none of its own wide requirements is installed. The
modern one, apache-tvm, is installed like any other package.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path

TOOLS = Path(__file__).resolve().parent


class CompileEnvironmentError(Exception):
    """The compile environment cannot be made; the message says what to do."""


@dataclass(frozen=True)
class Wheel:
    """A compiler that is unzipped, not installed.

    Attributes
    ----------
    requirement : str
        What pip downloads.
    size : str
        How much that is, for people.
    sha256 : str
        Of the wheel, which is refused when it differs.
    tags : tuple of str
        The pip options that choose this wheel whatever Python runs pip.
    """

    requirement: str
    size: str
    sha256: str
    tags: tuple[str, ...]


@dataclass(frozen=True)
class Recipe:
    """What a compile environment is made of.

    Attributes
    ----------
    name : str
        The generation of TVM, for messages.
    folder : str
        Where it lives below the build folder.
    requirements : pathlib.Path
        What is installed; pinned.
    pythons : tuple of (int, int)
        The versions of Python that it runs on, the best first.
    wheel : Wheel, optional
        The compiler, when it is none of the requirements.
    complete : bool
        Whether the requirements name all that they need, so that nothing else is installed.
    """

    name: str
    folder: str
    requirements: Path
    pythons: tuple[tuple[int, int], ...]
    wheel: Wheel | None = None
    complete: bool = True

    def stamp(self):
        """What the environment was made from; another text means to make it again."""
        return (self.wheel.sha256 + "\n" if self.wheel else "") + self.requirements.read_text()


CLASSIC = Recipe(
    name="classic",
    folder="compile-env",
    requirements=TOOLS / "models-requirements.txt",
    pythons=((3, 11), (3, 10)),
    wheel=Wheel(
        requirement="hhb-tvm==3.2.3",
        size="64 MB",
        sha256="b0ca0e3ecb7d15c3df15d59492a41f41c5a78d470fcbd17b8a493fabf2387148",
        tags=(
            "--python-version=3.10",
            "--implementation=cp",
            "--abi=cp310",
            "--platform=manylinux1_x86_64",
        ),
    ),
)
MODERN = Recipe(
    name="modern",
    folder="compile-env-modern",
    requirements=TOOLS / "modern-requirements.txt",
    pythons=((3, 11), (3, 12), (3, 10), (3, 13)),
)
TORCH = Recipe(
    name="torch",
    folder="torch-env",
    requirements=TOOLS / "imagenet-requirements.txt",
    pythons=((3, 11),),
    complete=False,
)


def find_python(recipe):
    """Find a Python that the compiler runs on.

    Returns
    -------
    str
        A command for one of the recipe's versions, the running one first.

    Raises
    ------
    CompileEnvironmentError
        When this machine has none of them.
    """
    if sys.version_info[:2] in recipe.pythons:
        return sys.executable
    for major, minor in recipe.pythons:
        found = shutil.which(f"python{major}.{minor}")
        if found and _answers(found):
            return found
    versions = " or ".join(f"{major}.{minor}" for major, minor in sorted(recipe.pythons))
    raise CompileEnvironmentError(
        f"the {recipe.name} environment needs Python {versions}, and none was found: "
        "install one, or name it with --python"
    )


def prepare(recipe, folder, python=None):
    """Make a compile environment in a folder, unless it is already there.

    Parameters
    ----------
    recipe : Recipe
        What to make.
    folder : pathlib.Path
        Where the environment lives; about 400 MB each, torch's 1.3 GB.
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
    wanted = recipe.stamp()
    if stamp.exists() and stamp.read_text() == wanted and env_python.exists():
        return env_python

    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    python = python or find_python(recipe)
    _say(f"making the {recipe.name} environment with {python}")
    _run([python, "-m", "venv", folder / "venv"])
    pip = [env_python, "-m", "pip", "--disable-pip-version-check", "-q"]
    _say(f"installing {recipe.requirements.name}")
    alone = ("--no-deps",) if recipe.complete else ()
    _run([*pip, "install", *alone, "--only-binary=:all:", "-r", recipe.requirements])
    if recipe.wheel:
        _say(f"downloading {recipe.wheel.requirement} ({recipe.wheel.size})")
        download = ("download", "--no-deps", "--only-binary=:all:", *recipe.wheel.tags, "-d", folder)
        _run([*pip, *download, recipe.wheel.requirement])
        (file,) = folder.glob("*.whl")
        _unzip_compiler(file, recipe.wheel.sha256, folder / "compiler")
        file.unlink()
    stamp.write_text(wanted)
    return env_python


def variables(folder):
    """The environment variables under which the compiler in a folder runs.

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


def _unzip_compiler(wheel, sha256, folder):
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    if digest != sha256:
        raise CompileEnvironmentError(
            f"{wheel.name} is not the wheel that was expected: sha256 {digest}, expected {sha256}"
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
