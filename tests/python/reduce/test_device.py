"""The order of -0.0 and +0.0, which PyTorch does not define."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from calipers.dtypes import Dtype
from calipers.geometry import View
from calipers.reduce.device import reduce_device
from calipers.tensors import DeviceTensor, HostTensor
from tensors_any import torch_tensor

FLOATS = [dtype for dtype in Dtype if dtype.float_bits is not None]


@pytest.mark.parametrize("dtype", FLOATS, ids=lambda dtype: dtype.value)
@pytest.mark.parametrize("ones", [(), (0,), (1,)], ids=["zeros", "and one", "and minus one"])
def test_minus_zero_is_below_zero(dtype, ones):
    sign = 1 << (8 * dtype.size - 1)
    one = 1 << (8 * dtype.size - 3)
    # In any order, and long enough for vectorized loops.
    for kinds in itertools.product((0, sign), repeat=3):
        values = [*kinds, *(one | sign * minus for minus in ones)] * 40
        bits = np.array(values, dtype.bits)
        tensor = DeviceTensor(dtype, torch_tensor(HostTensor(dtype, bits)))
        record = reduce_device(tensor, View(1, len(values), 1, len(values)))
        keys = [value if value < sign else sign - value - 1 for value in values]
        assert record.min == bits[int(np.argmin(keys))].tobytes()
        assert record.max == bits[int(np.argmax(keys))].tobytes()
