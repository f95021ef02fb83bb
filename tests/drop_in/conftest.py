"""Fixtures of tests that run with each version of llm-compressor: `scripts/drop-in --tests`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

TOP = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(TOP / "tests" / "support"), str(TOP / "tests" / "drop_in")]

import torch
from llmcompressor.core import active_session

import calipers
import calipers.llmcompressor
from server_process import ServerProcess, start_server


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """One server for all tests, with --store memory."""
    server = start_server(tmp_path_factory.mktemp("server"), "--store", "memory")
    yield server
    assert server.stop() == 0, server.log.read_text()


@pytest.fixture(autouse=True)
def run(
    server: ServerProcess, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> str:
    """A separate run for each test, set in the environment."""
    for name in ("RANK", "WORLD_SIZE"):
        monkeypatch.delenv(name, raising=False)
    run = "".join(c if c.isalnum() else "-" for c in request.node.nodeid)[-128:]
    monkeypatch.setenv("CALIPERS_SERVER", server.address)
    monkeypatch.setenv("CALIPERS_RUN", run)
    monkeypatch.setenv("CALIPERS_TIMEOUT", "20")
    active_session().reset()
    torch.manual_seed(0)
    return run


@pytest.fixture
def client(server: ServerProcess, run: str) -> Iterator[calipers.Client]:
    """Another worker of the same run."""
    with calipers.connect(server.address, run=run, timeout=20) as client:
        yield client
