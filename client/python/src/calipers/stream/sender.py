"""The thread that sends the observations of a window, in consecutive Observe calls."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator

import grpc

from calipers.connection import Connection
from calipers.errors import (
    CalipersError,
    InvalidArgumentError,
    UnavailableError,
    from_rpc,
    make_error,
)
from calipers.stream.messages import encode
from calipers.stream.outage import Outage
from calipers.stream.tally import Totals
from calipers.stream.window import Window
from calipers.wording import counted

_log = logging.getLogger("calipers")

# A retry of a call that failed with one of these codes can succeed.
_TRANSIENT = ("UNAVAILABLE", "CANCELLED", "UNKNOWN", "INTERNAL", "RESOURCE_EXHAUSTED")


class Sender:
    """Sends until the window is closed, or until it gives up the server; then the window fails.

    If a call fails, the next call sends the unacknowledged observations again with the same
    indices, so that no observation is lost or counted twice.
    """

    def __init__(
        self,
        connection: Connection,
        window: Window,
        worker: str,
        on_progress: Callable[[Totals], None] | None = None,
    ) -> None:
        self._connection = connection
        self._window = window
        self._worker = worker
        self._on_progress = on_progress
        self._outage = Outage()
        self._thread = threading.Thread(target=self._run, name="calipers-sender", daemon=True)
        self._thread.start()

    def join(self, timeout: float | None = None) -> None:
        """Waits up to `timeout` seconds until the thread ends. It ends when the window is closed
        and the call is complete."""
        self._thread.join(timeout)

    def _run(self) -> None:
        try:
            while (call := self._window.open_call()) is not None:
                error = self._talk(call)
                left, attempt = self._window.end_call(call)
                # The status of a call does not matter if every observation is acknowledged.
                if left > 0:
                    self._try_again(error, left, attempt)
        except Exception as error:
            self._fail(error)

    def _try_again(self, error: CalipersError, left: int, attempt: int) -> None:
        """Waits before the next call, or gives up the server."""
        trouble, waiting = self._trouble(error), counted(left, "observation")
        if _is_transient(error) and attempt < self._window.options.max_attempts:
            self._outage.call_breaks(trouble, waiting, attempt)
            self._window.pause(attempt, trouble)
            return
        tried = counted(attempt, "attempt")
        message = f"gave up after {tried} with {waiting} not acknowledged: {trouble}"
        self._window.fail(make_error(error.code, message))

    def _trouble(self, error: CalipersError) -> str:
        address = self._connection.address
        if error.code == "UNAVAILABLE":
            return f"the server at {address} is not reachable: {error.message}"
        return f"sending to {address} failed: {error.message}"

    def _fail(self, error: Exception) -> None:
        """Reports an unexpected error of this thread to the callers of `observe` and `flush`."""
        _log.error("sending failed with an unexpected error", exc_info=error)
        self._window.fail(
            CalipersError(f"sending failed with an unexpected error: {error!r}", code="INTERNAL")
        )

    def _talk(self, call: int) -> CalipersError:
        """Runs one Observe call, and returns the reason why it ended."""
        self._outage.call_begins()
        answers = self._connection.observe(self._requests(call))
        try:
            for response in answers:
                for ack in response.acks:
                    # The server could not read a message, and will not acknowledge its
                    # observations.
                    if ack.ordinal < 0:
                        answers.cancel()
                        return InvalidArgumentError(
                            f"the server cannot read a message of this client: {ack.status.message}"
                        )
                    self._outage.acknowledged()
                    self._window.acknowledge(ack)
                if self._on_progress is not None:
                    self._on_progress(self._window.totals())
        except grpc.RpcError as error:
            return from_rpc(error)
        return UnavailableError("the server ended the stream")

    def _requests(self, call: int) -> Iterator[bytes]:
        """The messages of the call. Runs in a thread of gRPC."""
        worker = self._worker
        try:
            while (batch := self._window.take(call)) is not None:
                yield from encode(batch, worker)
                worker = ""
        except Exception as error:
            self._fail(error)


def _is_transient(error: CalipersError) -> bool:
    if error.code == "RESOURCE_EXHAUSTED":
        # gRPC's message for a request that exceeds the server's limit: a retry does not help.
        return "larger than max" not in error.message
    return error.code in _TRANSIENT
