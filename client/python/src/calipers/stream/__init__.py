"""Sends observations in the background until they are acknowledged."""

from __future__ import annotations

from calipers.stream.pending import Pending, RawTensor, ReducedTensor
from calipers.stream.sender import Sender
from calipers.stream.tally import OnConflict, Totals
from calipers.stream.window import Window, WindowOptions

__all__ = [
    "OnConflict",
    "Pending",
    "RawTensor",
    "ReducedTensor",
    "Sender",
    "Totals",
    "Window",
    "WindowOptions",
]
