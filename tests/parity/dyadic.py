"""Exact numbers: integers divided by powers of two, infinities and NaN.

Every float is such a number, and so are all products and sums of floats, so a fold of such numbers
never rounds. They are faster than fractions, because they are not reduced to lowest terms.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

FLOAT32_DIGITS = 24
FLOAT32_LEAST_EXPONENT = -149
FLOAT32_OVERFLOW = Fraction(2**25 - 1, 2) * 2**104


@dataclass(frozen=True)
class Dyadic:
    """numerator / 2**exponent; or `special`, an infinity or NaN."""

    numerator: int = 0
    exponent: int = 0
    special: float | None = None

    @classmethod
    def of(cls, value: float) -> Dyadic:
        if not math.isfinite(value):
            return cls(special=value)
        numerator, denominator = value.as_integer_ratio()
        return cls(numerator, denominator.bit_length() - 1)

    def fraction(self) -> Fraction:
        """The value as a Fraction. Not for infinities and NaN."""
        return Fraction(self.numerator, 1 << self.exponent)

    def is_nan(self) -> bool:
        return self.special is not None and math.isnan(self.special)

    def _order(self) -> Fraction | float:
        return self.fraction() if self.special is None else self.special

    def __lt__(self, other: Dyadic) -> bool:
        if self.special is None and other.special is None:
            return self.numerator << other.exponent < other.numerator << self.exponent
        return self._order() < other._order()


def lower(a: Dyadic, b: Dyadic) -> Dyadic:
    """The smaller number; NaN if either is NaN."""
    return a if a.is_nan() or (not b.is_nan() and a < b) else b


def upper(a: Dyadic, b: Dyadic) -> Dyadic:
    """The larger number; NaN if either is NaN."""
    return a if a.is_nan() or (not b.is_nan() and b < a) else b


def average(past: Dyadic, current: Dyadic, constant: Dyadic) -> Dyadic:
    """past * (1 - constant) + current * constant, without rounding."""
    keep = (1 << constant.exponent) - constant.numerator
    if past.special is None and current.special is None:
        exponent = max(past.exponent, current.exponent)
        kept = (past.numerator << (exponent - past.exponent)) * keep
        taken = (current.numerator << (exponent - current.exponent)) * constant.numerator
        return Dyadic(kept + taken, exponent + constant.exponent)
    # An infinity or NaN decides the sum, unless its weight is zero.
    left = (past.special or 0.0) * float(keep > 0)
    right = (current.special or 0.0) * float(constant.numerator > 0)
    return Dyadic(special=left + right)


def to_float32(value: Dyadic) -> float:
    """The nearest float32, ties to even, as a Python float."""
    if value.special is not None:
        return value.special
    magnitude, sign = abs(value.numerator), -1 if value.numerator < 0 else 1
    if abs(value.fraction()) >= FLOAT32_OVERFLOW:
        return sign * math.inf
    # The unit in the last place is 2**unit.
    unit = max(magnitude.bit_length() - value.exponent - FLOAT32_DIGITS, FLOAT32_LEAST_EXPONENT)
    drop = unit + value.exponent
    if drop <= 0:
        return sign * math.ldexp(magnitude << -drop, unit)
    quotient, rest = magnitude >> drop, magnitude & ((1 << drop) - 1)
    half = 1 << (drop - 1)
    quotient += rest > half or (rest == half and quotient & 1)
    return sign * math.ldexp(quotient, unit)
