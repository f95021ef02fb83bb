"""Reducing a tensor to its record where it was seen, so that only the record travels.

`reduce_tensor` is the interface; behind it is a function for each kind of memory. Each gives
the record that the server would have made of the same tensor, bit for bit.
"""

from __future__ import annotations

import importlib.util
import warnings

from calipers.geometry import View
from calipers.reduce.host import reduce_host
from calipers.reduce.record import Record
from calipers.tensors import AnyTensor, DeviceTensor

__all__ = ["BACKEND", "Record", "reduce_tensor"]

BACKEND = "numpy"
"""What reduces in this process's memory: "core (AVX3)", by its instruction set, or "numpy"
where the package came without its module for this machine."""

_reduce_in_memory = reduce_host
if importlib.util.find_spec("calipers.reduce._core") is not None:
    try:
        from calipers.reduce.native import BACKEND, reduce_native

        _reduce_in_memory = reduce_native
    except ImportError as error:
        warnings.warn(
            f"calipers' own reducers cannot be loaded ({error}); numpy reduces in their place, "
            "several times slower",
            RuntimeWarning,
            stacklevel=2,
        )


def reduce_tensor(tensor: AnyTensor, view: View) -> Record:
    """The record of a tensor whose shape `view` was made of."""
    if view.num_elements == 0:
        return Record.empty()
    if isinstance(tensor, DeviceTensor):
        from calipers.reduce.device import reduce_device

        return reduce_device(tensor, view)
    return _reduce_in_memory(tensor, view)
