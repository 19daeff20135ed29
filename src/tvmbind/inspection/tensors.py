"""Inputs and outputs as a report has them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Optional

from ..executor.inputs import TensorInfo


def tensors(infos: Optional[Iterable[TensorInfo]]) -> Optional[list[dict[str, Any]]]:
    """Several; None where nothing tells."""
    if infos is None:
        return None
    return [tensor(info) for info in infos]


def tensor(info: TensorInfo) -> dict[str, Any]:
    """One."""
    shape = None if info.shape is None else list(info.shape)
    return {"name": info.name, "dtype": None if info.dtype is None else str(info.dtype), "shape": shape}
