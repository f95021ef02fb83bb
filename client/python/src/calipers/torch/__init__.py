"""Calibrates a PyTorch model with hooks, over any number of processes.

    import calipers
    import calipers.torch

    with calipers.connect(run="llama") as client:
        qparams = calipers.torch.calibrate(model, dataloader, client, scheme="FP8")
    torch.save(dict(qparams), "qparams.pt")

docs/python.md has the rest.
"""

from __future__ import annotations

from calipers.torch.calibrate import calibrate
from calipers.torch.qparams import QParamsMapping, load_qparams
from calipers.torch.scheme import Scheme

__all__ = ["QParamsMapping", "Scheme", "calibrate", "load_qparams"]
