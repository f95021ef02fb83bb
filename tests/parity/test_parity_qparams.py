"""The parity test of qparams detects differences."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import ml_dtypes
import numpy as np
import pytest

from qparams_cases import COMBINATIONS, make_case
from qparams_forms import Answer, QParams, Question, Range, Refusal, Tensor
from qparams_layer import args_difference, tensor_difference
from qparams_observed import as_observed, weight_shape
from qparams_oracle import FORMATS, check_exact

INT8 = {"num_bits": 8, "strategy": "tensor"}


def tensor(dtype: str, values: list[float], shape: tuple[int, ...] | None = None) -> Tensor:
    return Tensor.of(dtype, shape or (len(values),), np.array(values))


def question(args: dict, low: float, high: float) -> Question:
    found = Range(tensor("F32", [low]), tensor("F32", [high]))
    return Question(args, found, (found,))


def answer(scale: float, zero_point: float = 0, dtype: str = "F32", zp_dtype: str = "I8") -> Answer:
    found = QParams(tensor(dtype, [scale]), tensor(zp_dtype, [zero_point]), None)
    return Answer(found, None)


def test_bits_differ_where_numbers_do() -> None:
    one = tensor("F32", [1.0, 2.0])
    assert tensor_difference("", one, one) is None
    assert tensor_difference("", one, tensor("F32", [1.0, np.nextafter(2, 3, dtype=np.float32)]))
    assert tensor_difference("", tensor("F32", [0.0]), tensor("F32", [-0.0]))
    assert tensor_difference("", one, tensor("F64", [1.0, 2.0]))
    assert tensor_difference("", one, tensor("F32", [1.0, 2.0], (2, 1)))
    assert tensor_difference("", one, None)


def test_one_nan_is_like_another() -> None:
    negative = Tensor("F32", (1,), bytes.fromhex("0100c0ff"))
    assert tensor_difference("", tensor("F32", [np.nan]), negative) is None
    assert tensor_difference("", tensor("F32", [1.0]), negative)


def test_a_refusal_has_to_be_for_what_the_reference_refuses() -> None:
    expected = {"refused": "not a valid type", "members": ["type", "strategy"]}
    assert args_difference(expected, Refusal('strategy "row" is not known')) is None
    assert "symmetric" in args_difference(expected, Refusal("symmetric 2 is not known"))
    assert args_difference(expected, {"json": "{}", "zp_dtype": "torch.int8"})
    # A rule about two members belongs to neither of them.
    assert args_difference({"refused": "", "members": []}, Refusal("group_size 1 ...")) is None


def test_every_combination_is_among_the_cases() -> None:
    seen = set()
    for number in range(len(COMBINATIONS)):
        case = make_case(3, number)
        form = tuple(case.question.args.get(name) for name in ("num_bits", "type", "symmetric"))
        seen.add((*form, case.question.args["strategy"], case.dtype))
    # Formats that differ only in scale_dtype count as one format here.
    assert len(seen) == 36 * 7 * 4


def test_cases_are_the_same_for_a_seed() -> None:
    assert make_case(3, 40) == make_case(3, 40)
    assert make_case(3, 40) != make_case(4, 40)


@pytest.mark.parametrize(
    ("dtype", "numpy_dtype"),
    [
        ("F32", np.float32),
        ("F16", np.float16),
        ("BF16", ml_dtypes.bfloat16),
        ("F8_E4M3", ml_dtypes.float8_e4m3fn),
        ("F8_E5M2", ml_dtypes.float8_e5m2),
    ],
)
def test_the_oracle_rounds_as_numpy_does(dtype, numpy_dtype) -> None:
    rng = np.random.default_rng(1)
    greatest = float(FORMATS[dtype].greatest)
    # Exact in float32, because ml_dtypes rounds from float32.
    values = np.ldexp(rng.integers(-(2**23), 2**23, 3000), rng.integers(-170, 100, 3000))
    values = values.astype(np.float32).astype(np.float64)
    for value in values[np.abs(values) <= greatest]:
        assert float(FORMATS[dtype].rounded(Fraction(value))) == float(numpy_dtype(value))


def test_the_oracle_takes_the_right_answer_alone() -> None:
    symmetric = question(INT8, -1.0, 2.0)
    scale = np.float32(4 / 255)
    assert check_exact(symmetric, "F32", answer(scale)) == (0, [])
    for wrong in (np.nextafter(scale, np.float32(1)), np.nextafter(scale, np.float32(0))):
        assert check_exact(symmetric, "F32", answer(wrong))[1]
    assert check_exact(symmetric, "F32", answer(scale, 1))[1]
    assert check_exact(symmetric, "F32", answer(scale, dtype="F64"))[1]
    assert check_exact(symmetric, "F32", Refusal("no"))[1]
    asymmetric = question({**INT8, "symmetric": False}, -1.0, 2.0)
    # -128 + 1 * 255 / 3.
    assert check_exact(asymmetric, "F32", answer(np.float32(3 / 255), -43)) == (0, [])
    assert check_exact(asymmetric, "F32", answer(np.float32(3 / 255), -42))[1]


def test_the_oracle_refuses_what_has_no_scale() -> None:
    endless = question(INT8, -np.inf, 2.0)
    assert check_exact(endless, "F32", Refusal("infinite")) == (0, [])
    assert check_exact(endless, "F32", answer(1.0))[1]


def test_a_global_scale_counts() -> None:
    args = {"num_bits": 4, "type": "float", "strategy": "tensor_group", "group_size": 16}
    asked = question({**args, "scale_dtype": "torch.float8_e4m3fn"}, -1.0, 2.0)
    right = answer(448.0, zp_dtype="F8_E4M3").returned
    right = replace(right, global_scale=tensor("F32", [1344.0]))
    assert check_exact(asked, "F32", Answer(right, None)) == (0, [])
    wrong = replace(right, global_scale=tensor("F32", [1345.0]))
    assert check_exact(asked, "F32", Answer(wrong, None))[1]


@pytest.mark.parametrize("dtype", ["F32", "BF16", "F16", "F64"])
def test_observed_ranges_are_possible_for_a_tensor(dtype) -> None:
    low = tensor(dtype, [-1.0, 2.0, np.nan, 0.0, 0.0, np.inf])
    high = tensor(dtype, [1.0, -2.0, 1.0, -0.0, 5.0, 1.0])
    asked = Question(INT8, Range(low, high), (Range(low, high), Range(low, low)))
    found = as_observed(asked)
    assert found.range == found.global_ranges[0] and len(found.global_ranges) == 2
    expected_low = tensor(dtype, [-1.0, -2.0, np.nan, -0.0, 0.0, 1.0])
    expected_high = tensor(dtype, [1.0, 2.0, np.nan, 0.0, 5.0, np.inf])
    assert tensor_difference("", expected_low, found.range.min) is None
    assert tensor_difference("", expected_high, found.range.max) is None
    # The question itself is not changed.
    assert asked.range == Range(low, high)


def test_a_weight_has_the_shape_that_its_parameters_need() -> None:
    groups = {"strategy": "group", "group_size": 16}
    assert weight_shape({"strategy": "tensor"}, (1,)) == (2, 3)
    assert weight_shape({"strategy": "tensor"}, ()) is None
    assert weight_shape({"strategy": "channel"}, (5, 1)) == (5, 3)
    assert weight_shape(groups, (5, 2)) == (5, 32)
    assert weight_shape(groups, (5,)) is None
    assert weight_shape({"strategy": "block", "block_structure": [4, 8]}, (2, 3)) == (8, 24)
    assert weight_shape({"strategy": "token"}, (5,)) is None
