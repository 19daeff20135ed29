"""The compiled CFFI module: its functions are those of cdefs/, its types are CFFI's own."""

from typing import Any

ffi: Any
lib: Any
