"""Seconds that several steps share."""

from __future__ import annotations

import time

from calipers import checks


class Deadline:
    """The end of a timeout that begins now."""

    def __init__(self, timeout: float | None) -> None:
        """`timeout` in seconds; None: without an end. Raises InvalidArgumentError below 0."""
        seconds = None if timeout is None else checks.seconds("timeout", timeout)
        self._end = None if seconds is None else time.monotonic() + seconds

    def left(self) -> float | None:
        """Seconds, not below 0; None without an end."""
        return None if self._end is None else max(self._end - time.monotonic(), 0.0)
