"""Plain data that the cases, the reference and Calipers exchange, so that they share no library."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import ml_dtypes
import numpy as np

# Dtypes by safetensors name. Integers are needed for zero points.
NUMPY_DTYPES: dict[str, np.dtype] = {
    "F64": np.dtype(np.float64),
    "F32": np.dtype(np.float32),
    "BF16": np.dtype(ml_dtypes.bfloat16),
    "F16": np.dtype(np.float16),
    "F8_E4M3": np.dtype(ml_dtypes.float8_e4m3fn),
    "F8_E5M2": np.dtype(ml_dtypes.float8_e5m2),
    "I8": np.dtype(np.int8),
    "U8": np.dtype(np.uint8),
    "I16": np.dtype(np.int16),
    "I32": np.dtype(np.int32),
    "I64": np.dtype(np.int64),
}


@dataclass(frozen=True)
class Tensor:
    """Little-endian elements in C order."""

    dtype: str
    shape: tuple[int, ...]
    data: bytes

    @classmethod
    def of(cls, dtype: str, shape: tuple[int, ...], values: np.ndarray) -> Tensor:
        return cls(dtype, shape, values.astype(NUMPY_DTYPES[dtype]).tobytes())

    def elements(self) -> np.ndarray:
        return np.frombuffer(self.data, NUMPY_DTYPES[self.dtype])

    def numbers(self) -> np.ndarray:
        """The elements as float64, which is exact except for large I64."""
        return self.elements().astype(np.float64)


@dataclass(frozen=True)
class Range:
    """The minimum and maximum of each parameter."""

    min: Tensor
    max: Tensor


@dataclass(frozen=True)
class Question:
    """Args in the form of a JSON object, a range, and the ranges for the global scale, of which the
    first belongs to the range."""

    args: dict[str, Any]
    range: Range
    global_ranges: tuple[Range, ...]


@dataclass(frozen=True)
class QParams:
    scale: Tensor
    zero_point: Tensor
    global_scale: Tensor | None
    # (trap, repaired, count, first parameter); empty for a reference.
    notes: tuple[tuple[int, bool, int, int], ...] = ()


@dataclass(frozen=True)
class Refusal:
    """A refusal, with any message."""

    words: str


@dataclass(frozen=True)
class Answer:
    """Qparams as calculate_qparams returns them, and as a module stores them."""

    returned: QParams
    stored: QParams | None
