"""Compares answers value by value."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np

from dyadic import Dyadic
from formats import Pair
from oracle import ExactPair

@dataclass
class Tally:
    """The compared values and the differences so far."""

    values: int = 0
    differences: list[str] = field(default_factory=list)

    def add(self, other: Tally) -> None:
        self.values += other.values
        self.differences += other.differences


def same(a: float, b: float) -> bool:
    """True if the values are equal. Zeros of both signs are equal, and all NaNs are equal. Other
    values are compared by value, which for one dtype is the same as by bits."""
    return a == b or (np.isnan(a) and np.isnan(b))


def _form(tally: Tally, label: str, dtype: str, shape: tuple[int, ...], given: Pair) -> bool:
    if (given.dtype, given.shape) == (dtype, shape):
        return True
    tally.differences.append(
        f"{label}: expected {dtype} of shape {shape}, got {given.dtype} of shape {given.shape}"
    )
    return False


def with_reference(label: str, expected: Pair, given: Pair) -> Tally:
    """Compares with a reference, bit for bit."""
    tally = Tally(values=2 * expected.min.size)
    if not _form(tally, label, expected.dtype, expected.shape, given):
        return tally
    for side in ("min", "max"):
        pairs = zip(getattr(expected, side), getattr(given, side), strict=True)
        for position, (wanted, got) in enumerate(pairs):
            if not same(wanted, got):
                tally.differences.append(
                    f"{label} {side}[{position}]: expected {float(wanted).hex()} = {wanted!r}, "
                    f"got {float(got).hex()} = {got!r}"
                )
    return tally


def with_oracle(
    label: str, expected: ExactPair, dtype: str, given: Pair, error: Fraction
) -> Tally:
    """Compares with exact numbers: each value may be off by `error`. Infinities and NaN must be
    where the exact fold has them."""
    tally = Tally(values=2 * len(expected.min))
    if not _form(tally, label, dtype, expected.shape, given):
        return tally
    for side in ("min", "max"):
        pairs = zip(getattr(expected, side), getattr(given, side), strict=True)
        for position, (exact, got) in enumerate(pairs):
            if _within(exact, float(got), error):
                continue
            wanted = exact.fraction() if exact.special is None else exact.special
            tally.differences.append(
                f"{label} {side}[{position}]: expected {float(wanted)!r} within "
                f"{float(error)!r}, got {float(got).hex()} = {got!r}"
            )
    return tally


def _within(exact: Dyadic, given: float, error: Fraction) -> bool:
    if exact.special is not None:
        return same(exact.special, given)
    return bool(np.isfinite(given)) and abs(exact.fraction() - Fraction(given)) <= error
