"""TVM's own Python, where it is imported after tvmbind has opened a runtime.

It opens the libraries of its own package. Where those are others than the ones that this process has, that ends the
process (two runtimes of one generation, a modern one beside a classic one, two copies of libtvm_ffi): so that import
is refused. The other order is fine: tvmbind then takes the library that is there.
"""

from __future__ import annotations

import os
import sys
from typing import Any, Optional

from . import modern


class _Finder:
    """Finds TVM's packages before anyone else does; to look for them is harmless, so that still tells the truth."""

    def __init__(self, libraries: tuple[str, ...], abi: str) -> None:
        self.libraries = libraries
        self.abi = abi

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        """Gives a package a loader that refuses, where to load it would end the process."""
        if name not in ("tvm", "tvm_ffi"):
            return None
        from importlib.machinery import PathFinder  # here, not above: seldom needed

        spec = PathFinder.find_spec(name, path)
        other = self._other_library(name, list((spec and spec.submodule_search_locations) or ()))
        if spec is not None and other is not None:
            spec.loader = _Refusal(name, other, self.libraries[0])  # type: ignore[assignment]
            return spec
        return None

    def _other_library(self, name: str, folders: list[str]) -> Optional[str]:
        """The library that a package would open, if this process has one that does not go with it."""
        if name == "tvm_ffi":
            file = modern.first_of(folders, modern.FFI_NAMES)
            mine = self.libraries[-1] if self.abi == "tvm-ffi" else None
        else:
            runtime = modern.first_of(folders, modern.RUNTIME_NAMES)
            is_modern = runtime is not None and modern.is_modern(runtime)
            # A classic package opens the whole of TVM where it can and may.
            small = is_modern or os.environ.get("TVM_USE_RUNTIME_LIB")
            whole = None if small else modern.first_of(folders, ("libtvm.so", "libtvm.dylib"))
            file = whole or runtime
            mine = self.libraries[0] if self.abi == "classic" or len(self.libraries) > 1 else None
            if self.abi == "tvm-ffi" and not is_modern:
                mine = None  # the two go together
        return file if file and mine and not _same(file, mine) else None


class _Refusal:
    """A loader that loads nothing."""

    def __init__(self, name: str, library: str, present: str) -> None:
        self.text = (
            f"importing {name} would end this process: it opens {library}, and the process already has "
            f"{present}. Import {name} before tvmbind's first need of a runtime, which then takes what is there; or "
            "set TVMBIND_LIBRARY to the library that it opens"
        )

    def create_module(self, spec: Any) -> Any:
        """Raises the ImportError."""
        raise ImportError(self.text, name=spec.name)

    def exec_module(self, module: Any) -> None:
        """Never comes to this."""


def _same(one: str, other: str) -> bool:
    try:
        return os.path.samefile(one, other)
    except OSError:
        return False


def install(libraries: tuple[str, ...], abi: str) -> None:
    """Guards the imports of this process, which has these libraries."""
    sys.meta_path.insert(0, _Finder(libraries, abi))  # type: ignore[arg-type]
