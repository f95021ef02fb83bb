"""Records: whether they are finite."""

from __future__ import annotations

import numpy as np
import pytest

from calipers.dtypes import Dtype, decode
from calipers.reduce import Record, is_finite

FLOATS = [dtype for dtype in Dtype if dtype.float_bits is not None]


def record(dtype: Dtype, low: list[int], high: list[int]) -> Record:
    """A record of these bit patterns."""
    return Record(
        *(np.array(bits, dtype.bits).tobytes() for bits in (low, high)),
        global_min=b"",
        global_max=b"",
    )


@pytest.mark.parametrize("dtype", FLOATS, ids=lambda dtype: dtype.value)
def test_is_finite_as_the_values_are(dtype):
    bits = 8 * dtype.size
    nan, greatest = dtype.float_bits.nan, dtype.float_bits.greatest
    patterns = [0, 1, 1 << (bits - 1), greatest - 1, greatest, nan, (1 << bits) - 1]
    patterns += [pattern | 1 << (bits - 1) for pattern in patterns]
    for pattern in patterns:
        finite = bool(np.isfinite(decode(dtype, np.array([pattern], dtype.bits).tobytes()))[0])
        assert is_finite(dtype, record(dtype, [pattern], [0])) == finite, hex(pattern)
        assert is_finite(dtype, record(dtype, [0], [pattern])) == finite, hex(pattern)
        assert is_finite(dtype, record(dtype, [0, pattern, 0], [0, 0, 0])) == finite
        assert is_finite(dtype, record(dtype, [0, 0, 0], [0, 0, pattern])) == finite


def test_integers_and_empty_records_are_finite():
    assert is_finite(Dtype.I8, record(Dtype.I8, [-1], [127]))
    assert is_finite(Dtype.F32, Record.empty())
