"""A worker process: streams its share of a round, and sends unacknowledged observations again.

It reads the server's port before each connection, and runs until its end of the pipe is closed."""

from __future__ import annotations

import json
import os
import random
import threading
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

import grpc

from . import logs
from .wire import CalibrationStub, Outcome, observation_pb2
from .workload import Round, requests

WINDOW = 64
RETRY_SECONDS = 0.02
POLL_SECONDS = 0.003
PAUSE = 0.008
# A stream that owes an acknowledgement is given up after this number of checks without an answer.
# Checks are counted instead of time, because time also passes while a process is stopped.
LOOK_SECONDS = 0.1
SILENT_LOOKS = 50
CHANNEL = (
    # The server limits the frequency of pings.
    ("grpc.keepalive_time_ms", 10_000),
    ("grpc.keepalive_timeout_ms", 5_000),
    ("grpc.keepalive_permit_without_calls", 1),
    # Without this option channels to one address share a connection and its failures.
    ("grpc.use_local_subchannel_pool", 1),
)
Observation = tuple[int, int]


@dataclass(frozen=True)
class Assignment:
    """A worker's task, and the paths that it needs."""

    name: str
    round: Round
    share: int
    folder: Path
    port_file: Path
    # Longest pause between two units in seconds.
    pause: float = PAUSE
    silent_looks: int = SILENT_LOOKS

    @property
    def sent_log(self) -> Path:
        return (self.folder / self.name).with_suffix(".sent")

    @property
    def ack_log(self) -> Path:
        return (self.folder / self.name).with_suffix(".acks")


class Worker:
    """A worker. Thread-safe, because gRPC reads requests in a separate thread."""

    def __init__(self, assignment: Assignment) -> None:
        self._assignment = assignment
        self._series = assignment.round.series()
        path = assignment.folder / assignment.name
        self._sent_log = logs.Log(assignment.sent_log)
        self._ack_log = logs.Log(assignment.ack_log)
        self._rejected_log = path.with_suffix(".rejected").open("a")
        self._silent_log = path.with_suffix(".silent").open("a")
        self._random = random.Random(os.getpid())
        self._changed = threading.Condition()
        self._draining = False
        self._connection = 0
        self._call: grpc.Call | None = None
        # Number of connections and answers so far.
        self._heard = 0
        self._retry_at = 0.0
        # Unacknowledged observations of this connection, in the order of sending.
        self._in_flight: deque[Observation] = deque()
        sent = logs.observations(assignment.sent_log)
        done = set(logs.observations(assignment.ack_log))
        # Unacknowledged observations of a killed predecessor, in its order.
        self._again = deque(
            (number, (index,)) for number, index in sent if (number, index) not in done
        )
        self._begun = done.union(sent)
        self._units = self._remaining_units()

    def _remaining_units(self) -> Iterator[tuple[int, tuple[int, ...]]]:
        """The units that were not started."""
        for number, indices in self._assignment.round.units(self._assignment.share):
            left = tuple(index for index in indices if (number, index) not in self._begun)
            if left:
                yield number, left

    def run(self) -> None:
        """Never returns."""
        while True:
            try:
                self._stream(self._assignment.port_file.read_text().strip())
            except (grpc.RpcError, OSError):
                time.sleep(POLL_SECONDS * self._random.uniform(0.5, 2))

    def drain(self) -> None:
        """Stops sending new observations, and waits until all are acknowledged."""
        with self._changed:
            self._draining = True
            self._changed.wait_for(lambda: not self._in_flight and not self._again)

    def go_on(self) -> None:
        """After drain."""
        with self._changed:
            self._draining = False
            self._changed.notify_all()

    def _stream(self, port: str) -> None:
        if not port:
            raise OSError("no port yet")
        with self._changed:
            self._connection += 1
            connection = self._connection
        with grpc.insecure_channel(f"127.0.0.1:{port}", CHANNEL) as channel:
            call = CalibrationStub(channel).Observe(self._requests(connection))
            self._note_connected(call)
            try:
                for response in call:
                    self._take(response.acks)
            finally:
                call.cancel()
                self._send_again()

    def _note_connected(self, call: grpc.Call) -> None:
        with self._changed:
            self._call = call
            self._heard += 1

    def watch(self) -> None:
        """Gives up streams without answers. Never returns. Unacknowledged observations of such a
        stream are sent again over a new channel."""
        heard, looks = 0, 0
        while True:
            time.sleep(LOOK_SECONDS)
            with self._changed:
                if not self._in_flight or heard != self._heard:
                    heard, looks = self._heard, 0
                    continue
                looks += 1
                call = self._call if looks % self._assignment.silent_looks == 0 else None
            if call is not None:
                print(f"heard nothing for {looks} looks", file=self._silent_log, flush=True)
                call.cancel()

    def _send_again(self) -> None:
        """Queues the unacknowledged observations of a connection again."""
        with self._changed:
            self._connection += 1
            left = [(number, (index,)) for number, index in self._in_flight]
            self._again.extendleft(reversed(left))
            self._in_flight.clear()
            self._changed.notify_all()

    def _requests(self, connection: int) -> Iterator[observation_pb2.ObserveRequest]:
        worker = self._assignment.name
        while (unit := self._next_unit(connection)) is not None:
            number, indices = unit
            for request in requests(self._series[number], indices):
                request.worker = worker
                yield request
            time.sleep(self._assignment.pause * self._random.random())

    def _next_unit(self, connection: int) -> tuple[int, tuple[int, ...]] | None:
        """The next unit to send, after logging it; None if the connection is over."""

        def ready() -> bool:
            if self._connection != connection:
                return True
            if len(self._in_flight) >= WINDOW or time.monotonic() < self._retry_at:
                return False
            return bool(self._again) or not self._draining

        with self._changed:
            while not self._changed.wait_for(ready, timeout=RETRY_SECONDS):
                pass
            if self._connection != connection:
                return None
            number, indices = self._again.popleft() if self._again else next(self._units)
            self._sent_log.add([(number, 0, index) for index in indices])
            self._in_flight.extend((number, index) for index in indices)
            return number, indices

    def _take(self, acks) -> None:
        with self._changed:
            self._heard += 1
            entries = []
            for ack in acks:
                if ack.ordinal < 0:
                    self._log_rejection(-1, -1, ack.status)
                    continue
                number, index = self._in_flight.popleft()
                if ack.outcome == Outcome.OUTCOME_REJECTED:
                    self._log_rejection(number, index, ack.status)
                    self._again.append((number, (index,)))
                    self._retry_at = time.monotonic() + RETRY_SECONDS
                else:
                    # Acknowledgements should come in the order of sending. The acknowledged
                    # index is logged, so that the harness can compare it with the sent index.
                    entries.append((number, ack.outcome, ack.index))
            if entries:
                self._ack_log.add(entries)
            self._changed.notify_all()

    def _log_rejection(self, number: int, index: int, status) -> None:
        entry = {"session": number, "index": index, "code": status.code, "message": status.message}
        print(json.dumps(entry), file=self._rejected_log, flush=True)


def main(assignment: Assignment, pipe: Connection) -> None:
    """The process."""
    worker = Worker(assignment)
    threading.Thread(target=worker.run, daemon=True).start()
    threading.Thread(target=worker.watch, daemon=True).start()
    try:
        while True:
            if pipe.recv() == "drain":
                worker.drain()
                pipe.send("drained")
            else:
                worker.go_on()
    except EOFError:
        pass
    finally:
        # A normal exit would wait for gRPC's threads.
        os._exit(0)
