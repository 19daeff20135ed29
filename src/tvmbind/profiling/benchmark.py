"""``BenchmarkResult``: what was timed, its middle and its spread, as text and as a picture."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, Callable, NamedTuple, Optional, Union

from ..facts import TIME_EVALUATOR
from .figures import bar, quantile, unit_of


class BenchmarkResult(NamedTuple):
    """What a time evaluator measured: seconds per call, one number for each repeat."""

    results: tuple[float, ...]

    @property
    def mean(self) -> float:
        """Seconds."""
        return sum(self.results) / len(self.results)

    @property
    def median(self) -> float:
        """Seconds."""
        return quantile(self.results, 0.5)

    @property
    def min(self) -> float:
        """Seconds."""
        return min(self.results)

    @property
    def max(self) -> float:
        """Seconds."""
        return max(self.results)

    @property
    def std(self) -> float:
        """Standard deviation, in seconds."""
        return float((sum((x - self.mean) ** 2 for x in self.results) / len(self.results)) ** 0.5)

    @property
    def spread(self) -> float:
        """How far apart the middle half of the results is (the interquartile range), as a part of the median.

        What a busy machine adds to a few of them does not count; `max` shows it.
        """
        middle = quantile(self.results, 0.75) - quantile(self.results, 0.25)
        return middle / self.median if self.median else 0.0

    def histogram(self, bins: int = 8, width: int = 40) -> str:
        """The results as bars of text.

        Parameters
        ----------
        bins : int
            At most so many lines.
        width : int
            Characters of the longest bar.

        Returns
        -------
        str
            A line for each bin: where it starts, a bar, how many results. Results far above the others (more than
            four interquartile ranges over the median) are all in the last bin, which then is marked with ``≥``.
        """
        edges, counts, open_ended = _bins(self.results, bins)
        scale, unit = unit_of(self.median)
        starts = [f"{edge / scale:.4g} {unit}" for edge in edges]
        if open_ended:
            starts[-1] = f"≥ {starts[-1]}"
        room, most = max(map(len, starts)), max(counts)
        return "\n".join(
            f"{start:>{room}} │{bar(count / most, width)} {count or ''}".rstrip()
            for start, count in zip(starts, counts)
        )

    def plot(self, path: Union[str, os.PathLike[str], None] = None, title: str = "") -> Any:
        """The results as a picture: a histogram with the median, and each result in the order of measuring.

        Parameters
        ----------
        path : str or path, optional
            Where to save it; the ending says as what (``.png``, ``.svg``, ``.pdf``).
        title : str

        Returns
        -------
        matplotlib.figure.Figure

        Raises
        ------
        ImportError
            If there is no matplotlib: ``pip install 'tvmbind[plot]'``.
        """
        try:
            from matplotlib.figure import Figure
        except ImportError:
            raise ImportError("a plot needs matplotlib: pip install 'tvmbind[plot]'") from None
        scale, unit = unit_of(self.median)
        values = [each / scale for each in self.results]
        figure = Figure(figsize=(7, 3), layout="constrained")
        left, right = figure.subplots(1, 2)
        left.hist(values, bins="auto" if len(values) > 1 else 1, color="#4c78a8")
        left.axvline(self.median / scale, color="#e45756", label=f"median {self.median / scale:.4g} {unit}")
        left.set(xlabel=f"{unit} per call", ylabel="results")
        left.legend(frameon=False)
        right.plot(range(1, len(values) + 1), values, ".-", color="#4c78a8", linewidth=0.8)
        right.axhline(self.median / scale, color="#e45756", linewidth=1)
        right.set(xlabel="repeat", ylabel=f"{unit} per call")
        figure.suptitle(title or f"{len(values)} results, spread {self.spread:.1%}")
        if path is not None:
            figure.savefig(os.fspath(path), dpi=150)
        return figure

    def __str__(self) -> str:
        scale, unit = unit_of(self.median)
        named = ((name, getattr(self, name)) for name in ("median", "mean", "min", "max", "std"))
        line = ", ".join(f"{name} {value / scale:.4g} {unit}" for name, value in named)
        count = len(self.results)
        if count == 1:
            return f"{self.median / scale:.4g} {unit} (1 result)"
        return f"{line}, spread {self.spread:.1%} ({count} results)\n{self.histogram()}"


def check_numbers(given: Mapping[str, Any]) -> None:
    """Checks a time evaluator's numbers: the runtime divides by one, and loops for ever on a number of 0.

    Raises
    ------
    TypeError
        If one is no int.
    ValueError
        If one is out of range.
    """
    for name, value in given.items():
        if not hasattr(value, "__index__"):
            raise TypeError(f"{name} must be an int, got {value!r}")
        least = int(name in ("number", "repeat", "repeats_to_cooldown"))
        if not least <= value.__index__() < 2**31:
            raise ValueError(f"{name} must be from {least} to 2**31 - 1, got {value}")


def evaluator_arguments(minor: int, numbers: Mapping[str, Any], f_preproc: Optional[str] = None) -> list[Any]:
    """Those of a time evaluator's arguments that TVM 0.`minor` takes, in its order.

    Raises
    ------
    TypeError, ValueError
        As `check_numbers` does.
    """
    check_numbers(numbers)
    given = numbers if f_preproc is None else {**numbers, "f_preproc": f_preproc}
    names = TIME_EVALUATOR[max(first for first in TIME_EVALUATOR if first <= minor)]
    return [given[name] for name in names if name in given]


def time_calls(
    function: Callable[..., Any],
    args: tuple[Any, ...],
    number: int,
    repeat: int,
    min_repeat_ms: int,
    before: Optional[Callable[[], Any]] = None,
) -> tuple[float, ...]:
    """What a time evaluator does, from Python: seconds per call in each repeat, after a call to warm up."""
    from time import perf_counter

    function(*args)
    results = []
    for _ in range(repeat):
        if before is not None:
            before()
        while True:
            start = perf_counter()
            for _ in range(number):
                function(*args)
            taken = perf_counter() - start
            if taken * 1e3 >= min_repeat_ms:
                break
            number = max(int(number * min_repeat_ms / max(taken * 1e3, 1e-6)) + 1, number + 1)
        results.append(taken / number)
    return tuple(results)


def _bins(values: tuple[float, ...], most: int) -> tuple[list[float], list[int], bool]:
    """Where bins start, how many values are in each, and whether the last has no end."""
    if most < 1:
        raise ValueError(f"a histogram has at least 1 bin, got {most}")
    low, high = min(values), max(values)
    middle = quantile(values, 0.5)
    limit = middle + 4 * (quantile(values, 0.75) - quantile(values, 0.25))
    open_ended = low < limit < high and most > 1
    closed = max(1, min(most, len(values)) - open_ended)
    end = limit if open_ended else high
    step = (end - low) / closed
    if not step:
        return [low], [len(values)], False
    edges, counts = [low + step * number for number in range(closed)], [0] * closed
    above = 0
    for value in values:
        if value > end:
            above += 1
        else:
            counts[min(int((value - low) / step), closed - 1)] += 1
    return ([*edges, end], [*counts, above], True) if open_ended else (edges, counts, False)


__all__ = ["BenchmarkResult"]
