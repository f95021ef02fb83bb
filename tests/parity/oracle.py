"""The correct answers of exact arithmetic: folds of exact numbers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce as fold_left

import numpy as np

from cases import Case
from dyadic import Dyadic, average, lower, upper
from geometry import reduce


@dataclass(frozen=True)
class ExactPair:
    """A minimum and a maximum before rounding."""

    shape: tuple[int, ...]
    min: list[Dyadic]
    max: list[Dyadic]


Fold = Callable[[ExactPair, ExactPair], ExactPair]


def _extremes(past: ExactPair, new: ExactPair) -> ExactPair:
    low = [lower(a, b) for a, b in zip(past.min, new.min, strict=True)]
    high = [upper(a, b) for a, b in zip(past.max, new.max, strict=True)]
    return ExactPair(past.shape, low, high)


def _moving_average(constant: float) -> Fold:
    weight = Dyadic.of(constant)

    def fold(past: ExactPair, new: ExactPair) -> ExactPair:
        if constant == 1.0:
            return new
        low = [average(a, b, weight) for a, b in zip(past.min, new.min, strict=True)]
        high = [average(a, b, weight) for a, b in zip(past.max, new.max, strict=True)]
        return ExactPair(past.shape, low, high)

    return fold


def fold_of(case: Case) -> Fold:
    """The function with which the case's observer folds the next record."""
    if case.observer == "minmax":
        return _moving_average(case.constant)
    if case.observer == "static_minmax":
        return _extremes
    return lambda past, new: new


def _exact(low: np.ndarray, high: np.ndarray) -> ExactPair:
    values = [[Dyadic.of(x) for x in side.ravel().tolist()] for side in (low, high)]
    return ExactPair(low.shape, *values)


def _whole(pair: ExactPair) -> ExactPair:
    """The minimum and maximum over all parameters of a pair."""
    return ExactPair((1,), [fold_left(lower, pair.min)], [fold_left(upper, pair.max)])


def exact_answers(case: Case) -> list[dict[str, ExactPair] | None]:
    """The answers, by name, at each of the case's checkpoints."""
    fold = fold_of(case)
    state: dict[str, ExactPair] = {}
    answers: list[dict[str, ExactPair] | None] = []
    for count, tensor in enumerate(case.tensors, start=1):
        if tensor.size:
            own = _exact(*reduce(tensor, "weight", "tensor", None, None))
            current = _exact(
                *reduce(
                    tensor, case.base_name, case.strategy, case.group_size, case.block_structure
                )
            )
            state = {
                "range": fold(state["range"], current) if state else current,
                "current": current,
                "global": fold(state["global"], own) if state else own,
                "current_global": own,
            }
        if count in case.checkpoints:
            answers.append({**state, "global_of_range": _whole(state["range"])} if state else None)
    return answers
