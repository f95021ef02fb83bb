"""The end of a calibration: the records of all ranks are there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Literal, TypeAlias

from calipers.client import Client
from calipers.deadline import Deadline
from calipers.errors import DeadlineExceededError
from calipers.names import base_name
from calipers.session import Session

Finish: TypeAlias = Literal["seal", "wait"]
"""The end of a calibration: "seal" waits for complete sessions and seals them; "wait" waits."""

_SHOWN = 5


def complete(
    client: Client, sessions: Iterable[tuple[Session, int]], finish: Finish, timeout: float
) -> None:
    """Waits, up to `timeout` seconds in all, until each session holds its count of records, and
    seals the sessions if `finish` is "seal".

    Raises DeadlineExceededError, naming the missing records.
    """
    pairs = list(sessions)
    deadline = Deadline(timeout)
    for session, count in _wait_together(client, pairs, deadline):
        _wait(session, count, deadline, timeout)
    if finish == "seal":
        for session, count in _seal_together(client, pairs):
            session.seal(count)


def _wait_together(
    client: Client, pairs: list[tuple[Session, int]], deadline: Deadline
) -> list[tuple[Session, int]]:
    """Those that are to be looked at one by one: not all were complete in time."""
    late: list[tuple[Session, int]] = []
    for count in dict.fromkeys(count for _, count in pairs):
        group = [pair for pair in pairs if pair[1] == count]
        try:
            client.wait([session.name for session, _ in group], count, timeout=deadline.left())
        except DeadlineExceededError:
            late += group
    return late


def _seal_together(client: Client, pairs: list[tuple[Session, int]]) -> list[tuple[Session, int]]:
    """Those that are left to be sealed one by one: what others have in the run is not sealed
    with them. (One that comes after the look would have to hold as many records by then.)"""
    left: list[tuple[Session, int]] = []
    for base in dict.fromkeys(base_name(session.name) for session, _ in pairs):
        group = [pair for pair in pairs if base_name(pair[0].name) == base]
        names, counts = {session.name for session, _ in group}, {count for _, count in group}
        pattern = f"*/{base}"
        if len(counts) > 1 or {row.session for row in client.sessions(pattern)} != names:
            left += group
            continue
        try:
            client.seal(pattern, counts.pop())
        except DeadlineExceededError:
            # All of them may take longer than a question.
            left += group
    return left


def _wait(session: Session, count: int, deadline: Deadline, timeout: float) -> None:
    try:
        session.wait(count, timeout=deadline.left())
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
