"""``Call``: one step of a model, and how long it took."""

from __future__ import annotations

from typing import NamedTuple, Optional

from .names import operator_of


class Call(NamedTuple):
    """One step of a model: an operator, as it was called.

    Attributes
    ----------
    name : str
        The compiled function's.
    microseconds : float
        How long it took, all its calls together.
    shapes : str
        Element types and shapes of its arguments, as TVM writes them; the last are what it writes to.
    layout : str
        Layouts that the compiler chose, where it says.
    device : str
    calls : int
        How often it was called.
    start : float, optional
        When, in microseconds from the start of the run; the end of the step before, where nothing tells.
    percent : float
        Part of the time of all steps.
    """

    name: str
    microseconds: float
    shapes: str = ""
    layout: str = ""
    device: str = "cpu0"
    calls: int = 1
    start: Optional[float] = None
    percent: float = 0.0

    @property
    def operator(self) -> str:
        """The name without what only tells it from others: the model's, and numbers at the end."""
        return operator_of(self.name)
