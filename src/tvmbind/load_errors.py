"""Why a shared library does not load, in words that help: for runtimes and compiled modules alike.

`file_problem` looks at the file before the system's loader does, for the loader kills the process when
it maps a library that was cut short. `explain` translates what the loader said.
"""

from __future__ import annotations

import os
import re
import struct
import sys
from typing import IO

from .artefact.elf import MACHINES

#: What to do where the runtime at hand will not do.
INSTEAD = "set TVMBIND_LIBRARY to a libtvm_runtime that you have, or pass its path to load_runtime(path)"

_PACKAGES = {  # Debian and Ubuntu, Fedora, Alpine
    "libgomp": ("libgomp1", "libgomp", "libgomp"),
    "libstdc++": ("libstdc++6", "libstdc++", "libstdc++"),
    "libgcc_s": ("libgcc-s1", "libgcc", "libgcc"),
    "libOpenCL": ("ocl-icd-libopencl1", "ocl-icd", "opencl-icd-loader"),
    "libvulkan": ("libvulkan1", "vulkan-loader", "vulkan-loader"),
}
_OTHER_HELP = {
    "libtvm_ffi": "Install it: `pip install apache-tvm-ffi`, of the version that the runtime was built with.",
    "libtvm": "Put it in the same folder, or add its folder to LD_LIBRARY_PATH before Python starts.",
    "libcuda": "NVIDIA's driver and toolkit have it: install them, or use a runtime built without CUDA.",
    "libLLVM": "Only TVM's compiler needs LLVM: to run models, load libtvm_runtime instead of libtvm.",
    "ld-linux": "The library is built for glibc, and this system has another C library (Alpine: musl). "
    "Use a glibc system or image, or a runtime built here.",
}
_OTHER_KINDS = {
    b"MZ": "a Windows library",
    b"PK": "a zip archive or wheel",
    b"!<arch>": "a static archive",
    b"\xcf\xfa\xed\xfe": "a macOS library",
    b"\xca\xfe\xba\xbe": "a macOS library",
}
_MISSING = (  # glibc, musl, macOS
    re.compile(r"(?P<file>[^:]+): cannot open shared object file: No such file"),
    re.compile(r"Error loading shared library (?P<file>[^:]+): No such file"),
    re.compile(r"Library not loaded: (?P<file>[^\s']+)"),
)
_SIGNS = (  # what the loader says, what is wrong, what to do
    (
        r"([^:]+): (?:invalid ELF header|file too short|wrong ELF class)",
        r"\1, which it needs, is damaged or for another system",
        "Reinstall that library, or take its folder out of LD_LIBRARY_PATH.",
    ),
    (
        r"failed to map segment",
        "its file system does not allow running code (mounted noexec?)",
        "Copy the library to another one, or set XDG_DATA_HOME to one before installing.",
    ),
    (
        r"static TLS",
        "other libraries have used up the space for thread-local data",
        "Load the runtime first, before torch, scikit-learn and the like.",
    ),
)


def explain(text: str, path: str | os.PathLike[str]) -> str:
    """Say why the system's loader refused a library, and what to do about it.

    Parameters
    ----------
    text
        What the loader said: ``dlerror()``, or the message of the OSError.
    path
        The library that was to be loaded, as it was given to the loader.

    Returns
    -------
    str
        Three parts, each on its own line: what is wrong, what to do, and the loader's own words.
    """
    path = os.fspath(path)
    what, advice = _diagnose(text.strip(), path)
    return f"cannot load {path}: {what}.\n{advice}\nThe system's loader said: {text.strip() or '(nothing)'}"


def _diagnose(text: str, path: str) -> tuple[str, str]:
    problem = file_problem(path)
    if problem:
        return problem, f"Give the path of a libtvm_runtime that was built for this system, or {INSTEAD}."
    for pattern in _MISSING:
        match = pattern.search(text)
        if match:
            return _missing(match["file"].strip(), path)
    match = re.search(r"version [`'](?P<set>[A-Z]+)_(?P<version>[\d.]+)' not found", text)
    if match:
        return _too_old(match["set"], match["version"])
    match = re.search(
        r"(?:undefined symbol:|[Ss]ymbol not found[^:]*:|relocating [^:]+:) *(?P<name>\w+)", text
    )
    if match:
        return _unresolved(match["name"], path)
    for sign, cause, advice in _SIGNS:
        match = re.search(sign, text)
        if match:
            return match.expand(cause), advice
    return "the system's loader refused it", f"See its own words below, and what `ldd {path}` shows."


