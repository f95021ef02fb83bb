"""Random elements: ordinary values, special values, NaN and infinities."""

from __future__ import annotations

import numpy as np

from formats import NUMPY_DTYPES


def _bit_patterns(rng: np.random.Generator, dtype: np.dtype, count: int) -> np.ndarray:
    """Finite values of every exponent, including subnormals."""
    unsigned = np.dtype(f"u{dtype.itemsize}")
    bits = rng.integers(0, np.iinfo(unsigned).max, count, unsigned, endpoint=True)
    found = bits.view(dtype)
    with np.errstate(invalid="ignore"):  # These include signalling NaNs.
        finite = np.isfinite(found.astype(np.float64))
    found[~finite] = 1
    return found


def _numbers(rng: np.random.Generator, kind: str, level: float, count: int) -> np.ndarray:
    if kind == "normal":
        return rng.normal(0.0, level, count)
    if kind == "offset":
        return 10.0 * level + rng.normal(0.0, level, count)
    if kind == "heavy":
        return level * rng.standard_cauchy(count)
    # Few different values, including zeros of both signs.
    return rng.integers(-3, 4, count) * rng.choice([-0.5, 0.5], count)


def fill(rng: np.random.Generator, dtype: str, shapes: list[tuple[int, ...]]) -> list[np.ndarray]:
    """Fills tensors with one kind of values. 30 % of the series have a few NaNs or infinities."""
    numpy_dtype = NUMPY_DTYPES[dtype]
    kind = str(rng.choice(["normal", "offset", "heavy", "few", "bits"]))
    level = float(10.0 ** rng.uniform(-3, 3))
    largest = 65504.0 if dtype == "F16" else 3.0e38
    non_finite = rng.random() < 0.3
    tensors = []
    for shape in shapes:
        count = int(np.prod(shape))
        if kind == "bits":
            flat = _bit_patterns(rng, numpy_dtype, count)
        else:
            drift = 1.0 + 0.1 * rng.normal()
            numbers = np.clip(drift * _numbers(rng, kind, level, count), -largest, largest)
            flat = numbers.astype(numpy_dtype)
        if non_finite and count and rng.random() < 0.2:
            flat[rng.integers(count)] = rng.choice([np.nan, np.inf, -np.inf])
        tensors.append(flat.reshape(shape))
    return tensors
