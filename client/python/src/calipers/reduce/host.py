"""The reduction of a tensor in this process's memory, with numpy."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from calipers.dtypes import Dtype
from calipers.geometry import View
from calipers.reduce.record import Extremes, Record, make_record
from calipers.tensors import HostTensor


def reduce_host(tensor: HostTensor, view: View) -> Record:
    """The record of a non-empty tensor."""
    whole = (view.kept_outer, view.kept_inner)
    found = Extremes(np.empty(whole, tensor.dtype.bits), np.empty(whole, tensor.dtype.bits))
    if whole == (1, 1):
        # The order of elements does not matter, so a strided tensor needs no copy.
        found.min[...], found.max[...] = _extremes(tensor.dtype, tensor.bits, None)
    else:
        rows = tensor.bits.reshape(view.rows, view.row_length)
        for row_part in _parts(view.rows, view.reduced_outer):
            for column_part in _parts(view.row_length, view.reduced_inner):
                _reduce_part(tensor.dtype, rows, row_part, column_part, found)
    return make_record(tensor.dtype, view, found)


class _Part:
    """Elements [begin, end) of a dimension: complete runs of `run` elements. The first run has the
    parameter `param`."""

    def __init__(self, begin: int, end: int, run: int, param: int) -> None:
        self.elements = slice(begin, end)
        self.count = (end - begin) // run
        self.run = run
        self.params = slice(param, param + self.count)


def _parts(length: int, run: int) -> list[_Part]:
    """The complete runs of a dimension, and the incomplete last run; either can be absent."""
    whole = length // run
    parts = [_Part(0, whole * run, run, 0)] if whole > 0 else []
    if rest := length % run:
        parts.append(_Part(whole * run, length, rest, whole))
    return parts


def _reduce_part(
    dtype: Dtype, rows: NDArray[Any], row_part: _Part, column_part: _Part, found: Extremes
) -> None:
    part = rows[row_part.elements, column_part.elements]
    cut = part.reshape(row_part.count, row_part.run, column_part.count, column_part.run)
    params = (row_part.params, column_part.params)
    found.min[params], found.max[params] = _extremes(dtype, cut, (1, 3))


def _extremes(
    dtype: Dtype, bits: NDArray[Any], axes: tuple[int, int] | None
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Minimum and maximum along the axes (None: all), as bits."""
    if dtype.float_bits is None:
        return _reduce(np.minimum, bits, axes), _reduce(np.maximum, bits, axes)
    # A float is sign and magnitude, so three extremes of its bits give both ends. The maximum is
    # the largest signed integer, unless that is negative: then all elements are negative, and the
    # smallest unsigned integer has the smallest magnitude. The minimum is the largest unsigned
    # integer if its sign bit is set, else the smallest unsigned integer. NaN has a larger magnitude
    # than infinity, so it is the first or the second of these extremes.
    signed = bits.view(f"i{dtype.size}")
    top = _reduce(np.maximum, signed, axes)
    last = _reduce(np.maximum, bits, axes)
    first = _reduce(np.minimum, bits, axes)
    sign = bits.dtype.type(1 << (8 * dtype.size - 1))
    low = np.where(last & sign, last, first)
    high = np.where(top < 0, first, top.view(bits.dtype))
    return low, high


def _reduce(extreme: np.ufunc, array: NDArray[Any], axes: tuple[int, int] | None) -> NDArray[Any]:
    if axes is None:
        return np.asarray(extreme.reduce(array, axis=None))
    outer, inner = axes
    # Rows are reduced first, because rows are long vectors and runs can be short.
    if array.shape[outer] > 1:
        array = extreme.reduce(array, axis=outer, keepdims=True)
    return np.asarray(extreme.reduce(array, axis=inner).squeeze(outer))
