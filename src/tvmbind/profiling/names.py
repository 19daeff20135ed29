"""Names, shapes and layouts of steps as a person reads them, of what compilers write."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any


def operator_of(name: str) -> str:
    """A compiled function's name without the model's, and without numbers that tell it from others."""
    short = short_name(name)
    relay = short != name and name.startswith("tvmgen_")
    short = re.sub(r"(_[0-9a-f]{12,})?(_\d+)?_?$", "", short) or short
    # Relax numbers each part: fused_conv2d1_add1.
    return short if relay else re.sub(r"(?<=[a-z])\d+(?=_|$)", "", short)


def short_name(name: str) -> str:
    """A compiled function's name without the model's, and without "fused"."""
    return re.sub(r"^(tvmgen_.*?_fused_|tvmgen_default_|vm_mod_fused_|fused_)", "", name) or name


def flow_of(shapes: str) -> str:
    """The first and the last of a step's arguments: what goes in and what comes out."""
    parts = re.findall(r"\w+\[[^\]]*\]", shapes)
    if not parts:
        return shapes
    first, last = parts[0], parts[-1]
    dtype, _, shape = last.partition("[")
    text = f"{first} → {f'[{shape}' if first.startswith(f'{dtype}[') else last}" if len(parts) > 1 else first
    return (
        text.replace(", ", "\N{MULTIPLICATION SIGN}").replace("→ [", "→ ").replace("[", " ").replace("]", "").rstrip()
    )


def layout_of(attributes: Mapping[str, Any]) -> str:
    """The layouts among an operator's attributes, as TVM names them: ``data_layout``, ``kernel_layout``, ..."""
    named = {key: attributes[key] for key in sorted(attributes) if key.endswith("layout") and attributes[key]}
    return ", ".join(f"{key[: -len('_layout')]} {value}" if "_" in key else str(value) for key, value in named.items())
