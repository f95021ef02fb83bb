"""Element types under their safetensors names, and ranges of them."""

from __future__ import annotations

from dataclasses import dataclass

import ml_dtypes
import numpy as np

NUMPY_DTYPES: dict[str, np.dtype] = {
    "F64": np.dtype(np.float64),
    "F32": np.dtype(np.float32),
    "BF16": np.dtype(ml_dtypes.bfloat16),
    "F16": np.dtype(np.float16),
}


@dataclass(frozen=True)
class Pair:
    """A minimum and a maximum, from a server or a reference."""

    dtype: str
    shape: tuple[int, ...]
    min: np.ndarray
    max: np.ndarray

    @classmethod
    def from_bytes(cls, dtype: str, shape: tuple[int, ...], low: bytes, high: bytes) -> Pair:
        """Converts little-endian elements in C order to float64, exactly."""

        def read(data: bytes) -> np.ndarray:
            return np.frombuffer(data, NUMPY_DTYPES[dtype]).astype(np.float64)

        return cls(dtype, shape, read(low), read(high))


# Answers of one session by name: range, current, global, current_global, global_of_range. None:
# the session has no data.
Answers = dict[str, Pair] | None
