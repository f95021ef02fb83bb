"""A worker without answers, and a worker that a new connection does not help."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent import futures
from pathlib import Path
from types import SimpleNamespace

import grpc

from .crew import Crew
from .logs import Book
from .process import WorkerProcess
from .report import Tally
from .wire import CalibrationServicer, Outcome, add_to_server, observation_pb2
from .worker import Assignment
from .workload import Round

WAIT_SECONDS = 30
SILENT_STREAMS = 2


class SilentAtFirst(CalibrationServicer):
    """Does not answer the first streams, and stores the observations of later streams."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._streams = 0
        self.heard_a_silent_one = threading.Event()

    def Observe(  # noqa: N802  the protocol's name
        self, requests: Iterator[observation_pb2.ObserveRequest], _: grpc.ServicerContext
    ) -> Iterator[observation_pb2.ObserveResponse]:
        with self._lock:
            self._streams += 1
            silent = self._streams <= SILENT_STREAMS
        for request in requests:
            if silent:
                self.heard_a_silent_one.set()
            else:
                yield observation_pb2.ObserveResponse(acks=acks(request))


def acks(request: observation_pb2.ObserveRequest) -> list[observation_pb2.ObservationAck]:
    """The acknowledgements of the observations that start in a message."""
    headers = [reduced.header for reduced in request.reduced.observations]
    if request.HasField("header"):
        headers.append(request.header)
    stored = Outcome.OUTCOME_STORED
    return [Outcome(index=header.index, outcome=stored) for header in headers]


def test_unanswered_records_are_sent_again_over_a_new_channel(tmp_path: Path) -> None:
    service = SilentAtFirst()
    server = grpc.server(futures.ThreadPoolExecutor(SILENT_STREAMS + 2))
    add_to_server(service, server)
    port_file = tmp_path / "port"
    port_file.write_text(f"{server.add_insecure_port('127.0.0.1:0')}\n")
    server.start()
    work = Round("runs/r", seed=1)
    worker = WorkerProcess(Assignment("w", work, 0, tmp_path, port_file, silent_looks=2))
    try:
        assert service.heard_a_silent_one.wait(WAIT_SECONDS)
        worker.ask_to_drain()
        assert worker.wait_until_drained(WAIT_SECONDS)
    finally:
        worker.kill()
        server.stop(grace=None)
    book = Book(tmp_path)
    book.read_sent()
    book.read_acknowledgements()
    assert book.acknowledged == book.sent
    assert sum(map(len, book.sent.values())) > 0
    assert book.silences() == SILENT_STREAMS
    # The worker logged no observation as acknowledged that was not.
    assert (book.violations, book.duplicates) == ([], 0)


class Stuck:
    """A worker that can drain only after a restart, or never."""

    def __init__(self, name: str, cure: bool) -> None:
        self.assignment = SimpleNamespace(name=name)
        self._cure = cure
        self.done: list[str] = []

    def ask_to_drain(self) -> None:
        self.done.append("ask")

    def wait_until_drained(self) -> bool:
        return self._cure and "restart" in self.done

    def kill(self) -> None:
        self.done.append("kill")

    def restart(self) -> None:
        self.done.append("restart")


def crew(folder: Path, *workers: Stuck) -> tuple[Crew, Tally]:
    tally = Tally()
    made = Crew(folder, "runs/r", 1, folder / "port", tally)
    made.workers = [*workers]
    return made, tally


def test_a_stuck_worker_is_replaced_once_and_counted(tmp_path: Path) -> None:
    worker = Stuck("w", cure=True)
    made, tally = crew(tmp_path, worker)
    assert made.drain() == []
    assert worker.done == ["ask", "kill", "restart", "ask"]
    assert tally.replaced == 1


def test_a_worker_that_stays_stuck_is_a_violation(tmp_path: Path) -> None:
    worker = Stuck("w", cure=False)
    made, tally = crew(tmp_path, worker, Stuck("v", cure=True))
    (violation,) = made.drain()
    assert "['w'] could not get through" in violation
    assert worker.done.count("restart") == 1
    assert tally.replaced == 2
