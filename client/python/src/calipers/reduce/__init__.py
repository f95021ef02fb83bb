"""Reducing a tensor to its record where it was seen, so that only the record travels.

`reduce_tensor` is the interface; behind it is a function for each kind of memory. Each gives
the record that the server would have made of the same tensor, bit for bit.
"""

from __future__ import annotations

from calipers.geometry import View
from calipers.reduce.host import reduce_host
from calipers.reduce.record import Record
from calipers.tensors import AnyTensor, DeviceTensor

__all__ = ["Record", "reduce_tensor"]


def reduce_tensor(tensor: AnyTensor, view: View) -> Record:
    """The record of a tensor whose shape `view` was made of."""
    if view.num_elements == 0:
        return Record.empty()
    if isinstance(tensor, DeviceTensor):
        from calipers.reduce.device import reduce_device

        return reduce_device(tensor, view)
    return reduce_host(tensor, view)
