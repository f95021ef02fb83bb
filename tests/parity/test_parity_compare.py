"""The comparison of answers: differences and equal values."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from compare import with_oracle, with_reference
from dyadic import Dyadic
from formats import Pair
from oracle import ExactPair


def pair(*values: float, dtype: str = "F32") -> Pair:
    array = np.array(values)
    return Pair(dtype, array.shape, array, array)


def exact(value: Fraction) -> ExactPair:
    number = Dyadic(value.numerator, value.denominator.bit_length() - 1)
    return ExactPair((1,), [number], [number])


def test_equal_zeros_and_nan_do_not_differ() -> None:
    tally = with_reference("", pair(0.0, np.nan, 1.0), pair(-0.0, -np.nan, 1.0))
    assert (tally.values, tally.differences) == (6, [])


def test_one_bit_differs() -> None:
    beside = float(np.nextafter(np.float32(1), np.float32(2)))
    assert len(with_reference("", pair(1.0), pair(beside)).differences) == 2
    assert len(with_oracle("", exact(Fraction(1)), "F32", pair(beside)).differences) == 2


def test_nan_and_infinity_differ_from_numbers() -> None:
    for value in (np.nan, np.inf):
        assert with_reference("", pair(value), pair(1.0)).differences
        assert with_reference("", pair(1.0), pair(value)).differences
        assert with_oracle("", exact(Fraction(1)), "F32", pair(value)).differences


def test_dtype_and_shape_differ() -> None:
    assert with_reference("", pair(1.0), pair(1.0, dtype="BF16")).differences
    assert with_reference("", pair(1.0), pair(1.0, 1.0)).differences


def test_both_sides_of_a_tie_are_accepted_but_only_near_it() -> None:
    beside = float(np.nextafter(np.float32(1), np.float32(2)))
    middle = (1 + Fraction(beside)) / 2
    near = with_oracle("", exact(middle - Fraction(1, 2**40)), "F32", pair(beside))
    assert (near.ties, near.differences) == (2, [])
    far = with_oracle("", exact(middle - Fraction(1, 2**30)), "F32", pair(beside))
    assert (far.ties, len(far.differences)) == (0, 2)
