"""The questions for which an observed weight can exist."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from qparams_forms import NUMPY_DTYPES, Question, Range, Tensor


def weight_shape(args: dict, shape: tuple[int, ...]) -> tuple[int, int] | None:
    """The shape of a weight whose parameters have this shape with these args; None if there is no
    such weight."""
    strategy = args["strategy"]
    if strategy == "tensor" and shape == (1,):
        return 2, 3
    if strategy == "channel" and len(shape) == 2 and shape[1] == 1:
        return shape[0], 3
    if strategy in ("group", "tensor_group") and len(shape) == 2:
        return shape[0], shape[1] * args["group_size"]
    if strategy == "block" and len(shape) == 2:
        height, width = args["block_structure"]
        return shape[0] * height, shape[1] * width
    return None


def _range_as_observed(found: Range) -> Range:
    dtype, shape = found.min.dtype, found.min.shape
    low, high = found.min.elements().copy(), found.max.elements().copy()
    nan = np.isnan(found.min.numbers()) | np.isnan(found.max.numbers())
    low[nan] = high[nan] = np.nan
    above = found.min.numbers() > found.max.numbers()
    low[above], high[above] = high[above], low[above]
    zero = ~nan & (low == 0) & (high == 0)
    low[zero], high[zero] = np.array([-0.0, 0.0], NUMPY_DTYPES[dtype])
    return Range(Tensor(dtype, shape, low.tobytes()), Tensor(dtype, shape, high.tobytes()))


def as_observed(question: Question) -> Question:
    """The question with ranges that a tensor can have: the lower end first, NaN at both ends or at
    no end, and -0 below 0."""
    ranges = tuple(_range_as_observed(found) for found in question.global_ranges)
    return replace(question, range=ranges[0], global_ranges=ranges)
