"""Growing folds: the session's answer after each of its records."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calipers.errors import InvalidArgumentError

_Round = Callable[[Any], Any]


@dataclass(frozen=True)
class Fold:
    """The fold of a session. docs/numbers.md gives the rules."""

    observer: str
    """"minmax", "static_minmax" or "memoryless_minmax"."""
    averaging_constant: float
    """The averaging constant of minmax."""
    reference: bool
    """True for REFERENCE arithmetic: every operation of the average is rounded to `dtype`."""
    weighted: bool
    """True for weighting NUM_OBSERVATIONS."""
    dtype: str
    """The observed dtype's safetensors name."""

    def grow(
        self, lows: NDArray[Any], highs: NDArray[Any], num_observations: NDArray[np.int64]
    ) -> tuple[NDArray[Any], NDArray[Any]]:
        """The folds of the minima and of the maxima after each record. Arguments and results have
        shape (m,); the results are float64.
        """
        lows, highs = lows.astype(np.float64), highs.astype(np.float64)
        with np.errstate(all="ignore"):
            if self.observer == "minmax":
                return self._average(lows, num_observations), self._average(highs, num_observations)
            if self.observer == "static_minmax":
                return np.minimum.accumulate(lows), np.maximum.accumulate(highs)
            return lows, highs

    def _average(self, values: NDArray[Any], num_observations: NDArray[np.int64]) -> NDArray[Any]:
        weights = [self._weight(int(n)) for n in num_observations]
        scalar, rounded = _arithmetic(self.dtype if self.reference else "F64")
        averages = np.empty_like(values)
        past = scalar(0)
        for at, (value, weight) in enumerate(zip(values, weights, strict=True)):
            current = scalar(value)
            if at == 0:
                past = current
            else:
                kept = rounded(past * scalar(1 - weight))
                past = rounded(kept + rounded(current * scalar(weight)))
            averages[at] = past
        return averages

    def _weight(self, num_observations: int) -> float:
        """1 - (1 - c)^n, computed by doubling, with the server's order of operations."""
        if not self.weighted:
            return self.averaging_constant
        weight, power = 0.0, self.averaging_constant
        while num_observations:
            if num_observations & 1:
                weight = power + weight * (1 - power)
            power = power + power * (1 - power)
            num_observations >>= 1
        return weight


def _arithmetic(dtype: str) -> tuple[type[np.floating[Any]], _Round]:
    """The dtype in which an average is computed, and the rounding after each operation."""
    if dtype == "F64":
        return np.float64, lambda x: x
    if dtype == "F16":
        return np.float32, lambda x: np.float32(np.float16(x))
    if dtype == "BF16":
        return np.float32, _to_bfloat16
    return np.float32, lambda x: x


def _to_bfloat16(x: np.float32) -> np.float32:
    """Rounds to the nearest bfloat16, ties to even."""
    if not np.isfinite(x):
        return x
    bits = int(x.view(np.uint32))
    bits += 0x7FFF + ((bits >> 16) & 1)
    rounded: np.float32 = np.uint32(bits & 0xFFFF_0000).view(np.float32)
    return rounded


def check_constants(averaging_constants: Iterable[float]) -> tuple[float, ...]:
    """The constants without repetitions. Raises InvalidArgumentError for a constant that is not in
    [0, 1]."""
    constants = tuple(dict.fromkeys(float(constant) for constant in averaging_constants))
    for constant in constants:
        if math.isnan(constant) or not 0 <= constant <= 1:
            raise InvalidArgumentError(f"averaging constant {constant:g} is not in [0, 1]")
    return constants
