"""Compares answers value by value."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np

from dyadic import Dyadic, to_float32
from formats import Pair
from oracle import ExactPair

TIE = Fraction(1, 10**10)


@dataclass
class Tally:
    """The compared values and the differences so far."""

    values: int = 0
    ties: int = 0
    differences: list[str] = field(default_factory=list)

    def add(self, other: Tally) -> None:
        self.values += other.values
        self.ties += other.ties
        self.differences += other.differences


def same(a: float, b: float) -> bool:
    """True if the values are equal. Zeros of both signs are equal, and all NaNs are equal. Other
    values are compared by value, which for one dtype is the same as by bits."""
    return a == b or (np.isnan(a) and np.isnan(b))


def near_tie(exact: Dyadic, rounded: float, given: float) -> bool:
    """True if `given` is a neighbour of `rounded` in float32, and the exact value is within a
    relative distance of 1e-10 from the middle between them."""
    if exact.special is not None or not np.isfinite([rounded, given]).all():
        return False
    if np.nextafter(np.float32(rounded), np.float32(given)) != np.float32(given):
        return False
    value, middle = exact.fraction(), (Fraction(rounded) + Fraction(given)) / 2
    return abs(value - middle) <= TIE * abs(value)


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


def with_oracle(label: str, expected: ExactPair, dtype: str, given: Pair) -> Tally:
    """Compares with the correctly rounded float32; near a tie (within 1e-10 relative) both
    neighbours are correct."""
    tally = Tally(values=2 * len(expected.min))
    if not _form(tally, label, dtype, expected.shape, given):
        return tally
    for side in ("min", "max"):
        pairs = zip(getattr(expected, side), getattr(given, side), strict=True)
        for position, (exact, got) in enumerate(pairs):
            rounded = to_float32(exact)
            if same(rounded, got):
                continue
            if near_tie(exact, rounded, got):
                tally.ties += 1
                continue
            tally.differences.append(
                f"{label} {side}[{position}]: expected {rounded.hex()} = {rounded!r}, "
                f"got {float(got).hex()} = {got!r}"
            )
    return tally
