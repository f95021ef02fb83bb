"""Reduction of a tensor to its record in the worker's process, so that only the record is sent.

`reduce_tensor` calls a function for each kind of memory. Each function returns the same record as
the server, bit for bit.
"""

from __future__ import annotations

import importlib.util
import warnings

from calipers.geometry import View
from calipers.reduce.host import reduce_host
from calipers.reduce.record import Record, is_finite
from calipers.tensors import AnyTensor, DeviceTensor

__all__ = ["BACKEND", "Record", "is_finite", "reduce_tensor"]

BACKEND = "numpy"
"""The implementation for tensors in this process's memory: "core" with its instruction set, such as
"core (AVX3)", or "numpy" if the package has no compiled module for this machine."""

_reduce_in_memory = reduce_host
if importlib.util.find_spec("calipers.reduce._core") is not None:
    try:
        from calipers.reduce.native import BACKEND, reduce_native

        _reduce_in_memory = reduce_native
    except ImportError as error:
        warnings.warn(
            f"calipers' compiled reducers cannot be loaded ({error}); numpy is used instead, which "
            "is several times slower: reinstall calipers for this machine",
            RuntimeWarning,
            stacklevel=2,
        )


def reduce_tensor(tensor: AnyTensor, view: View) -> Record:
    """The record of a tensor. `view` is made from the tensor's shape (`make_view`)."""
    if view.num_elements == 0:
        return Record.empty()
    if isinstance(tensor, DeviceTensor):
        from calipers.reduce.device import reduce_device

        return reduce_device(tensor, view)
    return _reduce_in_memory(tensor, view)
