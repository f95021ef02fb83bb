"""The server is killed and restarted while a worker runs: no record is lost or duplicated."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import calipers
from server_process import ServerProcess, fixed_address, start_server
from serving import read_series

SESSIONS = {"a/input": "worker", "b/output": "worker", "c/weight": "server"}
KILLS = 4
CHUNK = 150
RUN = "mortal"


@pytest.fixture
def mortal(tmp_path: Path) -> Iterator[tuple[str, list[ServerProcess], Path]]:
    """A server that can be killed and restarted at the same address with the same data."""
    folder = tmp_path / "mortal"
    folder.mkdir()
    address = fixed_address()
    servers = [start_server(folder, listen=address)]
    yield address, servers, folder
    servers[-1].stop(signal.SIGKILL)


class Arrivals:
    """Waits until a number of observations is acknowledged."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._acknowledged = 0

    def __call__(self, totals: calipers.Totals) -> None:
        with self._changed:
            self._acknowledged = totals.acknowledged
            self._changed.notify_all()

    def wait_for(self, count: int) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: self._acknowledged >= count, 30)


def tensor(name: str, index: int) -> np.ndarray:
    rng = np.random.default_rng([index, *name.encode()])
    return rng.normal(size=(4, 1024)).astype(np.float32)


def open_all(client: calipers.Client) -> dict[str, calipers.Session]:
    return {
        name: client.session(name, args={}, reduce_at=reduce_at)  # type: ignore[arg-type]
        for name, reduce_at in SESSIONS.items()
    }


def observe(sessions: dict[str, calipers.Session], begin: int, end: int) -> None:
    for index in range(begin, end):
        for name, session in sessions.items():
            session.observe(tensor(name, index), index=index)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_nothing_is_lost_or_doubled_however_often_the_server_dies(mortal, server, number):
    address, servers, folder = mortal
    arrivals = Arrivals()
    with calipers.connect(address, run=RUN, progress=arrivals) as client:
        sessions = open_all(client)
        for kill in range(KILLS):
            begin = kill * CHUNK
            observe(sessions, begin, begin + CHUNK - 10)
            # While observations are being sent.
            arrivals.wait_for(len(SESSIONS) * begin + CHUNK // 2)
            servers[-1].stop(number)
            observe(sessions, begin + CHUNK - 10, begin + CHUNK)
            servers.append(start_server(folder, listen=address))
        totals = client.flush()
        count = KILLS * CHUNK
        assert totals.stored + totals.duplicates == len(SESSIONS) * count == totals.observed
        assert totals.conflicts + totals.rejected == 0
        assert totals.reconnects >= KILLS
        answers = [session.minmax() for session in sessions.values()]
    with calipers.connect(server.address, run=f"steady-{number.name}") as steady:
        whole = open_all(steady)
        observe(whole, 0, count)
        for name, session, answer in zip(whole, whole.values(), answers, strict=True):
            assert session.minmax() == answer
            kept = read_series(address, RUN, name)
            wanted = read_series(server.address, steady.run, name)
            assert [r.digest for r in kept] == [r.digest for r in wanted]


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_question_outlives_a_restart(mortal, number):
    address, servers, folder = mortal
    with calipers.connect(address, run=RUN) as client:
        session = client.session("a/input", args={})
        answers: list[object] = []

        def wait() -> None:
            answers.append(session.wait(1, timeout=30).count)

        waiting = threading.Thread(target=wait)
        waiting.start()
        servers[-1].stop(number)
        servers.append(start_server(folder, listen=address))
        session.observe(tensor("a/input", 0), index=0)
        client.flush()
        waiting.join(30)
        assert answers == [1]


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_question_to_many_outlives_a_restart(mortal, number):
    address, servers, folder = mortal
    with calipers.connect(address, run=RUN) as client:
        sessions = open_all(client)
        answers: list[list[int]] = []

        def wait() -> None:
            found = client.wait(list(SESSIONS), 1, timeout=30)
            answers.append([one.count for one in found.values()])

        waiting = threading.Thread(target=wait)
        waiting.start()
        servers[-1].stop(number)
        servers.append(start_server(folder, listen=address))
        observe(sessions, 0, 1)
        client.flush()
        waiting.join(30)
        assert answers == [[1, 1, 1]]


def test_another_worker_sends_what_one_that_died_did_not(mortal):
    address, _, _ = mortal
    arrivals = Arrivals()
    first = calipers.connect(address, run=RUN, progress=arrivals)
    observe(open_all(first), 0, 50)
    arrivals.wait_for(10)
    first.close()
    with calipers.connect(address, run=RUN) as second:
        sessions = open_all(second)
        observe(sessions, 0, 50)
        totals = second.flush()
        assert totals.duplicates >= 10
        assert totals.stored + totals.duplicates == 50 * len(SESSIONS)
        for session in sessions.values():
            assert session.seal(50) == 50
