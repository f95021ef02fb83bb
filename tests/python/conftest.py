"""Fixtures: the package from its sources, and servers of the built program."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis.configuration import set_hypothesis_home_dir

TOP = Path(__file__).resolve().parents[2]
sys.path[:0] = [
    str(TOP / "client" / "python" / "src"),
    str(TOP / "client" / "python"),
    str(TOP / "tests" / "support"),
]

set_hypothesis_home_dir(TOP / "build" / "hypothesis")

import generate_wire

generate_wire.generate_if_stale()

import calipers
from server_process import ServerProcess, start_server


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """One server for all, that forgets; tests take runs of their own."""
    server = start_server(tmp_path_factory.mktemp("server"), "--store", "memory")
    yield server
    assert server.stop() == 0, server.log.read_text()


@pytest.fixture
def client(server: ServerProcess, request: pytest.FixtureRequest) -> Iterator[calipers.Client]:
    """A client of `server` with a run of this test's own."""
    run = "".join(c if c.isalnum() else "-" for c in request.node.nodeid)[-128:]
    client = calipers.connect(server.address, run=run, timeout=20)
    yield client
    client.close()
