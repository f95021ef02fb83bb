"""Calipers: calibration for quantization with many workers.

    import calipers

    with calipers.connect("localhost:50051", run="llama") as client:
        session = client.session("model.layers.0.mlp.down_proj/input", args={"num_bits": 8})
        session.observe(tensor, index=0)
        print(session.minmax().range)

This package is a client of calipers-server. docs/python.md describes it.
"""

from __future__ import annotations

import pkgutil

from calipers.answers import MinMax, Progress, QParams, QParamsNote, Range, Tensor
from calipers.client import Client, connect
from calipers.errors import (
    AlreadyExistsError,
    CalipersError,
    DeadlineExceededError,
    FailedPreconditionError,
    InvalidArgumentError,
    NotFoundError,
    Refusal,
    RefusedError,
    ResourceExhaustedError,
    UnavailableError,
)
from calipers.pages import Answers
from calipers.series import Series
from calipers.session import Session
from calipers.stream import Totals, WindowOptions
from calipers.table import SessionRow, SessionTable

__version__ = "0.1.0"

__all__ = [
    "AlreadyExistsError",
    "Answers",
    "CalipersError",
    "Client",
    "DeadlineExceededError",
    "FailedPreconditionError",
    "InvalidArgumentError",
    "MinMax",
    "NotFoundError",
    "Progress",
    "QParams",
    "QParamsNote",
    "Range",
    "Refusal",
    "RefusedError",
    "ResourceExhaustedError",
    "Series",
    "Session",
    "SessionRow",
    "SessionTable",
    "Tensor",
    "Totals",
    "UnavailableError",
    "WindowOptions",
    "__version__",
    "connect",
]

# Generated stubs of calipers.v1 elsewhere on the path stay importable under their own name.
__path__ = pkgutil.extend_path(__path__, __name__)
