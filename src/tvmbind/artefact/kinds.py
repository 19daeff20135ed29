"""The kinds of modules that are models, by their type: what runs them, and which runtimes have that.

Source: TVM's ``src/runtime/``: ``graph_executor``, ``aot_executor``, ``vm``, ``relax_vm``.
"""

from __future__ import annotations

from typing import NamedTuple


class Kind(NamedTuple):
    """A kind of module.

    Attributes
    ----------
    executor : str
        What runs it.
    needs : str
        What of a runtime it needs, and which versions have it.
    """

    executor: str
    needs: str


KINDS = {
    "GraphExecutorFactory": Kind("graph executor", "a graph executor (TVM 0.8 to 0.19)"),
    "GraphRuntimeFactory": Kind("graph executor", "a graph executor (TVM 0.7 to 0.19)"),
    "AotExecutorFactory": Kind("AOT executor", "an AOT executor (TVM 0.9 to 0.19)"),
    "VMExecutable": Kind("Relay virtual machine", "Relay's virtual machine (TVM 0.7 to 0.19)"),
    "relax.Executable": Kind("Relax virtual machine", "Relax's virtual machine of TVM 0.14 to 0.19"),
    "relax.VMExecutable": Kind("Relax virtual machine", "Relax's virtual machine of TVM 0.20 or newer"),
}
GRAPH = ("GraphExecutorFactory", "GraphRuntimeFactory")
AOT = "AotExecutorFactory"
RELAY = "VMExecutable"
RELAX = ("relax.Executable", "relax.VMExecutable")


def needs(kind: str) -> str:
    """What of a runtime a module of this kind, or of any other, needs."""
    return KINDS[kind].needs if kind in KINDS else f"a loader of {kind}"
