"""The reduction of a tensor in an accelerator's memory, with PyTorch's amin and amax."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from calipers.dtypes import Dtype
from calipers.geometry import View
from calipers.reduce.record import Extremes, Record, make_record
from calipers.tensors import DeviceTensor

_SIGNED = {1: torch.int8, 2: torch.int16, 4: torch.int32, 8: torch.int64}
_AXES = (1, 3)


def reduce_device(tensor: DeviceTensor, view: View) -> Record:
    """The record of a non-empty tensor. Only the record is copied from the device."""
    dtype = tensor.dtype
    cut = _cut(tensor.tensor, view)
    if dtype.float_bits is None:
        ends = torch.stack([cut.amin(_AXES), cut.amax(_AXES)]).cpu().numpy()
        return make_record(dtype, view, Extremes(ends[0], ends[1]))
    signed = cut.view(_SIGNED[dtype.size])
    # Three extremes, as in calipers.reduce.host. PyTorch has no unsigned integers of these sizes.
    parts = [signed.amax(_AXES), _least(dtype, cut, signed), signed.amin(_AXES)]
    top, least, near = torch.stack(parts).cpu().numpy()
    # amin of floats does not tell -0.0 from +0.0; the minimum of the signed bits does: if no other
    # element is negative, only -0.0 has negative bits.
    zero = (least & ((1 << (8 * dtype.size - 1)) - 1)) == 0
    low = np.where(zero, near, least)
    high = np.where(top < 0, near, top)
    return make_record(dtype, view, Extremes(low.view(dtype.bits), high.view(dtype.bits)))


def _cut(tensor: Any, view: View) -> Any:
    """The tensor in shape (kept_outer, reduced_outer, kept_inner, reduced_inner). An incomplete
    block is filled with copies of its last elements, which change no extreme."""
    rows = tensor.reshape(view.rows, view.row_length)
    if view.is_padded:
        rows = rows[_clamped(view.kept_outer * view.reduced_outer, view.rows, rows.device)]
        rows = rows[:, _clamped(view.kept_inner * view.reduced_inner, view.row_length, rows.device)]
    return rows.reshape(view.kept_outer, view.reduced_outer, view.kept_inner, view.reduced_inner)


def _clamped(length: int, end: int, device: Any) -> Any:
    return torch.arange(length, device=device).clamp(max=end - 1)


def _least(dtype: Dtype, cut: Any, signed: Any) -> Any:
    """The bits, as signed integers, of each parameter's minimum; NaN if the parameter has NaN."""
    if dtype.size > 1:
        return cut.amin(_AXES).view(signed.dtype)
    # PyTorch does not reduce float8. With the sign bit flipped, the largest unsigned integer is
    # the largest signed integer.
    sign = torch.iinfo(signed.dtype).min
    last = (signed ^ sign).amax(_AXES) ^ sign
    return torch.where(last < 0, last, signed.amin(_AXES))
