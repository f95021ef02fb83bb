"""A timeout that several steps share."""

from __future__ import annotations

import time

from calipers import checks


class Deadline:
    """The end of a timeout that starts now."""

    def __init__(self, timeout: float | None) -> None:
        """`timeout` is in seconds; None: no limit. Raises InvalidArgumentError below 0."""
        seconds = None if timeout is None else checks.seconds("timeout", timeout)
        self._end = None if seconds is None else time.monotonic() + seconds

    def left(self) -> float | None:
        """The remaining seconds, at least 0; None if there is no limit."""
        return None if self._end is None else max(self._end - time.monotonic(), 0.0)
