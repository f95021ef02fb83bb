"""A worker: streams its share of a round, and sends again what was not acknowledged.

A process of its own. It looks up the server's port whenever it connects, and goes on
until its end of the pipe is closed."""

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
# A stream that owes an acknowledgement and stays silent for so many looks is given up. Not
# by the clock, which goes on while a process is stopped.
LOOK_SECONDS = 0.1
SILENT_LOOKS = 50
CHANNEL = (
    # Not more often than the server allows.
    ("grpc.keepalive_time_ms", 10_000),
    ("grpc.keepalive_timeout_ms", 5_000),
    ("grpc.keepalive_permit_without_calls", 1),
    # Channels to one address share a connection, and how it fails, unless told not to.
    ("grpc.use_local_subchannel_pool", 1),
)
Observation = tuple[int, int]


@dataclass(frozen=True)
class Assignment:
    """What a worker is to do, and where it finds what it needs."""

    name: str
    round: Round
    share: int
    folder: Path
    port_file: Path
    # Seconds between two units, at most.
    pause: float = PAUSE
    silent_looks: int = SILENT_LOOKS

    @property
    def sent_log(self) -> Path:
        return (self.folder / self.name).with_suffix(".sent")

    @property
    def ack_log(self) -> Path:
        return (self.folder / self.name).with_suffix(".acks")


class Worker:
    """Thread-safe: gRPC asks for requests from a thread of its own."""

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
        # How often it was connected or heard something.
        self._heard = 0
        self._retry_at = 0.0
        # Of this connection, in the order in which it was sent.
        self._in_flight: deque[Observation] = deque()
        sent = logs.observations(assignment.sent_log)
        done = set(logs.observations(assignment.ack_log))
        # What a killed predecessor left behind, in its order.
        self._again = deque(
            (number, (index,)) for number, index in sent if (number, index) not in done
        )
        self._begun = done.union(sent)
        self._units = self._remaining_units()

    def _remaining_units(self) -> Iterator[tuple[int, tuple[int, ...]]]:
        """Those that were never begun."""
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
        """Returns once all that was sent is acknowledged; nothing new is sent from now."""
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
        """Never returns. What is in flight on a stream that is given up is sent again, over
        a channel of its own; nothing is taken for acknowledged."""
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
        """What a connection left behind."""
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
        """What to send next, written down; None once the connection is over."""

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
                    # Acknowledgements come in the order of what was sent; if not, the
                    # index that was acknowledged is held against what was sent.
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
        # gRPC's threads would be waited for.
        os._exit(0)
