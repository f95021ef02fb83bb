"""One line for a whole calibration, so that two of them can be compared at a glance."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import torch


def fingerprint(qparams: Mapping[str, torch.Tensor]) -> str:
    """The SHA-256 of all names, dtypes, shapes and bits."""
    digest = hashlib.sha256()
    for name in sorted(qparams):
        tensor = qparams[name]
        digest.update(f"{name} {tensor.dtype} {list(tensor.shape)}\n".encode())
        digest.update(tensor.contiguous().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()
