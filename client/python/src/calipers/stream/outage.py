"""A time in which nothing that is sent comes to anything, as the log tells it."""

from __future__ import annotations

import logging
import time

_log = logging.getLogger("calipers")

# A server that is restarted is back by then, more often than not.
_QUIET_SECONDS = 2.0
_REPEAT_SECONDS = 30.0


class Outage:
    """Warns of one that lasts, again now and then, and says when it is over. For one thread."""

    def __init__(self) -> None:
        self._since: float | None = None
        self._warned: float | None = None

    def call_begins(self) -> None:
        """Something is to be sent: until an acknowledgement comes, it may be one."""
        if self._since is None:
            self._since = time.monotonic()

    def call_breaks(self, trouble: str, waiting: str, attempt: int) -> None:
        """`trouble` says what broke it off, `waiting` what is not acknowledged."""
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
            "%s; nothing came through for %.0f s, and %s will be sent again",
            trouble,
            now - self._since,
            waiting,
        )

    def acknowledged(self) -> None:
        """It is over, if it was one."""
        if self._warned is not None and self._since is not None:
            _log.info("sending goes on, after %.0f s", time.monotonic() - self._since)
        self._since = self._warned = None
