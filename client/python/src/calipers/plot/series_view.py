"""The drawn part of a series: one pair of values for each record."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calipers import args
from calipers._wire import session_pb2
from calipers.errors import FailedPreconditionError, InvalidArgumentError
from calipers.plot.fold import Fold
from calipers.series import Series


@dataclass(frozen=True)
class SeriesView:
    """The records that hold values, as numbers to draw. Arrays have shape (m,)."""

    title: str
    """The session's name, and the parameter if one is drawn."""
    dtype: str
    """The observed dtype's safetensors name."""
    fold: Fold
    """The session's own fold."""
    all_indices: NDArray[np.int64]
    """The indices of all records, including empty ones. Shape (n,)."""
    indices: NDArray[np.int64]
    num_observations: NDArray[np.int64]
    lows: NDArray[np.float64]
    highs: NDArray[np.float64]
    not_finite: NDArray[np.bool_]
    """True if the range of the whole tensor has NaN or infinity."""
    folded: NDArray[np.bool_]
    """True for records in the fold; the others are excluded, or skipped as not finite."""


def view_of(
    series: Series, spec: session_pb2.Session, param: int | None, excluded: Sequence[range]
) -> SeriesView:
    """The view of the ranges of whole tensors (`param` None), or of the parameter at the flat
    position `param`.

    Raises FailedPreconditionError if no record holds values; InvalidArgumentError if the parameter
    does not exist.
    """
    if not series.dtype:
        raise FailedPreconditionError(
            f"session {series.session} has nothing to draw: "
            + (f"its {len(series)} records are empty" if len(series) else "it has no records yet")
        )
    lows, highs = _values(series, param)
    indices = series.indices[series.holds_values]
    not_finite = ~(_finite(series.global_min) & _finite(series.global_max))
    folded = np.ones(len(indices), np.bool_)
    for part in excluded:
        folded &= ~((indices >= part.start) & (indices < part.stop))
    if spec.non_finite_policy == session_pb2.NON_FINITE_POLICY_SKIP:
        folded &= ~not_finite
    return SeriesView(
        title=series.session if param is None else f"{series.session}, parameter {param}",
        dtype=series.dtype,
        fold=_fold_of(spec, series.dtype),
        all_indices=series.indices,
        indices=indices,
        num_observations=series.num_observations[series.holds_values],
        lows=lows,
        highs=highs,
        not_finite=not_finite,
        folded=folded,
    )


def _values(series: Series, param: int | None) -> tuple[NDArray[Any], NDArray[Any]]:
    if param is None:
        return series.global_min.astype(np.float64), series.global_max.astype(np.float64)
    lows = series.min.reshape(len(series.min), -1)
    if not 0 <= param < lows.shape[1]:
        raise InvalidArgumentError(
            f"param {param} is not in 0 to {lows.shape[1] - 1}: session {series.session} has "
            f"qparam shape {list(series.min.shape[1:])}"
        )
    highs = series.max.reshape(lows.shape)
    return lows[:, param].astype(np.float64), highs[:, param].astype(np.float64)


def _finite(values: NDArray[Any]) -> NDArray[np.bool_]:
    return np.isfinite(values.astype(np.float64))


def _fold_of(spec: session_pb2.Session, dtype: str) -> Fold:
    found = args.from_proto(spec.args)
    return Fold(
        observer=found["observer"],
        averaging_constant=found.get("observer_kwargs", {}).get("averaging_constant", 0.01),
        reference=spec.arithmetic == session_pb2.ARITHMETIC_REFERENCE,
        weighted=spec.weighting == session_pb2.WEIGHTING_NUM_OBSERVATIONS,
        dtype=dtype,
    )
