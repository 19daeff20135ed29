"""Figures as a person reads them: units, middles, bars of text."""

from __future__ import annotations

from typing import Any

_UNITS = ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs"), (1e-9, "ns"))
_BARS = " ▏▎▍▌▋▊▉█"


def unit_of(seconds: float) -> tuple[float, str]:
    """The unit that a duration reads best in: how many seconds it is, and its name."""
    return next((each for each in _UNITS if seconds >= 0.9995 * each[0]), _UNITS[-1])


def time_text(microseconds: float) -> str:
    """A duration to three digits, in the unit that it reads best in."""
    scale, unit = unit_of(microseconds * 1e-6)
    value = microseconds * 1e-6 / scale
    return f"{value:.0f} {unit}" if value >= 100 else f"{value:.3g} {unit}"


def quantile(values: Any, part: float) -> float:
    """The value below which a part of the values is, between two where it falls there."""
    ordered = sorted(values)
    place = part * (len(ordered) - 1)
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return float(ordered[low] + (ordered[high] - ordered[low]) * (place - low))


def bar(part: float, width: int) -> str:
    """A bar of text: a part from 0 to 1 of a width in characters, to an eighth of one."""
    eighths = round(min(max(part, 0.0), 1.0) * width * 8)
    if part > 0:
        eighths = max(eighths, 1)  # something that is there is to be seen
    return "█" * (eighths // 8) + (_BARS[eighths % 8] if eighths % 8 else "")
