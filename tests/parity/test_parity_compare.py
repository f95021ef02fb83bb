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
    below = Fraction(1, 2**25)
    assert len(with_oracle("", exact(Fraction(1)), "F32", pair(beside), below).differences) == 2


def test_nan_and_infinity_differ_from_numbers() -> None:
    for value in (np.nan, np.inf):
        assert with_reference("", pair(value), pair(1.0)).differences
        assert with_reference("", pair(1.0), pair(value)).differences
        assert with_oracle("", exact(Fraction(1)), "F32", pair(value), Fraction(1)).differences


def test_dtype_and_shape_differ() -> None:
    assert with_reference("", pair(1.0), pair(1.0, dtype="BF16")).differences
    assert with_reference("", pair(1.0), pair(1.0, 1.0)).differences


def test_the_error_of_the_fold_is_accepted_and_no_more() -> None:
    error = Fraction(1, 2**40)
    for off, differences in ((error, 0), (-error, 0), (error * 2, 2), (-error * 2, 2)):
        found = with_oracle("", exact(1 + off), "F64", pair(1.0, dtype="F64"), error)
        assert len(found.differences) == differences


def test_a_special_value_must_be_where_the_exact_fold_has_it() -> None:
    infinite = ExactPair((1,), [Dyadic(special=np.inf)], [Dyadic(special=np.inf)])
    assert not with_oracle("", infinite, "F64", pair(np.inf, dtype="F64"), Fraction(1)).differences
    for value in (-np.inf, np.nan, 1e308):
        given = pair(value, dtype="F64")
        assert len(with_oracle("", infinite, "F64", given, Fraction(1)).differences) == 2
