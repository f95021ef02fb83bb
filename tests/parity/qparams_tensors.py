"""Conversion of PyTorch tensors to and from the form that processes exchange."""

from __future__ import annotations

import torch

NAMES = {
    torch.float64: "F64",
    torch.float32: "F32",
    torch.bfloat16: "BF16",
    torch.float16: "F16",
    torch.float8_e4m3fn: "F8_E4M3",
    torch.float8_e5m2: "F8_E5M2",
    torch.int8: "I8",
    torch.uint8: "U8",
    torch.int16: "I16",
    torch.int32: "I32",
    torch.int64: "I64",
}
DTYPES = {name: dtype for dtype, name in NAMES.items()}

Raw = tuple[str, tuple[int, ...], bytes]


def to_tensor(raw: Raw) -> torch.Tensor:
    dtype, shape, data = raw
    return torch.frombuffer(bytearray(data), dtype=DTYPES[dtype]).reshape(shape)


def to_raw(tensor: torch.Tensor | None) -> Raw | None:
    if tensor is None:
        return None
    data = tensor.detach().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes()
    return NAMES[tensor.dtype], tuple(tensor.shape), data
