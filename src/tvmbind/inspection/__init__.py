"""What is in a compiled model, told from its files alone: no runtime, and none of their code, is run."""

from .report import inspect, inspect_each

__all__ = ["inspect", "inspect_each"]
