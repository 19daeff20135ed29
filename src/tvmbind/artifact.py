"""Compiled modules as files: what can be told before the runtime opens one.

The runtime opens a library of the other generation and then finds no function in it, and the system's
loader kills the process over a file that was cut short: so look first.
"""

from __future__ import annotations

import mmap
import os

from . import load_errors
from .errors import TVMOSError
from .library import RuntimeInfo

#: Formats that the system's loader opens (TVM treats them as one).
SHARED = ("so", "dll", "dylib", "dso")
# Names that TVM 0.21 and later gives the symbols of what it compiles.
_MODERN = b"__tvm_ffi_"
# Compiled C calls these by name, where LLVM's code has pointers that the runtime fills.
_BY_NAME = (b"\0TVMBackend", b"\0TVMFuncCall\0", b"\0TVMAPISetLastError\0")


def check(file: str, info: RuntimeInfo, fmt: str = "") -> bool:
    """Looks at a file that is to be loaded.

    Parameters
    ----------
    file : str
    info : RuntimeInfo
        The runtime that is to load it.
    fmt : str
        Its format; else the extension tells.

    Returns
    -------
    bool
        Whether it calls the runtime's functions by name, so that the runtime must be visible to it.

    Raises
    ------
    TVMOSError
        If it is not there, is no library for this system, or of the other generation of TVM.
    """
    if "\0" in file or "\0" in fmt:
        raise ValueError(f"{file!r} ({fmt!r}) is no file's name or format: it holds a NUL")
    if not os.path.isfile(file):
        raise TVMOSError(f"cannot load {file}: there is no such file")
    if (fmt or os.path.splitext(file)[1][1:].lower()) not in SHARED:
        return False
    problem = load_errors.file_problem(file)
    if problem:
        raise TVMOSError(f"cannot load {file}: {problem}")
    with open(file, "rb") as opened, mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as data:
        if data.find(_MODERN) >= 0:
            raise TVMOSError(
                f"cannot load {file}: TVM 0.21 or later compiled it, and it needs a runtime of that generation; "
                f"this process runs TVM {info.version} ({info.path})"
            )
        return any(data.find(name) >= 0 for name in _BY_NAME)
