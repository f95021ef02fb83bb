"""The reduction of a tensor in this process's memory, with the reducers of Calipers' core."""

from __future__ import annotations

from calipers.geometry import View
from calipers.reduce import _core
from calipers.reduce.record import Record
from calipers.tensors import HostTensor

BACKEND = f"core ({_core.target_name()})"


def reduce_native(tensor: HostTensor, view: View) -> Record:
    """The record of a non-empty tensor. The GIL is released, so that other threads run."""
    low, high, own_low, own_high = _core.reduce(
        tensor.to_bytes(copy=False),
        tensor.dtype.value,
        rows=view.rows,
        row_length=view.row_length,
        reduced_outer=view.reduced_outer,
        reduced_inner=view.reduced_inner,
    )
    return Record(low, high, own_low, own_high) if view.is_padded else Record(low, high, b"", b"")
