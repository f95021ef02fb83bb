"""The window: observations that are not acknowledged yet."""

from __future__ import annotations

import random
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from calipers import checks
from calipers._wire import observation_pb2 as wire
from calipers.errors import (
    CalipersError,
    DeadlineExceededError,
    FailedPreconditionError,
    code_name,
)
from calipers.own_process import OwnProcess
from calipers.stream.pending import (
    MESSAGE_BYTES,
    MESSAGE_OBSERVATIONS,
    Pending,
    RawTensor,
)
from calipers.stream.tally import OnConflict, Tally, Totals
from calipers.wording import counted, duration

_LONGEST_PAUSE = 5.0
_MOST = 1 << 63
_FOR_THE_MOMENT = ("RESOURCE_EXHAUSTED", "UNAVAILABLE")


@dataclass(frozen=True)
class WindowOptions:
    """Limits of the unacknowledged observations, and the retry policy."""

    observations: int = 4096
    """Maximum number of unacknowledged observations. `observe` waits while the window is full."""
    held_bytes: int = 256 << 20
    """Maximum size of the unacknowledged observations in bytes. A larger observation is sent
    alone."""
    linger_seconds: float = 0.1
    """Time that reduced observations wait for others of the same index, to share a message."""
    idle_seconds: float = 5.0
    """Time that an idle Observe call stays open. A server allows a limited number of calls."""
    max_attempts: int = 80
    """Maximum number of connections in a row without an acknowledgement, and maximum number of
    times that an observation is sent if the server temporarily cannot store it. The default takes
    about five minutes."""
    first_pause_seconds: float = 0.05
    """Pause before the second attempt. Each further pause is twice as long, up to 5 s, and partly
    random."""

    def __post_init__(self) -> None:
        """Raises InvalidArgumentError for an invalid value."""
        for field in ("observations", "held_bytes", "max_attempts"):
            checks.whole_number(f"window.{field}", getattr(self, field), 1, _MOST)
        for field in ("linger_seconds", "idle_seconds", "first_pause_seconds"):
            object.__setattr__(self, field, checks.seconds(f"window.{field}", getattr(self, field)))

    def pause_seconds(self, attempt: int) -> float:
        """The pause after attempt number `attempt`, counted from 1."""
        longest = min(self.first_pause_seconds * 2.0 ** min(attempt - 1, 16), _LONGEST_PAUSE)
        # Random, so that workers of one server do not all reconnect at the same time.
        return longest * random.uniform(0.5, 1.0)


