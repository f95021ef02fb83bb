"""The end of a calibration: waits for the records of all ranks, and seals the sessions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Literal, TypeAlias

from calipers.client import Client
from calipers.deadline import Deadline
from calipers.errors import DeadlineExceededError
from calipers.names import base_name
from calipers.session import Session

Finish: TypeAlias = Literal["seal", "wait"]
"""The action at the end of a calibration: "seal" waits until the sessions are complete and seals
them; "wait" only waits."""

_SHOWN = 5


def complete(
    client: Client, sessions: Iterable[tuple[Session, int]], finish: Finish, timeout: float
) -> None:
    """Waits, up to `timeout` seconds for all sessions together, until each session holds its count
    of records. Seals the sessions if `finish` is "seal".

    Raises DeadlineExceededError, naming the missing records of a session.
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
    """Waits with one call for all sessions of the same count. Returns the sessions of calls that
    timed out, which must be checked one by one."""
    late: list[tuple[Session, int]] = []
    for count in dict.fromkeys(count for _, count in pairs):
        group = [pair for pair in pairs if pair[1] == count]
        try:
            client.wait([session.name for session, _ in group], count, timeout=deadline.left())
        except DeadlineExceededError:
            late += group
    return late


def _seal_together(client: Client, pairs: list[tuple[Session, int]]) -> list[tuple[Session, int]]:
    """Seals with one call all sessions of the same base name, if a pattern matches exactly these
    sessions. Returns the other sessions, which must be sealed one by one.

    A session that another client creates after the check is sealed too only if it already holds
    the same number of records."""
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
            # Sealing all sessions can take longer than the timeout of one call.
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
            "rank end? Start it again with resume=True, which skips the stored records"
        ) from None


def _missing(missing: Iterable[range], end: int, count: int) -> Iterator[str]:
    parts = [*missing, *([range(end, count)] if end < count else [])]
    for part in parts[:_SHOWN]:
        yield str(part.start) if len(part) == 1 else f"{part.start} to {part.stop - 1}"
    if len(parts) > _SHOWN:
        yield "more"
