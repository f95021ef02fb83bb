"""Element types: their names in safetensors, numpy and PyTorch, and their bit patterns."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class FloatBits:
    """Bit patterns of a floating dtype, without the sign."""

    greatest: int
    """The largest magnitude that is not NaN: infinity, or the largest number if the dtype has no
    infinity."""
    nan: int
    """The canonical NaN: quiet, without payload."""


class Dtype(enum.Enum):
    """A supported element type. Names and values are the safetensors names."""

    F64 = ("F64", "<u8", "float64", FloatBits(0x7FF0_0000_0000_0000, 0x7FF8_0000_0000_0000))
    F32 = ("F32", "<u4", "float32", FloatBits(0x7F80_0000, 0x7FC0_0000))
    F16 = ("F16", "<u2", "float16", FloatBits(0x7C00, 0x7E00))
    BF16 = ("BF16", "<u2", "bfloat16", FloatBits(0x7F80, 0x7FC0))
    # F8_E4M3 has no infinity.
    F8_E4M3 = ("F8_E4M3", "u1", "float8_e4m3fn", FloatBits(0x7E, 0x7F))
    F8_E5M2 = ("F8_E5M2", "u1", "float8_e5m2", FloatBits(0x7C, 0x7E))
    I8 = ("I8", "i1", "int8", None)
    U8 = ("U8", "u1", "uint8", None)
    I16 = ("I16", "<i2", "int16", None)
    I32 = ("I32", "<i4", "int32", None)
    I64 = ("I64", "<i8", "int64", None)

    bits: np.dtype[Any]
    """The numpy dtype for the elements' bits: an unsigned integer for floats, the dtype itself for
    integers. Little-endian."""
    size: int
    """Bytes of an element: 1, 2, 4 or 8."""
    torch_name: str
    """The name in `torch`."""
    float_bits: FloatBits | None
    """The special bit patterns; None for integers."""

    def __new__(cls, name: str, bits: str, torch_name: str, float_bits: FloatBits | None) -> Dtype:
        """Makes a member with its value and the attributes above."""
        member = object.__new__(cls)
        member._value_ = name
        member.bits = np.dtype(bits)
        member.size = member.bits.itemsize
        member.torch_name = torch_name
        member.float_bits = float_bits
        return member


# ml_dtypes registers numpy dtypes under the same names as PyTorch.
_BY_TORCH_NAME = {dtype.torch_name: dtype for dtype in Dtype}


def from_torch_name(name: str) -> Dtype | None:
    """The dtype for a PyTorch or numpy name such as "bfloat16" or "torch.bfloat16". None if the
    dtype is not supported."""
    return _BY_TORCH_NAME.get(name.removeprefix("torch."))


def decode(dtype: Dtype, data: bytes) -> NDArray[Any]:
    """Converts packed little-endian elements to an array of shape (n,) in a dtype of numpy.

    BF16 and F8, which numpy does not have, become float32; the values stay exact.
    """
    raw: NDArray[Any] = np.frombuffer(data, dtype.bits)
    if dtype is Dtype.BF16:
        return (raw.astype(np.uint32) << 16).view(np.float32)
    if dtype is Dtype.F8_E5M2:
        return (raw.astype(np.uint16) << 8).view(np.float16).astype(np.float32)
    if dtype is Dtype.F8_E4M3:
        return np.asarray(_E4M3[raw])
    if dtype.float_bits is None:
        return raw
    return np.asarray(raw.view(f"<f{dtype.size}"))


def _e4m3_values() -> NDArray[np.float32]:
    """The values of the 256 bit patterns: sign, 4 bits of exponent, 3 bits of mantissa."""
    pattern = np.arange(256)
    exponent, mantissa = (pattern >> 3) & 15, pattern & 7
    size = np.where(exponent == 0, np.ldexp(mantissa, -9), np.ldexp(8.0 + mantissa, exponent - 10))
    size[(pattern & 0x7F) == 0x7F] = np.nan
    return np.asarray(np.where(pattern < 128, size, -size), np.float32)


_E4M3 = _e4m3_values()
