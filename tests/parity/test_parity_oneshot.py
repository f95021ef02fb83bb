"""The comparison with oneshot detects differences."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from oneshot_compare import Table, distance
from oneshot_layer import spoilt
from oneshot_schemes import SCHEMES
from qparams_forms import Tensor

SCALE = "a.weight_scale"
ZERO_POINT = "a.weight_zero_point"
LEFT = {
    SCALE: Tensor.of("F32", (2, 1), np.array([0.5, 0.25])),
    ZERO_POINT: Tensor.of("I8", (2, 1), np.array([0, -3])),
    "b.weight_scale": Tensor.of("BF16", (1,), np.array([2.0])),
}


def compared(given: dict[str, Tensor]) -> Table:
    table = Table()
    table.add("W8A8", "F32", LEFT, given)
    return table


def test_equal_bits_do_not_differ() -> None:
    rows = compared(dict(LEFT)).rows
    assert [(row.parameter, row.tensors, row.values) for row in rows] == [
        ("weight_scale", 2, 3),
        ("weight_zero_point", 1, 2),
    ]
    assert all((row.differing, row.greatest, row.lines) == (0, 0.0, []) for row in rows)


def test_a_bit_differs() -> None:
    scale, zero_point = compared(spoilt(LEFT)).rows
    assert scale.differing == 1 and 0 < scale.greatest < 1e-6
    assert [SCALE in line for line in scale.lines] == [True]
    assert zero_point.differing == 0


def test_zeros_of_either_sign_differ() -> None:
    table = Table()
    zero, negative = (Tensor.of("F32", (1,), np.array([value])) for value in (0.0, -0.0))
    table.add("W8A8", "F32", {SCALE: zero}, {SCALE: negative})
    assert table.rows[0].differing == 1


@pytest.mark.parametrize(
    "other",
    [
        Tensor.of("F32", (2,), np.array([0.5, 0.25])),
        Tensor.of("BF16", (2, 1), np.array([0.5, 0.25])),
        Tensor.of("F32", (1, 1), np.array([0.5])),
    ],
)
def test_shape_and_dtype_differ(other: Tensor) -> None:
    row = compared({**LEFT, SCALE: other}).rows[0]
    assert (row.differing, row.greatest) == (2, np.inf)


def test_a_missing_parameter_differs() -> None:
    lacking = compared({name: LEFT[name] for name in LEFT if name != ZERO_POINT}).rows[1]
    assert lacking.differing == 2 and "is missing" in lacking.lines[0]
    more = compared({**LEFT, "a.unknown": LEFT[SCALE]}).rows[-1]
    assert (more.parameter, more.differing) == ("unknown", 2)


def test_scales_are_relative_and_zero_points_are_steps() -> None:
    scale, zero_point = LEFT[SCALE], LEFT[ZERO_POINT]
    assert distance("weight_scale", scale, Tensor.of("F32", (2, 1), np.array([0.5, 0.375]))) == 0.5
    assert distance("weight_zero_point", zero_point, replace(zero_point, data=b"\x02\xfc")) == 2
    for value in (np.nan, np.inf):
        spoilt = Tensor.of("F32", (2, 1), np.array([0.5, value]))
        assert distance("weight_scale", scale, spoilt) == np.inf


def test_a_table_lines_up() -> None:
    table = compared(dict(LEFT))
    table.add_exact("W8A8", "F32", LEFT, spoilt(LEFT))
    lines = table.lines(["F32", "BF16"])
    assert len({len(line) for line in lines}) == 1
    cells = [cell.strip() for cell in lines[2].split("|")]
    assert cells[1:-1] == ["W8A8", "weight_scale", "2", "3", "0", "0", f"{2**-23:.2g}", "-"]


def test_each_scheme_is_a_preset_or_args() -> None:
    assert len({scheme.name for scheme in SCHEMES}) == len(SCHEMES)
    assert {"W4A16", "FP8", "NVFP4"} <= {scheme.preset for scheme in SCHEMES}
    # Each scheme is either a preset or args.
    assert all(bool(scheme.preset) != bool(scheme.weights) for scheme in SCHEMES)
