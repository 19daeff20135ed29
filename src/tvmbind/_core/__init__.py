"""The seam for speed: Python values to TVM and back, calls and callbacks.

What is above imports from here, and does not care which core it is. ``TVMBIND_CORE`` chooses one.
"""

import os

from .carry import claim
from .encode import OpaqueHandle, conversion_for, register_codec, register_conversion
from .handle import Handle

NAME = os.environ.get("TVMBIND_CORE") or "pure"
if NAME != "pure":
    raise ImportError(f"TVMBIND_CORE={NAME}: there is no such core; expected 'pure'")

from .decode import register, register_object  # noqa: E402
from .pure import (  # noqa: E402
    Function,
    Registration,
    check,
    last_error_text,
    make_function,
    raise_error,
    set_array_maker,
)

__all__ = [
    "NAME",
    "Function",
    "Handle",
    "OpaqueHandle",
    "Registration",
    "check",
    "claim",
    "conversion_for",
    "last_error_text",
    "make_function",
    "raise_error",
    "register",
    "register_codec",
    "register_conversion",
    "register_object",
    "set_array_maker",
]
