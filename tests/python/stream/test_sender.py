"""Sending to a service that fails calls."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import grpc
import numpy as np
import pytest

import calipers
from calipers._wire import observation_pb2 as wire
from calipers.connection import Connection
from calipers.errors import DeadlineExceededError, InvalidArgumentError, UnavailableError
from calipers.stream import (
    RawTensor,
    ReducedTensor,
    Sender,
    Window,
    WindowOptions,
    outage,
    sender,
)
from calipers.stream.messages import PIECE_BYTES
from fake_service import FakeService, Plan, serve

OPTIONS = WindowOptions(linger_seconds=0, first_pause_seconds=0.001, max_attempts=3)


@pytest.fixture
def send_to() -> Iterator[Callable[..., tuple[FakeService, Window]]]:
    """Starts a fake service with a plan, and a window with a sender to it."""
    ends: list[Callable[[], object]] = []

    def start(plan: Plan, options: WindowOptions = OPTIONS) -> tuple[FakeService, Window]:
        service = FakeService(plan)
        server, address = serve(service)
        connection, window = Connection(address, 20), Window(options)
        sender = Sender(connection, window, "w")
        ends.extend([window.close, connection.close, sender.join, lambda: server.stop(None).wait()])
        return service, window

    yield start
    for end in ends:
        end()


def header(index: int, size: int = 4) -> wire.ObservationHeader:
    name = "runs/r/sessions/m/input"
    return wire.ObservationHeader(session=name, index=index, dtype="U8", shape=[size])


def raw(index: int, size: int = 4) -> RawTensor:
    return RawTensor(header(index, size), memoryview(bytes([index % 256]) * size))


def reduced(index: int) -> ReducedTensor:
    return ReducedTensor(wire.ReducedObservation(header=header(index), min=b"%d" % index, max=b"x"))


def both(count: int) -> list[RawTensor | ReducedTensor]:
    return [raw(index) if index % 3 == 0 else reduced(index) for index in range(count)]


def test_everything_arrives_and_the_worker_is_said_once(send_to):
    service, window = send_to(Plan())
    for pending in both(100):
        window.put(pending)
    totals = window.flush(20)
    assert (totals.observed, totals.stored, totals.reconnects) == (100, 100, 0)
    assert len(service.stored) == 100
    assert service.workers == ["w"]


def test_a_tensor_goes_in_pieces(send_to):
    service, window = send_to(Plan())
    tensor = np.random.default_rng(1).integers(0, 256, 5 * PIECE_BYTES // 2, np.uint8)
    window.put(RawTensor(header(0, len(tensor)), tensor.data))
    window.flush(20)
    assert list(service.stored.values()) == [tensor.tobytes()]
    assert service.piece_sizes == [PIECE_BYTES, PIECE_BYTES, PIECE_BYTES // 2]


def test_a_stream_is_closed_while_there_is_nothing_to_send(send_to):
    options = WindowOptions(linger_seconds=0, idle_seconds=0)
    service, window = send_to(Plan(), options)
    for index in range(3):
        window.put(raw(index))
        window.flush(20)
        assert service.ended.acquire(timeout=20)
    assert (service.calls, window.totals().reconnects) == (3, 0)


@pytest.mark.parametrize(
    "code",
    [grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.INTERNAL, grpc.StatusCode.RESOURCE_EXHAUSTED],
)
def test_what_a_broken_call_left_is_sent_again(send_to, code):
    service, window = send_to(Plan(break_calls=2, after_observations=5, break_code=code))
    for pending in both(100):
        window.put(pending)
    totals = window.flush(20)
    # The service stored the last observation without an acknowledgement, so it becomes a duplicate.
    assert (totals.stored, totals.duplicates, totals.reconnects) == (98, 2, 2)
    assert len(service.stored) == 100
    assert service.workers == ["w"] * 3


def test_a_server_that_stays_broken_is_given_up(send_to):
    service, window = send_to(Plan(break_calls=1000))
    window.put(raw(0))
    expected = (
        "gave up after 3 attempts with 1 observation not acknowledged: the server at "
        r"127\.0\.0\.1:\d+ is not reachable: broken on purpose"
    )
    assert not window.told
    with pytest.raises(UnavailableError, match=expected):
        window.flush(20)
    with pytest.raises(UnavailableError, match="gave up"):
        window.put(raw(1))
    assert window.told
    assert service.calls == 3


@pytest.mark.parametrize(
    ("code", "message"),
    [
        (grpc.StatusCode.INVALID_ARGUMENT, "never"),
        (grpc.StatusCode.UNIMPLEMENTED, "no such method"),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, "message larger than max (9 vs. 8)"),
    ],
)
def test_an_error_that_another_attempt_cannot_mend_ends_it_at_once(send_to, code, message):
    service, window = send_to(Plan(break_calls=9, break_code=code, break_message=message))
    window.put(raw(0))
    with pytest.raises(calipers.CalipersError) as error:
        window.flush(20)
    assert error.value.code == code.name
    assert message in error.value.message
    assert service.calls == 1


@pytest.mark.parametrize("code", [grpc.StatusCode.RESOURCE_EXHAUSTED, grpc.StatusCode.UNAVAILABLE])
def test_what_the_server_has_no_room_for_is_sent_again(send_to, code):
    _, window = send_to(Plan(no_room=2, no_room_code=code))
    for pending in both(10):
        window.put(pending)
    totals = window.flush(20)
    assert (totals.stored, totals.rejected, totals.reconnects) == (10, 0, 0)


def test_an_outage_that_lasts_is_told_and_so_is_its_end(send_to, monkeypatch, caplog):
    monkeypatch.setattr(outage, "_QUIET_SECONDS", 0)
    _, window = send_to(Plan(break_calls=2))
    with caplog.at_level("INFO", "calipers"):
        window.put(raw(0))
        window.flush(20)
    first, last = caplog.records
    assert (first.levelname, last.levelname) == ("WARNING", "INFO")
    assert "is not reachable: broken on purpose; " in first.message
    assert "1 observation will be sent again" in first.message
    assert "sending continues" in last.message


def test_a_short_outage_is_not_told(send_to, caplog):
    _, window = send_to(Plan(break_calls=2))
    with caplog.at_level("INFO", "calipers"):
        window.put(raw(0))
        window.flush(20)
    assert caplog.records == []


def test_a_deadline_says_what_broke_the_last_call(send_to):
    options = WindowOptions(linger_seconds=0, first_pause_seconds=3600)
    service, window = send_to(Plan(break_calls=1), options)
    window.put(raw(0))
    assert service.received.acquire(timeout=20)
    with pytest.raises(DeadlineExceededError, match=r"1 observation is not .* broken on purpose"):
        window.flush(2)


def test_a_message_that_cannot_be_read_ends_it(send_to):
    service, window = send_to(Plan(unreadable=True))
    window.put(raw(0))
    with pytest.raises(InvalidArgumentError, match="the server cannot read a message of this"):
        window.flush(20)
    assert service.calls == 1


def test_what_goes_wrong_while_sending_is_told(send_to, monkeypatch):
    def encode(batch: object, worker: str) -> Iterator[bytes]:
        raise MemoryError("no room for a message")
        yield b""

    monkeypatch.setattr(sender, "encode", encode)
    service, window = send_to(Plan())
    window.put(raw(0))
    with pytest.raises(calipers.CalipersError, match="no room for a message") as error:
        window.flush(20)
    assert error.value.code == "INTERNAL"
    assert service.calls <= 1


def test_conflicts_are_told(send_to):
    _, window = send_to(Plan())
    window.put(reduced(0))
    window.put(raw(0))
    window.put(reduced(0))
    with pytest.raises(calipers.RefusedError, match="another record"):
        window.flush(20)
    totals = window.totals()
    assert (totals.stored, totals.conflicts, totals.duplicates) == (1, 1, 1)


def test_records_of_a_pass_share_a_message(send_to):
    service, window = send_to(Plan(), WindowOptions(linger_seconds=3600))
    for index in range(2):
        for session in range(50):
            pending = reduced(index)
            pending.observation.header.session += str(session)
            window.put(pending)
    window.flush(20)
    assert len(service.stored) == 100
    assert len(service.message_sizes) <= 3
