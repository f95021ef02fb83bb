"""Element types: their names with safetensors, numpy and PyTorch, and their bits."""

from __future__ import annotations

import enum
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class FloatBits:
    """Patterns of a floating dtype, without their sign."""

    greatest: int
    """The greatest magnitude that is not NaN: infinity, where there is one."""
    nan: int
    """The canonical NaN: quiet, without payload."""


class Dtype(enum.Enum):
    """An element type that is observed. Values are the safetensors names."""

    F64 = "F64"
    F32 = "F32"
    F16 = "F16"
    BF16 = "BF16"
    F8_E4M3 = "F8_E4M3"
    F8_E5M2 = "F8_E5M2"
    I8 = "I8"
    U8 = "U8"
    I16 = "I16"
    I32 = "I32"
    I64 = "I64"

    @property
    def size(self) -> int:
        """Bytes an element takes: 1, 2, 4 or 8."""
        return self.bits.itemsize

    @property
    def bits(self) -> np.dtype[np.generic]:
        """The numpy dtype that the elements' bits are handled as: unsigned integers for
        floats, for integers their own. Little-endian."""
        return _BITS[self]

    @property
    def float_bits(self) -> FloatBits | None:
        """The patterns that matter; None for integers."""
        return _FLOAT_BITS.get(self)

    @property
    def torch_name(self) -> str:
        """The name in `torch`, such as "bfloat16"."""
        return _TORCH_NAMES[self]


_BITS: dict[Dtype, np.dtype[np.generic]] = {
    Dtype.F64: np.dtype("<u8"),
    Dtype.F32: np.dtype("<u4"),
    Dtype.F16: np.dtype("<u2"),
    Dtype.BF16: np.dtype("<u2"),
    Dtype.F8_E4M3: np.dtype("u1"),
    Dtype.F8_E5M2: np.dtype("u1"),
    Dtype.I8: np.dtype("i1"),
    Dtype.U8: np.dtype("u1"),
    Dtype.I16: np.dtype("<i2"),
    Dtype.I32: np.dtype("<i4"),
    Dtype.I64: np.dtype("<i8"),
}

_FLOAT_BITS = {
    Dtype.F64: FloatBits(0x7FF0_0000_0000_0000, 0x7FF8_0000_0000_0000),
    Dtype.F32: FloatBits(0x7F80_0000, 0x7FC0_0000),
    Dtype.F16: FloatBits(0x7C00, 0x7E00),
    Dtype.BF16: FloatBits(0x7F80, 0x7FC0),
    Dtype.F8_E5M2: FloatBits(0x7C, 0x7E),
    # It has no infinity.
    Dtype.F8_E4M3: FloatBits(0x7E, 0x7F),
}

_TORCH_NAMES = {
    Dtype.F64: "float64",
    Dtype.F32: "float32",
    Dtype.F16: "float16",
    Dtype.BF16: "bfloat16",
    Dtype.F8_E4M3: "float8_e4m3fn",
    Dtype.F8_E5M2: "float8_e5m2",
    Dtype.I8: "int8",
    Dtype.U8: "uint8",
    Dtype.I16: "int16",
    Dtype.I32: "int32",
    Dtype.I64: "int64",
}

# ml_dtypes registers numpy dtypes under the same names as PyTorch.
_BY_TORCH_NAME = {name: dtype for dtype, name in _TORCH_NAMES.items()}


def from_torch_name(name: str) -> Dtype | None:
    """The dtype of "bfloat16" or "torch.bfloat16", or of the numpy dtype of that name; None
    if it is not observed."""
    return _BY_TORCH_NAME.get(name.removeprefix("torch."))


def decode(dtype: Dtype, data: bytes) -> NDArray[np.generic]:
    """Packed little-endian elements as numbers of numpy's own dtypes.

    BF16 and F8, which numpy does not have, become float32, exactly. Read-only, of shape (n,).
    """
    raw = np.frombuffer(data, dtype.bits)
    if dtype is Dtype.BF16:
        return (raw.astype(np.uint32) << 16).view(np.float32)
    if dtype is Dtype.F8_E5M2:
        return (raw.astype(np.uint16) << 8).view(np.float16).astype(np.float32)
    if dtype is Dtype.F8_E4M3:
        return _E4M3[raw]
    return raw if dtype.float_bits is None else raw.view(f"<f{dtype.size}")


def _e4m3_values() -> NDArray[np.float32]:
    """The value of each of the 256 patterns: sign, 4 bits of exponent, 3 of mantissa."""
    pattern = np.arange(256)
    exponent, mantissa = (pattern >> 3) & 15, pattern & 7
    size = np.where(exponent == 0, np.ldexp(mantissa, -9), np.ldexp(8.0 + mantissa, exponent - 10))
    size[(pattern & 0x7F) == 0x7F] = np.nan
    return np.asarray(np.where(pattern < 128, size, -size), np.float32)


_E4M3 = _e4m3_values()
