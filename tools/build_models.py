"""Make everything under models/ from the sources in this repository.

    python tools/build_models.py                  build, verify, write to models/
    python tools/build_models.py --check          build, verify, compare with models/
    python tools/build_models.py --only modern    leave the classic ones as they are

Either way the artefacts are built into a temporary folder and run there, so
nothing that fails its own check reaches models/. There are two compilers, one
per generation of TVM: classic makes all but models/modern/, modern makes that.
The first run makes their environments (see compile_env.py); a Python 3.10 or
3.11, gcc and a package index that pip can reach are all that it needs.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import compile_env

ROOT = Path(__file__).resolve().parent.parent
MODELS = ROOT / "models"
ENVIRONMENTS = ROOT / "build"
NOISE = "codegen_riscv.cc"  # this compiler warns of its RISC-V setting whatever the target
WRITTEN_BY_HAND = {
    "README.md",
    "digits/test_images.npz",
    "digits/weights.npz",
    "modern/digits/test_images.npz",  # a link to the one above
}


# The compiler goes through symbolic shapes in the order of their addresses: relax_nested.so came out with other
# bytes once in three builds. These are built and must be there; their bytes are not compared.
SAME_IN_MEANING = "machines/"


@dataclass(frozen=True)
class Generation:
    """One compiler and the part of models/ that it makes."""

    recipe: compile_env.Recipe
    package: str

    def makes(self, name):
        """Whether a path under models/ is made by this compiler."""
        return not is_source(name) and name.startswith("modern/") == (self.recipe is compile_env.MODERN)


GENERATIONS = {
    "classic": Generation(compile_env.CLASSIC, "fixtures"),
    "modern": Generation(compile_env.MODERN, "fixtures_modern"),
}


def files_under(folder):
    """Every file under a folder as a sorted list of paths relative to it."""
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())


def is_source(name):
    """Whether a path under models/ is committed by hand, not made by this script."""
    return name in WRITTEN_BY_HAND or name.startswith("shim/")


def made_by(generations, folder):
    """The files of a folder laid out as models/ that these generations make."""
    return {name for name in files_under(folder) if any(g.makes(name) for g in generations)}


def differences(generations, built, committed):
    """Compare what was built with what is committed.

    Parameters
    ----------
    generations : list of Generation
        Whose files; those of others are left out.
    built, committed : pathlib.Path
        Two folders of the same layout.

    Returns
    -------
    list of str
        One line per file that is missing, left over or of other bytes.
    """
    made = set(files_under(built))
    there = made_by(generations, committed)
    lines = [f"missing    {name}" for name in sorted(made - there)]
    lines += [f"left over  {name}" for name in sorted(there - made)]
    for name in sorted(made & there):
        compared = SAME_IN_MEANING not in name
        if compared and (built / name).read_bytes() != (committed / name).read_bytes():
            lines.append(f"differs    {name}")
    return lines


def install(generations, built, committed):
    """Replace the files that these generations make by what was built."""
    for name in made_by(generations, committed):
        (committed / name).unlink()
    shutil.copytree(built, committed, dirs_exist_ok=True)


def build(generation, folder, environments, python=None):
    """Build and verify the fixtures of one generation in a folder."""
    environment = environments / generation.recipe.folder
    env_python = compile_env.prepare(generation.recipe, environment, python)
    command = [str(env_python), "-m", generation.package, str(MODELS), str(folder)]
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


def check(generations, built):
    """Report how models/ differs from what was built; the process's exit code."""
    lines = differences(generations, built, MODELS)
    for line in lines:
        print(line)
    if lines:
        print(
            f"models/ is not what tools/build_models.py makes here ({linker()}; "
            "models/README.md says which linker made the committed files)"
        )
        return 1
    print(f"models/ is up to date: {len(files_under(built))} files, byte for byte but for machines/")
    return 0


def parse_arguments():
    """The command line of this script."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="compare with models/ and write nothing there")
    parser.add_argument(
        "--only", choices=GENERATIONS, help="build the fixtures of one generation and leave the other's alone"
    )
    parser.add_argument(
        "--environments",
        type=Path,
        default=ENVIRONMENTS,
        metavar="FOLDER",
        help="where the compile environments are, made when they are not there (default: build)",
    )
    parser.add_argument("--python", help="the Python 3.10 or 3.11 to make them with")
    return parser.parse_args()


def main():
    """Build, then compare or install."""
    arguments = parse_arguments()
    names = [arguments.only] if arguments.only else list(GENERATIONS)
    generations = [GENERATIONS[name] for name in names]
    with tempfile.TemporaryDirectory(prefix="tvmbind-models-") as temporary:
        built = Path(temporary) / "models"
        built.mkdir()  # the temporary folder is private, and its mode would be copied
        try:
            for generation in generations:
                build(generation, built, arguments.environments, arguments.python)
        except compile_env.CompileEnvironmentError as problem:
            print(problem, file=sys.stderr)
            return 2
        except subprocess.CalledProcessError as problem:
            print(f"the build stopped with exit code {problem.returncode}", file=sys.stderr)
            return 2
        if arguments.check:
            return check(generations, built)
        install(generations, built, MODELS)
        size = sum((built / name).stat().st_size for name in files_under(built))
        print(f"models/: {len(files_under(built))} files written, {size / 1e6:.2f} MB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
