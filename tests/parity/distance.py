"""The distance of PyTorch's fold in the tensor's dtype from the exact fold."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from cases import DEFAULT_CONSTANT, Case
from dyadic import Dyadic, average, to_float32
from formats import NUMPY_DTYPES, Answers
from oracle import ExactPair
from references import Reference, series_job

# Bits of the significand including the leading bit, and the smallest normal exponent.
PRECISIONS = {"F32": (24, -126), "F16": (11, -14), "BF16": (8, -126)}
BATCHES = 512


def units(dtype: str, exact: float, given: float) -> float:
    """The distance in units in the last place of `exact` in `dtype`."""
    digits, least = PRECISIONS[dtype]
    exponent = max(int(np.frexp(exact)[1]) - 1, least) if exact else least
    return abs(given - exact) / 2.0 ** (exponent - digits + 1)


@dataclass
class Distances:
    """Distances of the moving averages of all cases by dtype, in units in the last place."""

    found: dict[str, list[float]] = field(default_factory=dict)

    def add(self, case: Case, answers: Answers, exact: dict[str, ExactPair] | None) -> None:
        """Adds a case's last answers, if both have the same parameters."""
        if case.observer != "minmax" or not answers or not exact:
            return
        given, expected = answers["range"], exact["range"]
        if given.shape != expected.shape:
            return
        into = self.found.setdefault(case.dtype, [])
        for side in ("min", "max"):
            for value, dyadic in zip(getattr(given, side), getattr(expected, side), strict=True):
                rounded = to_float32(dyadic)
                if np.isfinite([value, rounded]).all():
                    into.append(units(case.dtype, rounded, value))

    def lines(self) -> list[str]:
        lines = [f"{'dtype':<6} {'values':>8} {'median':>8} {'99 %':>8} {'most':>10}"]
        for dtype, values in sorted(self.found.items()):
            if not values:
                continue
            middle, high = np.quantile(values, [0.5, 0.99])
            lines.append(
                f"{dtype:<6} {len(values):>8} {middle:>8.2f} {high:>8.2f} {max(values):>10.4g}"
            )
        return lines


def _step(first: float, then: float) -> list[np.ndarray]:
    return [np.full((1, 1), first), *[np.full((1, 1), then)] * (BATCHES - 1)]


def _series() -> dict[str, list[np.ndarray]]:
    rng = np.random.default_rng(2024)
    normals = [rng.normal(size=(32, 128)) for _ in range(BATCHES)]
    return {
        "10, then 20": _step(10, 20),
        "20, then 10": _step(20, 10),
        "10, then 11": _step(10, 11),
        "4,096 normals": normals,
    }


def _exact_fold(tensors: list[np.ndarray]) -> float:
    constant = Dyadic.of(DEFAULT_CONSTANT)
    highest = [Dyadic.of(float(tensor.astype(np.float64).max())) for tensor in tensors]
    state = highest[0]
    for value in highest[1:]:
        state = average(state, value, constant)
    return to_float32(state)


def stall_lines(reference: Reference) -> list[str]:
    """A table of the maximum after BATCHES batches, in PyTorch and exact, for the same elements."""
    lines = [f"{'series':<16}" + "".join(f"{dtype:>10} {'exact':>10}" for dtype in PRECISIONS)]
    for label, numbers in _series().items():
        line = f"{label:<16}"
        for dtype in PRECISIONS:
            tensors = [tensor.astype(NUMPY_DTYPES[dtype]) for tensor in numbers]
            sent = [(tensor.shape, tensor.tobytes()) for tensor in tensors]
            (answers,) = reference.run(series_job(dtype, sent, (BATCHES,)))
            assert answers
            line += f"{answers['range'].max[0]:>10.6g} {_exact_fold(tensors):>10.6g}"
        lines.append(line)
    return lines
