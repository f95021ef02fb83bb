"""The window without a sender: order and time of sending, retries, waiting and errors."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from calipers._wire import observation_pb2 as wire
from calipers.errors import (
    DeadlineExceededError,
    FailedPreconditionError,
    RefusedError,
    UnavailableError,
)
from calipers.stream import Pending, RawTensor, ReducedTensor, Window, WindowOptions
from calipers.stream.pending import MESSAGE_OBSERVATIONS

PATIENT = WindowOptions(linger_seconds=3600, first_pause_seconds=0)
PROMPT = WindowOptions(linger_seconds=0, first_pause_seconds=0)
ACK = wire.ObservationAck


def reduced(index: int, size: int = 4) -> ReducedTensor:
    header = wire.ObservationHeader(session="runs/r/sessions/m/input", index=index)
    return ReducedTensor(wire.ReducedObservation(header=header, min=b"m" * size))


def raw(index: int, data: bytes = b"data") -> RawTensor:
    header = wire.ObservationHeader(session="runs/r/sessions/m/input", index=index)
    return RawTensor(header, memoryview(data))


def ack(outcome: ACK.Outcome = ACK.OUTCOME_STORED, code: int = 0) -> ACK:
    result = ACK(outcome=outcome)
    result.status.code = code
    return result


class Background:
    """A call in another thread, and its exception."""

    def __init__(self, call: Callable[[], object]) -> None:
        self.error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, args=(call,), daemon=True)
        self._thread.start()

    def _run(self, call: Callable[[], object]) -> None:
        try:
            call()
        except BaseException as error:
            self.error = error

    def join(self) -> BaseException | None:
        self._thread.join(20)
        assert not self._thread.is_alive()
        return self.error


def take(window: Window, call: int | None) -> list[int] | None:
    """The indices in the next message."""
    assert call is not None
    taken: list[list[Pending] | None] = []
    assert Background(lambda: taken.append(window.take(call))).join() is None
    (batch,) = taken
    return None if batch is None else [pending.header.index for pending in batch]


def filled(window: Window, *pending: Pending) -> Window:
    for each in pending:
        window.put(each)
    return window


def test_records_of_one_index_go_together_once_the_next_index_comes():
    window = filled(Window(PATIENT), reduced(0), reduced(0), reduced(0))
    window.put(reduced(1))
    assert take(window, window.open_call()) == [0, 0, 0, 1]


def test_a_batch_is_sent_after_the_linger_time():
    window = filled(Window(PROMPT), reduced(0), reduced(0))
    assert take(window, window.open_call()) == [0, 0]


def test_a_flush_does_not_wait_for_a_full_batch():
    window = filled(Window(PATIENT), reduced(0))
    call = window.open_call()
    flush = Background(lambda: window.flush(20))
    assert take(window, call) == [0]
    window.acknowledge(ack())
    assert flush.join() is None
    assert window.totals().stored == 1


def test_a_message_holds_so_many_records():
    count = MESSAGE_OBSERVATIONS + 1
    window = filled(Window(PATIENT), *(reduced(0) for _ in range(count)), reduced(1))
    call = window.open_call()
    assert len(take(window, call) or ()) == MESSAGE_OBSERVATIONS
    assert take(window, call) == [0, 1]


def test_a_message_holds_so_many_bytes():
    window = filled(Window(PROMPT), *(reduced(0, 100 << 10) for _ in range(4)))
    call = window.open_call()
    assert take(window, call) == [0, 0, 0]
    assert take(window, call) == [0]


def test_raw_and_reduced_ones_keep_their_order():
    window = filled(Window(PROMPT), reduced(0), raw(1), raw(2), reduced(3), reduced(4))
    call = window.open_call()
    assert [take(window, call) for _ in range(4)] == [[0], [1], [2], [3, 4]]


def test_what_a_call_left_unacknowledged_is_sent_again_in_order():
    window = filled(Window(PROMPT), *map(raw, range(5)))
    call = window.open_call()
    assert [take(window, call) for _ in range(3)] == [[0], [1], [2]]
    window.acknowledge(ack())
    assert window.end_call(call) == (4, 1)
    assert take(window, call) is None
    again = window.open_call()
    assert [take(window, again) for _ in range(4)] == [[1], [2], [3], [4]]


def test_attempts_count_from_the_last_acknowledgement():
    window = filled(Window(PROMPT), raw(0), raw(1))
    for attempt in (1, 2, 3):
        call = window.open_call()
        take(window, call)
        assert window.end_call(call) == (2, attempt)
    call = window.open_call()
    take(window, call)
    window.acknowledge(ack())
    assert window.end_call(call) == (1, 1)


def test_what_is_refused_for_the_moment_is_sent_again():
    window = filled(Window(PROMPT), raw(0), raw(1))
    call = window.open_call()
    assert [take(window, call) for _ in range(2)] == [[0], [1]]
    window.acknowledge(ack(ACK.OUTCOME_REJECTED, code=8))
    assert take(window, call) == [0]
    window.acknowledge(ack())
    window.acknowledge(ack())
    assert window.flush(0).stored == 2


def test_what_is_refused_for_the_moment_too_often_is_refused():
    window = filled(Window(WindowOptions(first_pause_seconds=0, max_attempts=3)), raw(0))
    call = window.open_call()
    for _ in range(3):
        assert take(window, call) == [0]
        window.acknowledge(ack(ACK.OUTCOME_REJECTED, code=14))
    with pytest.raises(RefusedError) as refused:
        window.flush(0)
    assert refused.value.refusals[0].code == "UNAVAILABLE"


def test_refusals_are_told_once():
    window = filled(Window(PROMPT), *map(raw, range(300)))
    call = window.open_call()
    for index in range(300):
        assert take(window, call) == [index]
        window.acknowledge(ack(ACK.OUTCOME_CONFLICT, code=6))
    with pytest.raises(RefusedError, match="300 observations were refused") as refused:
        window.flush(0)
    assert (refused.value.count, len(refused.value.refusals)) == (300, 100)
    assert refused.value.refusals[99].index == 99
    assert window.flush(0).conflicts == 300


@pytest.mark.parametrize(
    "options",
    [
        WindowOptions(observations=2, linger_seconds=3600),
        WindowOptions(held_bytes=8, linger_seconds=3600),
    ],
)
def test_observing_waits_while_the_window_is_full(options):
    window = filled(Window(options), raw(0), raw(1))
    call = window.open_call()
    waiting = Background(lambda: window.put(raw(2)))
    assert [take(window, call) for _ in range(2)] == [[0], [1]]
    assert window.totals().observed == 2
    window.acknowledge(ack())
    assert waiting.join() is None
    assert take(window, call) == [2]


def test_a_full_window_does_not_wait_for_a_full_batch():
    window = filled(Window(WindowOptions(observations=2, linger_seconds=3600)), reduced(0))
    window.put(reduced(0))
    call = window.open_call()
    waiting = Background(lambda: window.put(reduced(0)))
    assert take(window, call) == [0, 0]
    window.acknowledge(ack())
    assert waiting.join() is None


def test_one_that_is_larger_than_the_window_goes_alone():
    window = Window(WindowOptions(held_bytes=3))
    window.put(raw(0))
    assert take(window, window.open_call()) == [0]


def test_a_call_with_nothing_to_do_ends_and_leaves_nothing():
    window = filled(Window(WindowOptions(linger_seconds=0, idle_seconds=0)), raw(0))
    call = window.open_call()
    assert take(window, call) == [0]
    window.acknowledge(ack())
    assert take(window, call) is None
    # Observations that come before the call ends belong to the next call.
    window.put(raw(1))
    assert call is not None
    assert window.end_call(call) == (0, 0)
    assert take(window, window.open_call()) == [1]


def test_a_failure_is_told_to_everyone_each_time():
    window = filled(Window(WindowOptions(observations=1)), raw(0))
    waiting = [Background(lambda: window.put(raw(1))), Background(lambda: window.flush(None))]
    window.fail(UnavailableError("gave up"))
    for each in waiting:
        assert isinstance(each.join(), UnavailableError)
    for _ in range(2):
        with pytest.raises(UnavailableError, match="gave up"):
            window.flush(None)
    with pytest.raises(UnavailableError, match="gave up"):
        window.put(raw(2))


def test_closing_wakes_everyone():
    window = filled(Window(WindowOptions(observations=1, linger_seconds=3600)), reduced(0))
    call = window.open_call()
    waiting = [
        Background(lambda: window.put(reduced(1))),
        Background(lambda: window.flush(None)),
    ]
    assert take(window, call) == [0]
    sending = Background(lambda: take(window, call))
    window.close()
    for each in waiting:
        assert isinstance(each.join(), FailedPreconditionError)
    assert sending.join() is None
    assert window.open_call() is None


def test_a_flush_that_takes_too_long_says_what_is_left():
    window = filled(Window(PROMPT), raw(0), raw(1))
    with pytest.raises(DeadlineExceededError, match=r"^2 observations are not acknowledged"):
        window.flush(0)
