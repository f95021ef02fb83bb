"""The records that a resumed run already holds."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable

from calipers.answers import Progress


class Present:
    """The indices of the records that a session holds."""

    def __init__(self, progress: Progress | None = None) -> None:
        """Without `progress` every record counts as absent."""
        self._missing = progress.missing if progress is not None else ()
        end = progress.end_index if progress is not None else 0
        if progress is not None and progress.missing_range_count > len(self._missing):
            # Progress holds only the first missing ranges; later records count as absent.
            end = self._missing[-1].stop
        self._end = end
        self._starts = [part.start for part in self._missing]

    def __contains__(self, index: int) -> bool:
        if index >= self._end:
            return False
        behind = bisect_right(self._starts, index)
        return behind == 0 or index not in self._missing[behind - 1]


def all_hold(sessions: Iterable[Present], index: int) -> bool:
    """True if all sessions hold a record at `index`."""
    return all(index in present for present in sessions)
