"""Fixtures: the package from its sources, and servers of the release build."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

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
from calipers.connection import Connection
from server_process import ServerProcess, start_server


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """One server for all tests, with --store memory. Each test uses a separate run."""
    server = start_server(tmp_path_factory.mktemp("server"), "--store", "memory")
    yield server
    assert server.stop() == 0, server.log.read_text()


@pytest.fixture
def client(server: ServerProcess, request: pytest.FixtureRequest) -> Iterator[calipers.Client]:
    """A client of `server` with a separate run for each test."""
    run = "".join(c if c.isalnum() else "-" for c in request.node.nodeid)[-128:]
    client = calipers.connect(server.address, run=run, timeout=20)
    yield client
    client.close()


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Number of calls of each method of the service, without Observe and ReadSeries."""
    made: Counter[str] = Counter()
    call = Connection.call

    def counted(self: Connection, method: Any, *rest: Any) -> Any:
        made[method.name] += 1
        return call(self, method, *rest)

    monkeypatch.setattr(Connection, "call", counted)
    return made
