"""Make everything under models/ from the sources in this repository.

    python tools/build_models.py            build, verify, write to models/
    python tools/build_models.py --check    build, verify, compare with models/

Either way the artefacts are built into a temporary folder and run there, so
nothing that fails its own check reaches models/. The first run makes a compile
environment (see compile_env.py); a Python 3.10 or 3.11, gcc and a package
index that pip can reach are all that it needs.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import compile_env

ROOT = Path(__file__).resolve().parent.parent
MODELS = ROOT / "models"
ENVIRONMENT = ROOT / "build" / "compile-env"
NOISE = "codegen_riscv.cc"  # this compiler warns of its RISC-V setting whatever the target
WRITTEN_BY_HAND = {
    "README.md",
    "digits/test_images.npz",
    "digits/weights.npz",
}


def files_under(folder):
    """Every file under a folder as a sorted list of paths relative to it."""
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())


def is_source(name):
    """Whether a path under models/ is committed by hand, not made by this script."""
    return name in WRITTEN_BY_HAND or name.startswith("shim/")


def differences(built, committed):
    """Compare what was built with what is committed.

    Parameters
    ----------
    built, committed : pathlib.Path
        Two folders of the same layout.

    Returns
    -------
    list of str
        One line per file that is missing, left over or of other bytes.
    """
    made = set(files_under(built))
    there = {name for name in files_under(committed) if not is_source(name)}
    lines = [f"missing    {name}" for name in sorted(made - there)]
    lines += [f"left over  {name}" for name in sorted(there - made)]
    for name in sorted(made & there):
        if (built / name).read_bytes() != (committed / name).read_bytes():
            lines.append(f"differs    {name}")
    return lines


def install(built, committed):
    """Replace the generated files of a folder by what was built; sources stay."""
    for name in files_under(committed):
        if not is_source(name):
            (committed / name).unlink()
    shutil.copytree(built, committed, dirs_exist_ok=True)


def build(folder, environment, python=None):
    """Build and verify all fixtures in a folder, in the compile environment."""
    env_python = compile_env.prepare(environment, python)
    command = [str(env_python), "-m", "fixtures", str(MODELS), str(folder)]
    variables = compile_env.variables(environment)
    with subprocess.Popen(command, env=variables, stderr=subprocess.PIPE, text=True) as process:
        for line in process.stderr:
            if NOISE not in line:
                sys.stderr.write(line)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)


def linker():
    """The first line of ``ld --version``, or why there is none."""
    try:
        done = subprocess.run(["ld", "--version"], capture_output=True, text=True)
    except OSError as problem:
        return str(problem)
    return done.stdout.partition("\n")[0]


def check(built):
    """Report how models/ differs from what was built; the process's exit code."""
    lines = differences(built, MODELS)
    for line in lines:
        print(line)
    if lines:
        print(
            f"models/ is not what tools/build_models.py makes here ({linker()}; "
            "models/README.md says which linker made the committed files)"
        )
        return 1
    print(f"models/ is up to date: {len(files_under(built))} files, byte for byte")
    return 0


def parse_arguments():
    """The command line of this script."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="compare with models/ and write nothing there")
    parser.add_argument(
        "--env",
        type=Path,
        default=ENVIRONMENT,
        metavar="FOLDER",
        help="the compile environment, made when it is not there (default: build/compile-env)",
    )
    parser.add_argument("--python", help="the Python 3.10 or 3.11 to make it with")
    return parser.parse_args()


def main():
    """Build, then compare or install."""
    arguments = parse_arguments()
    with tempfile.TemporaryDirectory(prefix="tvmbind-models-") as temporary:
        built = Path(temporary)
        try:
            build(built, arguments.env, arguments.python)
        except compile_env.CompileEnvironmentError as problem:
            print(problem, file=sys.stderr)
            return 2
        except subprocess.CalledProcessError as problem:
            print(f"the build stopped with exit code {problem.returncode}", file=sys.stderr)
            return 2
        if arguments.check:
            return check(built)
        install(built, MODELS)
        size = sum((built / name).stat().st_size for name in files_under(built))
        print(f"models/: {len(files_under(built))} files written, {size / 1e6:.2f} MB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
