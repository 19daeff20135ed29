"""Say what this machine lacks to build tvmbind, before pip says it in a thousand lines.

Runs under any Python 3, so that an old one gets an answer too.
"""

import os
import shlex
import subprocess
import sys
import sysconfig

PYTHON = f"python{sys.version_info[0]}.{sys.version_info[1]}"


def compiles(source):
    """Whether the compiler that Python's own tools would call accepts a C source; None if there is none."""
    compiler = shlex.split(os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc")
    include = "-I" + sysconfig.get_paths()["include"]
    command = [*compiler, include, "-fsyntax-only", "-x", "c", "-"]
    try:
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
    except OSError:
        return None
    process.communicate(source.encode())
    return process.returncode == 0


def has_venv():
    """Whether a virtual environment with pip can be made; Debian keeps half of what it takes in a package."""
    try:
        import ensurepip
        import venv
    except ImportError:
        return False
    return hasattr(ensurepip, "version") and hasattr(venv, "create")


def missing():
    """Pairs of what is missing and the Debian package that has it."""
    found = []
    if not has_venv():
        found.append(("Python's venv module, with ensurepip", PYTHON + "-venv"))
    plain = compiles("#include <stdio.h>\n")
    if plain is None:
        found.append(("a C compiler", "gcc"))
    if not plain:
        found.append(("the C library's headers", "libc6-dev"))
    if not (compiles("#include <Python.h>\n") if plain else os.path.exists(header())):
        found.append(("Python's headers", PYTHON + "-dev"))
    return found


def header():
    """Where Python.h should be."""
    return os.path.join(sysconfig.get_paths()["include"], "Python.h")


def main():
    """Print what is missing; the exit code is 1 if anything is."""
    if sys.version_info < (3, 9):  # noqa: UP036
        print("tvmbind needs Python 3.9 or later, and this is", PYTHON + ". Name another one, such as:")
        print("    make PYTHON=python3.11 ...")
        return 1
    found = missing()
    if found:
        print("This machine lacks, to build tvmbind with", sys.executable + ":")
        for what, package in found:
            print(f"  - {what:<40} (Debian, Ubuntu: {package})")
        print("There, install it with:\n    apt-get install", *(package for _, package in found))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
