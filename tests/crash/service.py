"""The harness's requests to a server that can be killed at any moment."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Self, TypeVar

import grpc

from .process import ServerProcess
from .wire import CalibrationStub, Outcome, calls, observation_pb2, range_pb2, session_pb2
from .workload import Kind, Series, requests

SECONDS = 30
# Status codes of calls whose server is gone. The end of the process can be visible later.
BROKEN = (
    grpc.StatusCode.UNAVAILABLE,
    grpc.StatusCode.UNKNOWN,
    grpc.StatusCode.INTERNAL,
    grpc.StatusCode.CANCELLED,
)
DEATH_SECONDS = 2
Answered = TypeVar("Answered")


class ServerDiedError(Exception):
    """The server ended during a call."""


class RefusedError(Exception):
    """The server refused a request."""

    def __init__(self, code: grpc.StatusCode, message: str) -> None:
        super().__init__(f"{code.name}: {message}")
        self.code = code


@dataclass(frozen=True)
class Answer:
    """A MinMax as bytes, and the indices of its records."""

    values: dict[str, tuple[bytes, bytes]]
    indices: list[int]


def _answer(found: range_pb2.MinMax) -> Answer:
    names = ("range", "current", "global", "current_global", "global_of_range")
    values = {
        name: (getattr(found, name).min.data, getattr(found, name).max.data) for name in names
    }
    return Answer(values, present(found.progress))


def present(progress: session_pb2.Progress) -> list[int]:
    """The indices of the stored records."""
    indices: list[int] = []
    at = 0
    for gap in progress.missing:
        indices += range(at, gap.start)
        at = gap.end
    indices += range(at, progress.end_index)
    if len(indices) != progress.count:
        raise ValueError(f"progress names {len(indices)} indices and counts {progress.count}")
    return indices


class Service:
    """A connection to one server process. A context manager."""

    def __init__(self, server: ServerProcess) -> None:
        self._server = server
        self._channel = grpc.insecure_channel(
            server.address, options=[("grpc.max_receive_message_length", -1)]
        )
        self._stub = CalibrationStub(self._channel)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._channel.close()

    def _call(self, call: Callable[[], Answered]) -> Answered:
        try:
            return call()
        except grpc.RpcError as error:
            code = error.code()
            if code in BROKEN and self._server.is_dead_within(DEATH_SECONDS):
                raise ServerDiedError from error
            raise RefusedError(code, error.details()) from error

    def create(self, run: str, kind: Kind) -> session_pb2.Session:
        request = calls.CreateSessionRequest(
            parent=run, session_id=kind.session_id, session=kind.spec()
        )
        return self._call(lambda: self._stub.CreateSession(request, timeout=SECONDS))

    def get(self, name: str) -> session_pb2.Session:
        request = calls.GetSessionRequest(name=name)
        return self._call(lambda: self._stub.GetSession(request, timeout=SECONDS))

    def names(self, run: str = "runs/-") -> list[str]:
        return [session.name for session in self.list(run)]

    def list(self, run: str = "runs/-") -> list[session_pb2.Session]:
        """All sessions of a run; they fit on one page."""
        request = calls.ListSessionsRequest(parent=run, page_size=1000)
        found = self._call(lambda: self._stub.ListSessions(request, timeout=SECONDS))
        return list(found.sessions)

    def reset(self, name: str) -> None:
        request = calls.ResetSessionRequest(name=name)
        self._call(lambda: self._stub.ResetSession(request, timeout=SECONDS))

    def delete(self, name: str) -> None:
        request = calls.DeleteSessionRequest(name=name)
        self._call(lambda: self._stub.DeleteSession(request, timeout=SECONDS))

    def delete_run(self, run: str) -> None:
        request = calls.DeleteRunRequest(name=run)
        self._call(lambda: self._stub.DeleteRun(request, timeout=SECONDS))

    def back_up(self, backup_id: str) -> None:
        request = calls.CreateBackupRequest(backup_id=backup_id)
        self._call(lambda: self._stub.CreateBackup(request, timeout=SECONDS))

    def seal(self, name: str, count: int) -> None:
        request = calls.SealSessionRequest(name=name, count=count)
        self._call(lambda: self._stub.SealSession(request, timeout=SECONDS))

    def observe(self, series: Series, indices: Iterable[int]) -> list[Outcome]:
        """Sends these observations over a new stream, and returns their acknowledgements."""
        messages = [message for index in indices for message in requests(series, (index,))]

        def sent() -> list[Outcome]:
            responses = self._stub.Observe(iter(messages), timeout=SECONDS)
            return [ack for response in responses for ack in response.acks]

        return self._call(sent)

    def read(self, name: str) -> list[observation_pb2.SeriesRecord]:
        """Reads the whole series."""
        records: list[observation_pb2.SeriesRecord] = []
        self.read_into(name, records)
        return records

    def read_into(self, name: str, records: list[observation_pb2.SeriesRecord]) -> None:
        """Reads the series into `records`, which after an error holds the records before it."""
        request = calls.ReadSeriesRequest(name=name)

        def take() -> None:
            for response in self._stub.ReadSeries(request, timeout=SECONDS):
                records.extend(response.records)

        self._call(take)

    def min_max(self, name: str) -> range_pb2.MinMax:
        request = range_pb2.GetMinMaxRequest(name=name)
        return self._call(lambda: self._stub.GetMinMax(request, timeout=SECONDS))

    def answer(self, name: str) -> Answer:
        return _answer(self.min_max(name))
