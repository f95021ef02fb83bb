"""Exact numbers: rounding and averages, compared with numpy and fractions."""

from __future__ import annotations

import math
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.configuration import set_hypothesis_home_dir

from dyadic import Dyadic, average, lower, to_float32, upper

set_hypothesis_home_dir(Path(__file__).resolve().parents[2] / "build" / "hypothesis")
settings.register_profile("parity", database=None, deadline=None, derandomize=True)
settings.load_profile("parity")

FINITE = st.floats(allow_nan=False, allow_infinity=False)
ANY = st.floats(width=32)
CONSTANTS = st.floats(0, 1)


@given(FINITE)
def test_rounds_as_the_processor_does(value: float) -> None:
    with np.errstate(over="ignore"):
        expected = float(np.float32(value))
    assert to_float32(Dyadic.of(value)) == expected


@pytest.mark.parametrize(
    ("value", "rounded"),
    [
        (Fraction(2**24 + 1), 2.0**24),
        (Fraction(2**24 + 3), 2.0**24 + 4),
        (Fraction(1, 2**150), 0.0),
        (Fraction(3, 2**150), 2.0**-148),
        (Fraction(2**25 - 1, 2) * 2**104, math.inf),
        (-Fraction(2**25 - 1, 2) * 2**104, -math.inf),
    ],
)
def test_ties_go_to_even(value: Fraction, rounded: float) -> None:
    exact = Dyadic(value.numerator, value.denominator.bit_length() - 1)
    assert to_float32(exact) == rounded


@given(FINITE, FINITE, CONSTANTS)
def test_averages_without_rounding(past: float, current: float, constant: float) -> None:
    found = average(Dyadic.of(past), Dyadic.of(current), Dyadic.of(constant))
    weight = Fraction(constant)
    assert found.fraction() == Fraction(past) * (1 - weight) + Fraction(current) * weight


@given(ANY, ANY)
def test_extremes_are_those_of_numpy(a: float, b: float) -> None:
    for ours, theirs in ((lower, np.minimum), (upper, np.maximum)):
        found = to_float32(ours(Dyadic.of(a), Dyadic.of(b)))
        np.testing.assert_equal(found + 0.0, float(theirs(a, b)) + 0.0)


@pytest.mark.parametrize(
    ("past", "current", "constant", "expected"),
    [
        (math.inf, 1.0, 0.25, math.inf),
        (1.0, -math.inf, 0.25, -math.inf),
        (math.inf, -math.inf, 0.25, math.nan),
        (math.nan, 1.0, 0.25, math.nan),
        (1.0, math.inf, 0.0, math.nan),
        (math.inf, 1.0, 0.0, math.inf),
    ],
)
def test_averages_of_infinities(
    past: float, current: float, constant: float, expected: float
) -> None:
    found = average(Dyadic.of(past), Dyadic.of(current), Dyadic.of(constant))
    np.testing.assert_equal(to_float32(found), expected)
