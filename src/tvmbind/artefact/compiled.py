"""Compiled modules as files: what can be told before the runtime opens one.

The runtime opens a library of the other generation and then finds no function in it, and the system's
loader kills the process over a file that was cut short: so look first.
"""

from __future__ import annotations

import mmap
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple, Optional

from .. import load_errors
from ..errors import TVMOSError
from ..library import COMPILED_BY, RuntimeInfo
from . import blob, elf
from .kinds import KINDS, needs

#: Formats that the system's loader opens (TVM treats them as one).
SHARED = ("so", "dll", "dylib", "dso")
# Names in the symbols of what TVM compiles: from 0.21 on, and before.
_OF_MODERN = b"__tvm_ffi_"
_OF_CLASSIC = (b"__TVMAPISetLastError", b"__TVMFuncCall", b"__tvm_dev_mblob", b"__tvm_module_ctx")
# Compiled C calls these by name, where LLVM's code has pointers that the runtime fills.
_BY_NAME = (b"\0TVMBackend", b"\0TVMFunc", b"\0TVMCFunc", b"\0TVMAPI", b"\0TVMArray")
#: In the environment: libraries are not looked through before the system's loader gets them.
_UNCHECKED = "TVMBIND_UNCHECKED"
_PARALLEL = b"__TVMBackendParallelLaunch"
_INIT_ONCE = b"__TVMFFIHandleInitOnce"  # in libtvm_ffi from 0.1.5 on


class Artifact(NamedTuple):
    """What is seen of a compiled module from outside.

    Attributes
    ----------
    file : str
    abi : str
        The generation of TVM that made it, as `RuntimeInfo.abi`; empty where it does not say.
    by_name : bool
        Whether it calls the runtime's functions by name, so that the runtime must be visible to it.
    parallel : bool
        Whether it needs a thread pool.
    init_once : bool
        Whether it needs a function that libtvm_ffi has from 0.1.5 on.
    shared : bool
        Whether the system's loader opens it.
    """

    file: str
    abi: str
    by_name: bool
    parallel: bool
    init_once: bool
    shared: bool


def look(file: str, fmt: str = "") -> Artifact:
    """Looks at a file that is to be loaded, in a format or in that which its extension tells.

    Raises
    ------
    TVMOSError
        If it is not there, or is no library for this system.
    """
    if "\0" in file or "\0" in fmt:
        raise ValueError(f"{file!r} ({fmt!r}) is no file's name or format: it holds a NUL")
    if not os.path.isfile(file):
        raise TVMOSError(f"cannot load {file}: {load_errors.file_problem(file) or 'it is no file'}")
    if (fmt or os.path.splitext(file)[1][1:].lower()) not in SHARED:
        return Artifact(file, "", False, False, False, False)
    problem = load_errors.file_problem(file)
    if problem:
        raise TVMOSError(f"cannot load {file}: {problem}")
    with mapped(file) as data:
        problem = _damage(data) if os.environ.get(_UNCHECKED, "0") in ("", "0") else None
        if problem:
            advice = f"If you know that it is whole, {_UNCHECKED}=1 in the environment has it loaded unchecked"
            raise TVMOSError(f"cannot load {file}: {problem}. {advice}")
        return _seen(file, data)


@contextmanager
def mapped(file: str) -> Iterator[mmap.mmap]:
    """The contents of a file that is not empty, without reading all of it."""
    with open(file, "rb") as opened, mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as data:
        yield data


def _damage(data: mmap.mmap) -> Optional[str]:
    """What is wrong with a library, and with what it carries for the runtime."""
    if not elf.is_known(data):
        return None
    try:
        library = elf.Library(data)
        elf.check(library)
        carried = library.contents(blob.SYMBOLS)
    except elf.ERRORS as error:
        return elf.describe(error)
    problems = (blob.problem(content, blob.SYMBOLS[name]) for name, content in carried.items())
    return next((each for each in problems if each), None)


def scan(file: str) -> Artifact:
    """What is seen of a library, whether it is for this system or not."""
    with mapped(file) as data:
        return _seen(file, data)


def _seen(file: str, data: mmap.mmap) -> Artifact:
    modern = data.find(_OF_MODERN) >= 0
    classic = not modern and any(data.find(name) >= 0 for name in _OF_CLASSIC)
    by_name = any(data.find(name) >= 0 for name in _BY_NAME)
    parallel, init_once = data.find(_PARALLEL) >= 0, data.find(_INIT_ONCE) >= 0
    abi = "tvm-ffi" if modern else "classic" if classic else ""
    return Artifact(file, abi, by_name, parallel, init_once, True)


def check(artifact: Artifact, info: RuntimeInfo) -> None:
    """Refuses what this runtime would load, and then not run, or die of.

    Raises
    ------
    TVMOSError
        If the artifact is of the other generation of TVM, or needs a thread pool that is not there.
    """
    if artifact.abi and artifact.abi != info.abi:
        command = "tvmbind runtime install" if artifact.abi == "classic" else "pip install apache-tvm-ffi"
        raise TVMOSError(
            f"cannot load {artifact.file}: {COMPILED_BY[artifact.abi]} compiled it, and it needs a runtime of that "
            f"generation. This process runs {info.title} ({info.path}) since its first need of one. In a new process "
            f'load the module first, or call load_runtime("{artifact.abi}"); to get such a runtime: {command}'
        )
    if artifact.init_once and not info.has("TVMFFIHandleInitOnce"):
        raise TVMOSError(
            f"cannot load {artifact.file}: it calls packed functions by name in a way that needs libtvm_ffi 0.1.5 or "
            f"newer, and this is {info.title}. Get it with: pip install --upgrade apache-tvm-ffi"
        )
    if artifact.parallel and not info.has_runtime:
        raise TVMOSError(
            f"cannot load {artifact.file}: it runs in parallel, and libtvm_ffi alone has no thread pool. "
            f"{info.problem or _GET_RUNTIME}"
        )


_GET_RUNTIME = "Get libtvm_runtime with: pip install apache-tvm"
_NO_LOADER = re.compile(r"Loader of ([\w.]+)\(|created using \{?([\w.]+)")


def check_loader(artifact: Artifact, info: RuntimeInfo, text: str) -> None:
    """Says so where the runtime's error is that it knows no module of a kind that is in the library.

    Raises
    ------
    TVMOSError
        If that is what the text says.
    """
    kind = _NO_LOADER.search(text)
    if kind is None:
        return
    name = kind[1] or kind[2]
    needed, get = needs(name), ""
    if not info.has_runtime:
        get = f". {info.problem or _GET_RUNTIME}"
    elif name in KINDS and artifact.abi == "classic" and name != "relax.VMExecutable":
        get = "; TVM 0.16 has it: tvmbind runtime install"
    raise TVMOSError(
        f"cannot load {artifact.file}: it needs {needed}, which this runtime lacks. This is {info.title} "
        f"({info.path}){get}"
    )


def defined_functions(file: str) -> Optional[set[bytes]]:
    """The names of the functions that a library itself has, without those of the libraries that it needs.

    None if the file does not tell: it is gone, or of another kind than 64-bit ELF.
    """
    try:
        with mapped(file) as data:
            return set(elf.Library(data).functions()) if elf.is_known(data) else None
    except (OSError, *elf.ERRORS):
        return None
