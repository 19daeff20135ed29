"""Executors: a model that TVM compiled, with inputs, outputs and ``run``."""

from .graph import GraphModule

__all__ = ["GraphModule"]