def _missing(file: str, path: str) -> tuple[str, str]:
    if file == path:
        return "it is in none of the folders that the system searches", f"Give its full path, or {INSTEAD}."
    name = os.path.basename(file)
    cause = f"it needs {name}, which is not on this system"
    for start, (debian, fedora, alpine) in _PACKAGES.items():
        if name.startswith(start):
            debian, fedora = (
                f"`apt-get install {debian}` (Debian, Ubuntu)",
                f"`dnf install {fedora}` (Fedora)",
            )
            return cause, f"Install the system package: {debian}, {fedora}, `apk add {alpine}` (Alpine)."
    for start, advice in _OTHER_HELP.items():
        if name.startswith(start):
            return cause, advice
    return (
        cause,
        f"Install what has it, or add its folder to LD_LIBRARY_PATH; `ldd {path}` shows all it needs.",
    )


def _too_old(symbols: str, version: str) -> tuple[str, str]:
    advice = "Use a newer system or image, or a runtime built on one as old as this."
    if symbols == "GLIBC":
        cause = f"it was built for a newer system: it needs glibc {version}"
        return cause, f"{advice} `tvmbind runtime install 0.8` asks the least of those: glibc 2.27."
    cause = f"it was built with a newer compiler: it needs a libstdc++ that has {symbols}_{version}"
    return (
        cause,
        f"{advice} In conda, the environment's own may be older: `conda install -c conda-forge libstdcxx`.",
    )


def _unresolved(symbol: str, path: str) -> tuple[str, str]:
    if symbol.startswith("TVM"):
        advice = (
            "It may be a compiled model, not a runtime: load a runtime, then this with load_module(path)."
        )
        return f"it needs {symbol}, a function of TVM's runtime", advice
    cause = f"no library that it uses has {symbol}"
    return (
        cause,
        f"One of them is of another version than it was built with: `ldd {path}` shows which are used.",
    )


def file_problem(path: str | os.PathLike[str]) -> str | None:
    """Say what keeps a file from being a library for this process, or None if nothing is seen from outside.

    Reads the file's head only. It is worth asking before loading: the loader kills the process when it maps a
    library that was cut short. A name without a folder, which the loader searches for, is never a problem.
    """
    path = os.fspath(path)
    if not os.path.dirname(path):
        return None
    if not os.path.exists(path):
        return "there is no such file"
    if os.path.isdir(path):
        return "it is a folder, not a library"
    try:
        with open(path, "rb") as file:
            return _elf_problem(file, os.path.getsize(path)) if sys.platform.startswith("linux") else None
    except OSError as error:
        return f"it cannot be read ({error.strerror})"


def _elf_problem(file: IO[bytes], size: int) -> str | None:
    head = file.read(64)
    if head[:4] != b"\x7fELF":
        kind = next(
            (kind for magic, kind in _OTHER_KINDS.items() if head.startswith(magic)), "another kind of file"
        )
        return f"it is {kind}, not a Linux shared library"
    if len(head) < 64:
        return "it is cut short: the file ends within its header"
    bits, here = {1: 32, 2: 64}.get(head[4], 0), 8 * struct.calcsize("P")
    if bits != here:
        return f"it is a {bits}-bit library, and this Python is {here}-bit"
    order = "<" if head[5] == 1 else ">"
    (number,) = struct.unpack_from(order + "H", head, 18)
    import platform  # here, not above: it is slow to import

    built, machine = MACHINES.get(number, f"ELF machine {number}"), platform.machine()
    if bits == 64 and machine in MACHINES.values() and built != machine:
        return f"it is built for {built}, and this machine is {machine}"
    if bits == 64 and _elf64_end(file, head, order, size) > size:
        return "it is cut short: the file ends before its last segment (an unfinished copy or download?)"
    return None


def _elf64_end(file: IO[bytes], head: bytes, order: str, size: int) -> int:
    """Return the size that the file must have at least, from its program headers."""
    (table,) = struct.unpack_from(order + "Q", head, 32)
    entry, count = struct.unpack_from(order + "HH", head, 54)
    end: int = table + entry * count
    if end > size or entry < 56:
        return end
    file.seek(table)
    headers = file.read(entry * count)
    for start in range(0, len(headers), entry):
        offset, _, _, length = struct.unpack_from(order + "4Q", headers, start + 8)
        end = max(end, offset + length)
    return end
