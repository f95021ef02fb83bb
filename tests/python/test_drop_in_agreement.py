"""The comparison of scripts/drop-in detects differences."""

from __future__ import annotations

import sys
from dataclasses import replace

import numpy as np
import pytest

from server_process import TOP

sys.path += [str(TOP / "tests" / "drop_in"), str(TOP / "tests" / "parity")]

from agreement import Distance, measure, of_side, worst
from qparams_forms import Tensor

LEFT = {
    "a.input_scale": Tensor.of("F32", (1,), np.array([0.5])),
    "a.input_zero_point": Tensor.of("I8", (1,), np.array([-3])),
    "a.weight_scale": Tensor.of("F32", (2, 1), np.array([0.5, 0.25])),
    "b.input_global_scale": Tensor.of("F32", (1,), np.array([100.0])),
}


def changed(name: str, tensor: Tensor) -> Distance:
    return measure(LEFT, {**LEFT, name: tensor})


def test_the_same_does_not_differ():
    assert measure(LEFT, dict(LEFT)) == Distance(values=5)


def test_a_bit_differs():
    data = LEFT["a.input_scale"].data
    spoilt = replace(LEFT["a.input_scale"], data=bytes([data[0] ^ 1]) + data[1:])
    found = changed("a.input_scale", spoilt)
    assert found.differing == 1
    assert 0 < found.scale < 1e-6
    assert found.zero_point == 0


def test_scales_are_relative_and_zero_points_are_steps():
    scale = changed("b.input_global_scale", Tensor.of("F32", (1,), np.array([75.0])))
    assert (scale.differing, scale.scale, scale.zero_point) == (1, 0.25, 0)
    steps = changed("a.input_zero_point", Tensor.of("I8", (1,), np.array([4])))
    assert (steps.differing, steps.scale, steps.zero_point) == (1, 0, 7)
    assert str(scale) == "1, 25%"
    assert str(steps) == "1, 0%, 7 steps"


def test_another_shape_or_dtype_differs_as_a_whole():
    for other in (
        Tensor.of("F32", (2,), np.array([0.5, 0.25])),
        Tensor.of("BF16", (2, 1), np.array([0.5, 0.25])),
    ):
        found = changed("a.weight_scale", other)
        assert (found.differing, found.scale) == (2, np.inf)


def test_what_one_side_lacks_is_an_error():
    lacking = {name: LEFT[name] for name in LEFT if name != "a.input_scale"}
    for expected, given in ((LEFT, lacking), (lacking, LEFT)):
        with pytest.raises(ValueError, match=r"a\.input_scale"):
            measure(expected, given)


def test_sides():
    assert list(of_side(LEFT, "weight")) == ["a.weight_scale"]
    assert len(of_side(LEFT, "input")) == 3


def test_the_worst_process_counts():
    distances = [Distance(4, 0), Distance(4, 2, 0.5, 0), Distance(4, 1, 0.1, 3)]
    assert worst(distances) == Distance(4, 2, 0.5, 3)
