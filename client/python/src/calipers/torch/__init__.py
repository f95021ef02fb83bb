"""Calibrates a PyTorch model with hooks, over any number of processes.

    import calipers
    import calipers.torch

    with calipers.connect(run="llama") as client:
        qparams = calipers.torch.calibrate(model, dataloader, client, scheme="FP8")
    torch.save(dict(qparams), "qparams.pt")

docs/python.md describes it.
"""

from __future__ import annotations

from calipers import extras

extras.require("torch", "calipers.torch")

from calipers.torch.calibrate import calibrate  # noqa: E402
from calipers.torch.qparams import QParamsMapping, load_qparams  # noqa: E402
from calipers.torch.scheme import Scheme  # noqa: E402

__all__ = ["QParamsMapping", "Scheme", "calibrate", "load_qparams"]
