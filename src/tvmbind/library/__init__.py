"""The TVM runtime of this process: looked for, opened once, described.

``runtime`` chooses, ``search`` knows the places, ``classic`` and ``modern`` open one of each generation, ``info`` says
what is known of it, and ``import_guard`` keeps others from opening a second one.
"""

from .info import COMPILED_BY, RuntimeInfo
from .runtime import (
    ENVIRONMENT,
    dlpack_version,
    known_runtime,
    load_runtime,
    load_runtime_for,
    promote,
    runtime_info,
)

__all__ = [
    "COMPILED_BY", "ENVIRONMENT", "RuntimeInfo", "dlpack_version", "known_runtime", "load_runtime", "load_runtime_for",
    "promote", "runtime_info",
]  # fmt: skip
