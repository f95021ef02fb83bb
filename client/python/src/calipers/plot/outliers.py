"""Outliers among the ranges of sessions with the same base name."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from calipers.answers import Range
from calipers.names import base_name
from calipers.plot.output import number

# An outlier is more interquartile ranges than this beyond a quartile.
REACH = 3.0
# Quartiles of fewer ranges are meaningless.
FEWEST = 5
# The smallest interquartile range in log2, for nearly equal ranges. REACH times this value is a
# factor of 2.
_LEAST_SPREAD = 1 / REACH


@dataclass(frozen=True)
class SessionRange:
    """The range of one session, as two numbers."""

    session: str
    """{module}/{base_name}"""
    low: float
    high: float

    @property
    def finite(self) -> bool:
        """True if both ends are finite."""
        return bool(np.isfinite([self.low, self.high]).all())

    def __str__(self) -> str:
        return f"{number(self.low)} to {number(self.high)}"


def ranges_by_base_name(
    found: Mapping[str, Range | None],
) -> dict[str, list[SessionRange]]:
    """The ranges of sessions with an answer, by base name. Lists are sorted by session name, with
    numbers in numeric order: layer 2 is before layer 10."""
    ranges: dict[str, list[SessionRange]] = {}
    for session in sorted(found, key=_natural):
        if (answer := found[session]) is not None:
            ranges.setdefault(base_name(session), []).append(
                SessionRange(session, answer.min.item(), answer.max.item())
            )
    return dict(sorted(ranges.items()))


def find_outliers(ranges: Iterable[SessionRange]) -> set[str]:
    """The names of the outliers among sessions of one base name.

    A session is an outlier if log2(max - min) is more than 3 interquartile ranges below the first
    or above the third quartile. The interquartile range counts as at least 1/3, so that an outlier
    is at least a factor of 2 beyond the quartile. A range of a single value is an outlier among
    wider ranges. NaN and infinity always make an outlier. With fewer than 5 finite ranges, only
    NaN and infinity do.
    """
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
        # The ends are halved, so that the difference of large ends does not overflow.
        return float(np.log2(one.high / 2 - one.low / 2) + 1)


def _natural(session: str) -> list[tuple[int, str]]:
    parts = re.split(r"([0-9]+)", session)
    return [(int(part), "") if part.isdigit() else (-1, part) for part in parts]
