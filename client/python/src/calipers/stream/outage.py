"""Logs outages: times in which no observation is acknowledged."""

from __future__ import annotations

import logging
import time

_log = logging.getLogger("calipers")

# A restart of the server usually takes less time.
_QUIET_SECONDS = 2.0
_REPEAT_SECONDS = 30.0


class Outage:
    """Logs a warning for a long outage, repeats it, and logs the end of the outage. Not
    thread-safe."""

    def __init__(self) -> None:
        self._since: float | None = None
        self._warned: float | None = None

    def call_begins(self) -> None:
        """A call starts. An outage is possible from now until an acknowledgement comes."""
        if self._since is None:
            self._since = time.monotonic()

    def call_breaks(self, trouble: str, waiting: str, attempt: int) -> None:
        """A call failed. `trouble` is the reason, `waiting` the unacknowledged observations."""
        now = time.monotonic()
        _log.debug("attempt %d: %s", attempt, trouble)
        if self._since is None:
            self._since = now
        due = self._since + _QUIET_SECONDS
        if self._warned is not None:
            due = self._warned + _REPEAT_SECONDS
        if now < due:
            return
        self._warned = now
        _log.warning(
            "%s; no acknowledgement for %.0f s, %s will be sent again",
            trouble,
            now - self._since,
            waiting,
        )

    def acknowledged(self) -> None:
        """An acknowledgement came, which ends an outage."""
        if self._warned is not None and self._since is not None:
            _log.info("sending continues after %.0f s", time.monotonic() - self._since)
        self._since = self._warned = None
