"""tvmbind: run what TVM compiled, from Python, on whatever TVM runtime there is.

>>> import tvmbind as tvm
>>> lib = tvm.load_module("libdeploy.so")
>>> lib["myadd"](a, b, out)
"""

import importlib

TYPE_CHECKING = False  # as in typing, which is slow to import
if TYPE_CHECKING:
    from typing import Any

    from ._api import *  # noqa: F403

__version__ = "0.1.0"


def __getattr__(name: str) -> "Any":
    # Nothing is imported before it is used: a program that only may need TVM starts as fast as one without.
    if name not in ("__all__", "device"):  # a function, though a module of that name is there too
        from importlib.util import find_spec

        if name.startswith("__"):
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        if find_spec(f"{__name__}.{name}") is not None:
            return importlib.import_module(f".{name}", __name__)
    api = importlib.import_module("._api", __name__)
    globals().update({each: getattr(api, each) for each in ("__all__", *api.__all__)})
    if name in globals():
        return globals()[name]
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> "list[str]":
    return sorted({*globals(), *importlib.import_module("._api", __name__).__all__})
