"""Records: the result of reducing a tensor."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calipers.dtypes import Dtype
from calipers.geometry import View


@dataclass(frozen=True)
class Record:
    """A record's values: packed little-endian elements of the observed dtype.

    A parameter with NaN has the canonical NaN at both ends. -0.0 is below +0.0.
    """

    min: bytes
    """One element for each parameter; empty for an empty tensor."""
    max: bytes
    """As min."""
    global_min: bytes
    """The tensor's own minimum if a parameter covers padding. Otherwise empty: the server then
    takes the smallest element of min."""
    global_max: bytes
    """As global_min."""

    @staticmethod
    def empty() -> Record:
        """The record of an empty tensor."""
        return Record(b"", b"", b"", b"")


@dataclass
class Extremes:
    """The minimum and maximum of each parameter, as `dtype.bits`. Shape (kept_outer, kept_inner).
    A parameter with NaN has the bits of any NaN at one or both ends."""

    min: NDArray[Any]
    max: NDArray[Any]


def make_record(dtype: Dtype, view: View, found: Extremes) -> Record:
    """The record for a tensor's extremes. Makes NaN canonical and includes padding, and changes
    `found` in doing so."""
    _spread_nan(dtype, found)
    own = Extremes(found.min[:0], found.max[:0])
    if view.is_padded:
        own = _whole_range(dtype, found)
        _take_padding(dtype, view, found)
    parts = (found.min, found.max, own.min, own.max)
    return Record(*(part.astype(dtype.bits, copy=False).tobytes() for part in parts))


def is_finite(dtype: Dtype, record: Record) -> bool:
    """True if no parameter's range holds NaN or infinity."""
    if dtype.float_bits is None:
        return True
    magnitude = (1 << (8 * dtype.size - 1)) - 1
    # F8_E4M3 has no infinity.
    most = dtype.float_bits.greatest - (dtype is not Dtype.F8_E4M3)
    if len(record.min) == dtype.size:  # Most activations have one parameter.
        ends = (int.from_bytes(end, "little") for end in (record.min, record.max))
        return all(end & magnitude <= most for end in ends)
    bits = np.frombuffer(record.min + record.max, dtype.bits)
    return not (bits & bits.dtype.type(magnitude) > most).any()


def order_key(dtype: Dtype, bits: NDArray[Any]) -> NDArray[Any]:
    """Integers that sort like the elements: -0.0 is below +0.0, NaN is at the ends."""
    if dtype.float_bits is None:
        return bits
    sign = bits.dtype.type(1 << (8 * dtype.size - 1))
    return np.where(bits & sign, ~bits, bits | sign)


def _is_nan(dtype: Dtype, bits: NDArray[Any]) -> NDArray[np.bool_]:
    if dtype.float_bits is None:
        return np.zeros(bits.shape, np.bool_)
    magnitude = bits & bits.dtype.type((1 << (8 * dtype.size - 1)) - 1)
    return np.asarray(magnitude > dtype.float_bits.greatest)


def _spread_nan(dtype: Dtype, found: Extremes) -> None:
    nan = _is_nan(dtype, found.min) | _is_nan(dtype, found.max)
    if dtype.float_bits is not None and nan.any():
        found.min[nan] = found.max[nan] = dtype.float_bits.nan


def _whole_range(dtype: Dtype, found: Extremes) -> Extremes:
    nan = _is_nan(dtype, found.min)
    if nan.any():
        return Extremes(found.min[nan][:1], found.max[nan][:1])
    low, high = found.min.reshape(-1), found.max.reshape(-1)
    least = int(order_key(dtype, low).argmin())
    greatest = int(order_key(dtype, high).argmax())
    # Copies, because padding is added to the originals and does not count here.
    return Extremes(low[[least]], high[[greatest]])


def _take_padding(dtype: Dtype, view: View, found: Extremes) -> None:
    # The missing elements are +0.0. A parameter with NaN stays NaN.
    padded = np.zeros(found.min.shape, np.bool_)
    padded[-1, :] |= view.pads_rows
    padded[:, -1] |= view.pads_columns
    padded &= ~_is_nan(dtype, found.min)
    zero = np.zeros((), found.min.dtype)
    zero_key = order_key(dtype, zero)
    found.min[padded & (order_key(dtype, found.min) > zero_key)] = zero
    found.max[padded & (order_key(dtype, found.max) < zero_key)] = zero
