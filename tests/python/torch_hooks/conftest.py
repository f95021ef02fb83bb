"""What holds for every test of the hooks."""

from __future__ import annotations

import pytest

import calipers.torch


@pytest.fixture(autouse=True)
def short_wait(monkeypatch):
    """Records that are missing are not waited for as long as other ranks would be."""
    monkeypatch.setitem(calipers.torch.calibrate.__kwdefaults__, "timeout", 20.0)
