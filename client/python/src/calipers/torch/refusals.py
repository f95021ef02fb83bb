"""Early checks for refusals, so that the model does not run in vain."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from calipers.client import Client
from calipers.errors import FailedPreconditionError
from calipers.session import Session


class Refusals:
    """The refused observations of a client, as they become known."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._known = self._count()

    def check(self) -> None:
        """Raises RefusedError if observations were refused since the last check. Does not wait for
        acknowledgements."""
        if (count := self._count()) > self._known:
            self._known = count
            self._client.flush()

    def _count(self) -> int:
        totals = self._client.totals
        kept = self._client.on_conflict == "keep"
        return totals.rejected + (0 if kept else totals.conflicts)


def find_seals(client: Client, sessions: Sequence[Session]) -> dict[str, int]:
    """The numbers of records at which sessions are sealed, by session name. Sessions that are not
    sealed are left out."""
    if not any(session.progress_at_opening.count for session in sessions):
        return {}
    names = {session.name for session in sessions}
    return {
        row.session: row.sealed
        for row in client.sessions()
        if row.sealed is not None and row.session in names
    }


def check_seals(seals: Mapping[str, int], total: int) -> None:
    """Raises FailedPreconditionError if a session is sealed at another number than `total`."""
    for name, sealed in seals.items():
        if sealed != total:
            raise FailedPreconditionError(
                f"{name} is sealed at {sealed} records, and {total} batches are to be observed: "
                "use another run name, or reset the session"
            )


def check_index(seals: Mapping[str, int], index: int) -> None:
    """Raises FailedPreconditionError if a session is sealed below `index`."""
    for name, sealed in seals.items():
        if index >= sealed:
            raise FailedPreconditionError(
                f"{name} is sealed at {sealed} records, and there is a batch at index {index}: "
                "use another run name, or reset the session"
            )


def check_ends(sessions: Sequence[Session], total: int) -> None:
    """Raises FailedPreconditionError if a session holds a record at or beyond index `total`. Such a
    session cannot be sealed at `total` records."""
    for session in sessions:
        if (end := session.progress_at_opening.end_index) > total:
            raise FailedPreconditionError(
                f"{session.name} holds a record at index {end - 1}, and {total} batches are to be "
                "observed: use another run name, or reset the session"
            )
