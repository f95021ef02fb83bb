"""Compares the quantization parameters of two calibrations of a model, and makes a table."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import product

import numpy as np

from qparams_forms import Tensor

Parameters = dict[str, Tensor]

SIDES = ("weight", "input", "output")
QPARAMS = ("scale", "zero_point", "global_scale")
# The order of the parameters in the table.
ORDER = {f"{side}_{name}": place for place, (side, name) in enumerate(product(SIDES, QPARAMS))}


@dataclass
class Row:
    """The comparison of one parameter of one scheme, over all modules."""

    scheme: str
    parameter: str
    tensors: int = 0
    values: int = 0
    differing: int = 0
    greatest: float = 0.0
    # Distance of exact arithmetic from the reference, by dtype.
    exact: dict[str, float] = field(default_factory=dict)
    lines: list[str] = field(default_factory=list)


def parameter_of(name: str) -> str:
    return name.rpartition(".")[2]


def _differing(expected: Tensor, given: Tensor) -> np.ndarray:
    """True for each element whose bits differ."""
    bits = np.dtype(f"u{expected.elements().itemsize}")
    return np.frombuffer(expected.data, bits) != np.frombuffer(given.data, bits)


def _same_kind(expected: Tensor, given: Tensor) -> bool:
    return (expected.dtype, expected.shape) == (given.dtype, given.shape)


def _greatest(distances: np.ndarray) -> float:
    return float(np.where(np.isnan(distances), np.inf, distances).max(initial=0.0))


def relative(expected: Tensor, given: Tensor) -> float:
    """The largest relative difference, for any dtypes."""
    wanted = expected.numbers()
    with np.errstate(divide="ignore", invalid="ignore"):
        return _greatest(np.abs(given.numbers() - wanted) / np.abs(wanted))


def distance(parameter: str, expected: Tensor, given: Tensor) -> float:
    """The largest distance: relative for scales, in steps for zero points. Infinite for tensors of
    different dtypes or shapes."""
    if not _same_kind(expected, given):
        return float("inf")
    if parameter.endswith("zero_point"):
        return _greatest(np.abs(given.numbers() - expected.numbers()))
    return relative(expected, given)


def _add_tensor(row: Row, label: str, expected: Tensor, given: Tensor) -> None:
    row.tensors += 1
    row.values += expected.elements().size
    row.greatest = max(row.greatest, distance(row.parameter, expected, given))
    if not _same_kind(expected, given):
        row.differing += expected.elements().size
        row.lines.append(
            f"{label}: expected {expected.dtype} of shape {expected.shape}, "
            f"got {given.dtype} of shape {given.shape}"
        )
        return
    differing = _differing(expected, given)
    row.differing += int(differing.sum())
    if differing.any():
        place = int(np.flatnonzero(differing)[0])
        row.lines.append(
            f"{label}: {differing.sum()} of {differing.size} differ, first [{place}]: expected "
            f"{expected.elements()[place]!r}, got {given.elements()[place]!r}"
        )


def _add_lone(row: Row, line: str, tensor: Tensor) -> None:
    row.tensors += 1
    row.values += tensor.elements().size
    row.differing += tensor.elements().size
    row.greatest = float("inf")
    row.lines.append(line)


class Table:
    """Rows by scheme and parameter, in the order in which they were added."""

    def __init__(self) -> None:
        self._rows: dict[tuple[str, str], Row] = {}

    @property
    def rows(self) -> list[Row]:
        schemes = list(dict.fromkeys(scheme for scheme, _ in self._rows))
        return sorted(
            self._rows.values(),
            key=lambda row: (schemes.index(row.scheme), ORDER.get(row.parameter, len(ORDER))),
        )

    def _row(self, scheme: str, name: str) -> Row:
        key = (scheme, parameter_of(name))
        return self._rows.setdefault(key, Row(*key))

    def add(self, scheme: str, dtype: str, expected: Parameters, given: Parameters) -> None:
        """Compares bits. All elements of a tensor that only one side has count as different."""
        for name, tensor in expected.items():
            label = f"{scheme}, {dtype}, {name}"
            if name in given:
                _add_tensor(self._row(scheme, name), label, tensor, given[name])
            else:
                _add_lone(self._row(scheme, name), f"{label}: is missing", tensor)
        for name in sorted(given.keys() - expected.keys()):
            line = f"{scheme}, {dtype}, {name}: is not on the module"
            _add_lone(self._row(scheme, name), line, given[name])

    def add_exact(self, scheme: str, dtype: str, expected: Parameters, given: Parameters) -> None:
        """Records the distance of exact arithmetic, whose bits may differ."""
        for name in expected.keys() & given.keys():
            row = self._row(scheme, name)
            far = distance(row.parameter, expected[name], given[name])
            row.exact[dtype] = max(row.exact.get(dtype, 0.0), far)

    def lines(self, dtypes: Iterable[str]) -> list[str]:
        """The lines of an aligned Markdown table."""
        head = ["scheme", "parameter", "tensors", "values", "differ", "by"]
        cells = [[*head, *(f"exact, {dtype}" for dtype in dtypes)]]
        for row in self.rows:
            numbers = [f"{row.tensors:,}", f"{row.values:,}", f"{row.differing:,}"]
            exact = [_number(row.exact.get(dtype)) for dtype in dtypes]
            cells.append([row.scheme, row.parameter, *numbers, _number(row.greatest), *exact])
        return _aligned(cells, texts=2)


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.2g}"


def _aligned(cells: list[list[str]], texts: int) -> list[str]:
    """Aligns the rows. The first row is the head; the first `texts` columns are left-aligned."""
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    ruler = [
        "-" * width if place < texts else "-" * (width - 1) + ":"
        for place, width in enumerate(widths)
    ]
    return [
        f"| {' | '.join(_padded(row, widths, texts))} |" for row in [cells[0], ruler, *cells[1:]]
    ]


def _padded(row: list[str], widths: list[int], texts: int) -> list[str]:
    return [
        cell.ljust(width) if place < texts else cell.rjust(width)
        for place, (cell, width) in enumerate(zip(row, widths, strict=True))
    ]
