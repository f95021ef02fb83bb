"""A fingerprint of a calibration, for comparing calibrations."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import torch


def fingerprint(qparams: Mapping[str, torch.Tensor]) -> str:
    """The SHA-256 of the names, dtypes, shapes and bits of all tensors."""
    digest = hashlib.sha256()
    for name in sorted(qparams):
        tensor = qparams[name]
        digest.update(f"{name} {tensor.dtype} {list(tensor.shape)}\n".encode())
        digest.update(tensor.contiguous().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()
