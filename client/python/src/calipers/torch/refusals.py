"""What would be refused, and what was: found before the model has run for nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from calipers.client import Client
from calipers.errors import FailedPreconditionError
from calipers.session import Session


class Refusals:
    """Those of a client, as they become known."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._known = self._count()

    def check(self) -> None:
        """Raises RefusedError if there are some of which nobody was told; does not wait."""
        if (count := self._count()) > self._known:
            self._known = count
            self._client.flush()

    def _count(self) -> int:
        totals = self._client.totals
        return totals.conflicts + totals.rejected


def find_seals(client: Client, sessions: Sequence[Session]) -> dict[str, int]:
    """At how many records sessions are sealed, by name; without those that are open."""
    if not any(session.progress_at_opening.count for session in sessions):
        return {}
    names = {session.name for session in sessions}
    return {
        row.session: row.sealed
        for row in client.sessions()
        if row.sealed is not None and row.session in names
    }


def check_seals(seals: Mapping[str, int], total: int) -> None:
    """Raises FailedPreconditionError if one is not that of `total` batches."""
    for name, sealed in seals.items():
        if sealed != total:
            raise FailedPreconditionError(
                f"{name} is sealed at {sealed} records, and {total} batches are to be observed: "
                "take another run, or reset the session"
            )


def check_index(seals: Mapping[str, int], index: int) -> None:
    """Raises FailedPreconditionError if the batch at `index` is beyond one."""
    for name, sealed in seals.items():
        if index >= sealed:
            raise FailedPreconditionError(
                f"{name} is sealed at {sealed} records, and there is a batch at index {index}: "
                "take another run, or reset the session"
            )


def check_ends(sessions: Sequence[Session], total: int) -> None:
    """Raises FailedPreconditionError if one holds a record beyond `total` batches, with which it
    can never be sealed at them."""
    for session in sessions:
        if (end := session.progress_at_opening.end_index) > total:
            raise FailedPreconditionError(
                f"{session.name} holds a record at index {end - 1}, and {total} batches are to be "
                "observed: take another run, or reset the session"
            )
