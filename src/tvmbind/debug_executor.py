"""``debug_executor.create`` and ``GraphModuleDebug`` under the module name that TVM's Python has them under."""

from .executor.debug import GraphModuleDebug, create

__all__ = ["GraphModuleDebug", "create"]
