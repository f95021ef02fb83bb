"""Settings of all tests of the hooks."""

from __future__ import annotations

import pytest

import calipers.torch


@pytest.fixture(autouse=True)
def short_wait(monkeypatch):
    """Shortens the wait for missing records."""
    monkeypatch.setitem(calipers.torch.calibrate.__kwdefaults__, "timeout", 20.0)
