"""Executors: a model that TVM compiled, with inputs, outputs and ``run``."""

from .aot import AotModule
from .debug import GraphModuleDebug
from .graph import GraphModule
from .relax_vm import RelaxVirtualMachine
from .relay_vm import VirtualMachine

__all__ = ["AotModule", "GraphModule", "GraphModuleDebug", "RelaxVirtualMachine", "VirtualMachine"]