class Window:
    """Holds observations until they are acknowledged. Another thread sends them.

    Acknowledgements of a call come in the order in which its observations were sent. When a call
    ends, its unacknowledged observations are queued for the next call, in the same order.
    Thread-safe.
    """

    def __init__(self, options: WindowOptions, on_conflict: OnConflict = "raise") -> None:
        self.options = options
        self._process = OwnProcess()
        self._changed = threading.Condition()
        # _changed guards all members below.
        self._waiting: deque[Pending] = deque()
        self._waiting_since = 0.0
        self._sent: deque[Pending] = deque()
        # Temporarily refused observations, with the time of their next attempt.
        self._postponed: deque[tuple[float, Pending]] = deque()
        self._held_bytes = 0
        self._hurrying = 0
        self._call = 0
        self._attempts = 1  # calls since the last acknowledgement
        self._closed = False
        self._trouble = ""  # why the last call failed, until an acknowledgement comes
        self._failure: CalipersError | None = None
        self._told = False
        self._tally = Tally(on_conflict)

    # For callers of `observe`.

    def put(self, pending: Pending) -> None:
        """Adds an observation. Waits while the window is full.

        Raises the error of the sender if it failed; FailedPreconditionError if the window is
        closed.
        """
        self._process.check()
        with self._changed:
            if not self._has_room(pending):
                with self._hurry():
                    self._changed.wait_for(lambda: self._ended() or self._has_room(pending))
            self._check()
            if not self._waiting:
                self._waiting_since = time.monotonic()
            self._waiting.append(pending)
            self._held_bytes += pending.size
            self._tally.count("observed")
            self._changed.notify_all()

    def flush(self, timeout: float | None) -> Totals:
        """Waits until every observation is acknowledged.

        Raises RefusedError if observations were refused since the last flush; the error of the
        sender if it failed; DeadlineExceededError after `timeout` seconds.
        """
        self._process.check()
        with self._changed:
            with self._hurry():
                done = self._changed.wait_for(
                    lambda: self._ended() or self._unacknowledged() == 0, timeout
                )
            if not done:
                raise DeadlineExceededError(self._what_is_left(timeout or 0))
            self._check()
            self._tally.raise_refused()
            return self._tally.totals

    def totals(self) -> Totals:
        """Number of observations so far, by outcome."""
        self._process.check()
        with self._changed:
            return self._tally.totals

    def unacknowledged(self) -> int:
        """Number of unacknowledged observations."""
        with self._changed:
            return self._unacknowledged()

    @property
    def told(self) -> bool:
        """True after the sender's error was raised to a caller."""
        with self._changed:
            return self._told

    @property
    def closed(self) -> bool:
        """True after close."""
        with self._changed:
            return self._closed

    def close(self) -> None:
        """Gives up the unacknowledged observations, and wakes all waiting threads."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    # For the sender.

    def open_call(self) -> int | None:
        """Waits for observations to send, starts a call and returns the call's number for `take`.
        None if the window is closed or failed."""
        with self._changed:
            self._end_call()
            self._changed.wait_for(lambda: self._ended() or self._unacknowledged() > 0)
            return None if self._ended() else self._call

    def take(self, call: int) -> list[Pending] | None:
        """Waits for the content of the call's next message: one raw tensor, or reduced tensors.
        None if the call is over; a call also ends after `idle_seconds` without observations."""
        with self._changed:
            while not self._ended() and self._call == call:
                self._recall_postponed()
                wait = self._seconds_to_ripe()
                if wait == 0:
                    return self._take_ripe()
                is_idle = self._unacknowledged() == 0
                notified = self._changed.wait(self.options.idle_seconds if is_idle else wait)
                if is_idle and not notified:
                    self._end_call()
            return None

    def acknowledge(self, ack: wire.ObservationAck) -> None:
        """Records the acknowledgement of the oldest unacknowledged observation of the call."""
        with self._changed:
            if not self._sent:
                return
            pending = self._sent.popleft()
            self._attempts = 1
            self._trouble = ""
            if self._is_for_the_moment(ack, pending):
                due = time.monotonic() + self.options.pause_seconds(pending.attempts)
                pending.attempts += 1
                self._postponed.append((due, pending))
            else:
                self._held_bytes -= pending.size
                self._tally.count_ack(pending.header, ack)
            self._changed.notify_all()

    def end_call(self, call: int) -> tuple[int, int]:
        """Ends the call. Returns the number of unacknowledged observations, and the number of calls
        in a row, including this one, without an acknowledgement."""
        with self._changed:
            if self._call != call:
                return 0, 0  # The call was idle. Newer observations belong to the next call.
            self._end_call()
            attempt = self._attempts
            if self._unacknowledged() > 0:
                self._attempts += 1
            return self._unacknowledged(), attempt

    def pause(self, attempt: int, trouble: str) -> None:
        """Waits after attempt number `attempt`, which failed for the reason `trouble`. Returns
        early if the window is closed."""
        with self._changed:
            self._trouble = trouble
            self._changed.wait_for(lambda: self._closed, self.options.pause_seconds(attempt))
            self._tally.count("reconnects")

    def fail(self, error: CalipersError) -> None:
        """Sending is impossible from now on: all callers get `error`."""
        with self._changed:
            self._failure = error
            self._changed.notify_all()

    # The lock must be held.

    @contextmanager
    def _hurry(self) -> Iterator[None]:
        """Within the block, observations are sent without lingering."""
        self._hurrying += 1
        self._changed.notify_all()
        try:
            yield
        finally:
            self._hurrying -= 1

    def _ended(self) -> bool:
        return self._closed or self._failure is not None

    def _what_is_left(self, timeout: float) -> str:
        count = self._unacknowledged()
        left = f"{counted(count, 'observation')} {'is' if count == 1 else 'are'} not acknowledged"
        why = f": {self._trouble}" if self._trouble else ""
        still = "it is" if count == 1 else "they are"
        return f"{left} after {duration(timeout)}{why}; {still} still being sent"

    def _check(self) -> None:
        if self._failure is not None:
            self._told = True
            # A new exception each time, because raising changes an exception.
            raise type(self._failure)(self._failure.message, code=self._failure.code)
        if self._closed:
            raise FailedPreconditionError("the client is closed")

    def _unacknowledged(self) -> int:
        return len(self._waiting) + len(self._sent) + len(self._postponed)

    def _has_room(self, pending: Pending) -> bool:
        count = self._unacknowledged()
        return count == 0 or (
            count < self.options.observations
            and self._held_bytes + pending.size <= self.options.held_bytes
        )

    def _end_call(self) -> None:
        # `take` returns None for the old call's number.
        self._call += 1
        if self._sent:
            self._waiting.extendleft(reversed(self._sent))
            self._sent.clear()
            self._waiting_since = 0.0  # These observations do not linger again.
        self._changed.notify_all()

    def _recall_postponed(self) -> None:
        now = time.monotonic()
        while self._postponed and self._postponed[0][0] <= now:
            self._waiting.append(self._postponed.popleft()[1])

    def _seconds_to_ripe(self) -> float | None:
        """Seconds until the next message; 0: send now; None: there are no observations."""
        now = time.monotonic()
        if not self._waiting:
            return max(self._postponed[0][0] - now, 0.001) if self._postponed else None
        if self._hurrying or self._fills_message():
            return 0
        return max(self._waiting_since + self.options.linger_seconds - now, 0)

    def _fills_message(self) -> bool:
        first, last = self._waiting[0], self._waiting[-1]
        return (
            isinstance(first, RawTensor)
            or isinstance(last, RawTensor)
            # The next batch has started, so all observations of this batch are here.
            or first.header.index != last.header.index
            or len(self._waiting) >= MESSAGE_OBSERVATIONS
            or self._held_bytes >= MESSAGE_BYTES
        )

    def _take_ripe(self) -> list[Pending]:
        batch = [self._waiting.popleft()]
        size = batch[0].size
        while (
            self._waiting
            and not isinstance(batch[0], RawTensor)
            and not isinstance(self._waiting[0], RawTensor)
            and len(batch) < MESSAGE_OBSERVATIONS
            and size < MESSAGE_BYTES
        ):
            batch.append(self._waiting.popleft())
            size += batch[-1].size
        self._sent.extend(batch)
        self._waiting_since = time.monotonic()
        return batch

    def _is_for_the_moment(self, ack: wire.ObservationAck, pending: Pending) -> bool:
        return (
            ack.outcome == wire.ObservationAck.OUTCOME_REJECTED
            and code_name(ack.status.code) in _FOR_THE_MOMENT
            and pending.attempts < self.options.max_attempts
        )
