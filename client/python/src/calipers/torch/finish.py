"""The end of a calibration: the records of all ranks are there."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from typing import Literal, TypeAlias

from calipers.errors import DeadlineExceededError
from calipers.session import Session

Finish: TypeAlias = Literal["seal", "wait"]
"""Sessions are sealed once complete, or only waited for."""

_SHOWN = 5


def complete(sessions: Iterable[tuple[Session, int]], finish: Finish, timeout: float) -> None:
    """Waits, up to `timeout` seconds in all, until each session has its count, and seals it.

    Raises DeadlineExceededError, saying what is missing.
    """
    pairs = list(sessions)
    deadline = time.monotonic() + timeout
    for session, count in pairs:
        _wait(session, count, deadline, timeout)
    if finish == "seal":
        for session, count in pairs:
            session.seal(count)


def _wait(session: Session, count: int, deadline: float, timeout: float) -> None:
    try:
        session.wait(count, timeout=max(deadline - time.monotonic(), 0.0))
    except DeadlineExceededError:
        progress = session.progress()
        if progress.count >= count:
            return
        raise DeadlineExceededError(
            f"{session.name} has {progress.count} of {count} records after {timeout:g} s; missing "
            f"are {', '.join(_missing(progress.missing, progress.end_index, count))}: did another "
            "rank end? Start it again, with resume=True to leave out what is here"
        ) from None


def _missing(missing: Iterable[range], end: int, count: int) -> Iterator[str]:
    parts = [*missing, *([range(end, count)] if end < count else [])]
    for part in parts[:_SHOWN]:
        yield str(part.start) if len(part) == 1 else f"{part.start} to {part.stop - 1}"
    if len(parts) > _SHOWN:
        yield "more"
