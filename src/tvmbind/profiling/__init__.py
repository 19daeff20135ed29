"""Where a model's time goes: `Report`, step by step, and `BenchmarkResult`, as a whole.

Nothing here needs a runtime: what measures is in ``executor`` and ``module``.
"""

from .benchmark import BenchmarkResult
from .report import Call, Operator, Report

__all__ = ["BenchmarkResult", "Call", "Operator", "Report"]
