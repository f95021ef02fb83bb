"""The oracle compared with plain float64 folds, and its cases."""

from __future__ import annotations

import numpy as np
import pytest

from cases import ACCEPTED, BATCHES, COMBINATIONS, Case, combination, make_case
from dyadic import to_float32
from geometry import reduce
from oracle import exact_answers


def _fold(case: Case, past: np.ndarray, new: np.ndarray) -> np.ndarray:
    if case.observer == "static_minmax":
        return np.maximum(past, new)
    if case.observer == "memoryless_minmax" or case.constant == 1.0:
        return new
    with np.errstate(invalid="ignore"):
        return past * (1.0 - case.constant) + new * case.constant


def _double_fold(case: Case) -> np.ndarray | None:
    """The observer's last maximum in float64."""
    state = None
    for tensor in case.tensors:
        if tensor.size:
            _, new = reduce(
                tensor, case.base_name, case.strategy, case.group_size, case.block_structure
            )
            state = new if state is None else _fold(case, state, new)
    return state


# Only reference arithmetic supports some shapes.
CASES = [case for case in (make_case(3, n) for n in range(COMBINATIONS)) if case.layout.exact]


@pytest.mark.parametrize("case", CASES, ids=range(len(CASES)))
def test_agrees_with_a_float64_fold(case: Case) -> None:
    expected = _double_fold(case)
    answers = exact_answers(case)[-1]
    if expected is None:
        assert answers is None
        return
    assert answers
    found = [to_float32(value) for value in answers["range"].max]
    assert answers["range"].shape == expected.shape
    # A sum of nearly cancelling terms has few correct digits.
    most = max(float(np.abs(t.astype(np.float64)).max()) for t in case.tensors if t.size)
    slack = 1e-12 * most if np.isfinite(most) else 0.0
    np.testing.assert_allclose(found, expected.ravel(), rtol=1e-6, atol=max(slack, 2.0**-149))


def test_every_combination_is_among_the_first() -> None:
    seen = {combination(number) for number in range(COMBINATIONS)}
    assert len(seen) == COMBINATIONS
    assert {(base_name, strategy) for base_name, strategy, _, _ in seen} == {
        (base_name, strategy) for base_name, found in ACCEPTED.items() for strategy in found
    }


def test_a_seed_gives_the_same_case_again_and_another_another() -> None:
    one, again, other = make_case(1, 7), make_case(1, 7), make_case(2, 7)
    assert one.describe() == again.describe() != other.describe()
    assert len(one.tensors) == BATCHES
    for a, b in zip(one.tensors, again.tensors, strict=True):
        assert a.tobytes() == b.tobytes()


def test_cases_hold_nan_infinities_and_empty_tensors() -> None:
    tensors = [tensor for number in range(60) for tensor in make_case(5, number).tensors]
    values = [tensor.astype(np.float64) for tensor in tensors]
    assert any(np.isnan(value).any() for value in values)
    assert any(np.isposinf(value).any() for value in values)
    assert any(np.isneginf(value).any() for value in values)
    assert any(value.size == 0 for value in values)
