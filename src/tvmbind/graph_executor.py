"""``graph_executor.create`` and ``GraphModule`` under the module name that TVM's Python has them under."""

from .executor.graph import GraphModule, create

__all__ = ["GraphModule", "create"]
