"""Which ranges stand out among their like."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from calipers.answers import Range
from calipers.names import base_name
from calipers.plot.output import number

# Interquartile ranges beyond a quartile.
REACH = 3.0
# Fewer have no quartiles to speak of.
FEWEST = 5
# Ranges that are nearly all alike: log2 of it is still a factor of 2 at REACH.
_LEAST_SPREAD = 1 / REACH


@dataclass(frozen=True)
class SessionRange:
    """What one session answers, in two numbers."""

    session: str
    """{module}/{base_name}"""
    low: float
    high: float

    @property
    def finite(self) -> bool:
        """Neither end is NaN or infinity."""
        return bool(np.isfinite([self.low, self.high]).all())

    def __str__(self) -> str:
        return f"{number(self.low)} to {number(self.high)}"


def ranges_by_base_name(
    found: Mapping[str, Range | None],
) -> dict[str, list[SessionRange]]:
    """The answers there are, by base name, each list in the order of names with their numbers
    read as such: layer 2 before layer 10."""
    ranges: dict[str, list[SessionRange]] = {}
    for session in sorted(found, key=_natural):
        if (answer := found[session]) is not None:
            ranges.setdefault(base_name(session), []).append(
                SessionRange(session, answer.min.item(), answer.max.item())
            )
    return dict(sorted(ranges.items()))


def find_outliers(ranges: Iterable[SessionRange]) -> set[str]:
    """The sessions, of one base name, that stand out: those whose log2(max - min) is more than
    3 interquartile ranges below the first or above the third quartile, where an interquartile
    range counts for a third at least, so that they are a factor of 2 from it or more; a single
    value beside ranges; and any with NaN or infinity. Among fewer than 5 finite ranges none
    but the latter."""
    ranges = list(ranges)
    outliers = {one.session for one in ranges if not one.finite}
    widths = {one.session: _log_width(one) for one in ranges if one.finite}
    wide = [width for width in widths.values() if np.isfinite(width)]
    if len(wide) < FEWEST:
        return outliers
    first, third = np.quantile(wide, [0.25, 0.75])
    reach = REACH * max(third - first, _LEAST_SPREAD)
    return outliers | {
        session for session, width in widths.items() if not first - reach <= width <= third + reach
    }


def _log_width(one: SessionRange) -> float:
    with np.errstate(divide="ignore"):
        # Halves, so that the difference of two large ends is one, too.
        return float(np.log2(one.high / 2 - one.low / 2) + 1)


def _natural(session: str) -> list[tuple[int, str]]:
    parts = re.split(r"([0-9]+)", session)
    return [(int(part), "") if part.isdigit() else (-1, part) for part in parts]
