"""The thread that sends what a window holds, over one Observe call after another."""

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

# A call that ended like this may go well the next time.
_TRANSIENT = ("UNAVAILABLE", "CANCELLED", "UNKNOWN", "INTERNAL", "RESOURCE_EXHAUSTED")


class Sender:
    """Sends until it is closed, or gives the server up: then the window fails.

    What was not acknowledged when a call breaks is sent again, with the same index, over the
    next one, so that nothing is lost and nothing counts twice.
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
        """Waits, up to `timeout` seconds, until the thread ends, as it does once the window is
        closed and the call through."""
        self._thread.join(timeout)

    def _run(self) -> None:
        try:
            while (call := self._window.open_call()) is not None:
                error = self._talk(call)
                left, attempt = self._window.end_call(call)
                # Without anything on its way how a call ends changes nothing.
                if left > 0:
                    self._try_again(error, left, attempt)
        except Exception as error:
            self._fail(error)

    def _try_again(self, error: CalipersError, left: int, attempt: int) -> None:
        """Waits before the next call, or gives the server up."""
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
        return f"sending to {address} breaks off: {error.message}"

    def _fail(self, error: Exception) -> None:
        """Whatever went wrong here, whoever observes has to hear of it."""
        _log.error("sending ended", exc_info=error)
        self._window.fail(CalipersError(f"sending ended: {error!r}", code="INTERNAL"))

    def _talk(self, call: int) -> CalipersError:
        """One Observe call, from begin to end. Why it ended."""
        self._outage.call_begins()
        answers = self._connection.observe(self._requests(call))
        try:
            for response in answers:
                for ack in response.acks:
                    # It is about a message, of whose observations nothing more will be heard.
                    if ack.ordinal < 0:
                        answers.cancel()
                        return InvalidArgumentError(
                            f"the server cannot take what was sent: {ack.status.message}"
                        )
                    self._outage.acknowledged()
                    self._window.acknowledge(ack)
                if self._on_progress is not None:
                    self._on_progress(self._window.totals())
        except grpc.RpcError as error:
            return from_rpc(error)
        return UnavailableError("the server ended the stream")

    def _requests(self, call: int) -> Iterator[bytes]:
        """What goes over the call, as it comes; run by a thread of gRPC's."""
        worker = self._worker
        try:
            while (batch := self._window.take(call)) is not None:
                yield from encode(batch, worker)
                worker = ""
        except Exception as error:
            self._fail(error)


def _is_transient(error: CalipersError) -> bool:
    if error.code == "RESOURCE_EXHAUSTED":
        # By gRPC's own words a message is larger than the server takes, and stays so.
        return "larger than max" not in error.message
    return error.code in _TRANSIENT
