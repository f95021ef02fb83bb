"""Queries to many sessions of a run."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

from calipers import checks, names
from calipers._wire import calibration_pb2, qparams_pb2, range_pb2
from calipers.answers import Progress, QParams, progress_from, qparams_from
from calipers.connection import (
    BATCH_GET_MIN_MAX,
    BATCH_GET_QPARAMS,
    DELETE_RUN,
    DELETE_SESSION,
    GET_MIN_MAX,
    GET_SESSION,
    LIST_SESSIONS,
    SEAL_RUN,
    Connection,
)
from calipers.deadline import Deadline
from calipers.errors import (
    CalipersError,
    DeadlineExceededError,
    FailedPreconditionError,
    NotFoundError,
    UnavailableError,
    from_status,
)
from calipers.pages import Answers, ask_in_pages, joint_error
from calipers.questions import record_count, seal_count
from calipers.table import SessionRow, row_from
from calipers.wording import counted

_Answer = TypeVar("_Answer")

# The largest page that the server lists.
_LISTED = 1000


class Run:
    """Queries to many sessions. They do not flush. Thread-safe."""

    def __init__(self, connection: Connection, name: str) -> None:
        self._connection = connection
        self._name = name
        self._parent = names.run_name(name)

    def rows(self, pattern: str, deadline: Deadline) -> list[SessionRow]:
        """The sessions that match the pattern, sorted by name."""
        request = calibration_pb2.ListSessionsRequest(
            parent=self._parent, module_glob=checks.text("pattern", pattern), page_size=_LISTED
        )
        rows: list[SessionRow] = []
        while True:
            page = self._connection.call(LIST_SESSIONS, request, deadline.left())
            rows.extend(map(row_from, page.sessions))
            if not page.next_page_token:
                return rows
            request.page_token = page.next_page_token

    def named(self, sessions: str | Iterable[str], deadline: Deadline) -> list[str]:
        """The given names, each once, or the names of the sessions that match a pattern.

        Raises NotFoundError if no session matches.
        """
        if not isinstance(sessions, str):
            allowed = "a pattern, or names of sessions"
            return list(dict.fromkeys(checks.words("sessions", sessions, allowed)))
        if not (rows := self.rows(sessions, deadline)):
            raise NotFoundError(
                f'no session of run "{self._name}" matches "{sessions}"'
                if sessions
                else f'run "{self._name}" has no session'
            )
        return [row.session for row in rows]

    def minmax(
        self,
        sessions: Sequence[str],
        fields: Mapping[str, Any],
        read: Callable[[range_pb2.MinMax], _Answer],
        deadline: Deadline,
    ) -> Answers[_Answer]:
        """The result of `read` for the answer of each session. `fields` are fields of
        BatchGetMinMaxRequest."""
        return ask_in_pages(sessions, lambda page: self._minmax(page, fields, read, deadline))

    def qparams(
        self, sessions: Sequence[str], fields: Mapping[str, Any], deadline: Deadline
    ) -> Answers[QParams]:
        """The qparams of each session. `fields` are fields of BatchGetQParamsRequest, with at most
        one spec."""

        def ask(page: Sequence[str]) -> list[QParams | CalipersError]:
            request = qparams_pb2.BatchGetQParamsRequest(
                parent=self._parent, names=self._full_names(page), **fields
            )
            response = self._connection.call(BATCH_GET_QPARAMS, request, deadline.left())
            return [
                qparams_from(result.qparams)
                if result.HasField("qparams")
                else from_status(result.status)
                for result in response.results
            ]

        return ask_in_pages(sessions, ask)

    def wait(self, sessions: Sequence[str], count: int, deadline: Deadline) -> dict[str, Progress]:
        """As `Client.wait`."""
        fields = _waiting_for(count)

        def ask(page: Sequence[str]) -> list[Progress | CalipersError]:
            try:
                found = self._minmax(page, fields, _progress_of, deadline)
            except DeadlineExceededError as error:
                # The whole call timed out, so it is unknown which sessions are incomplete.
                raise DeadlineExceededError(
                    f"not all of {counted(len(page), 'session')} from {page[0]} on hold "
                    f"{counted(count, 'record')}: {error.message}"
                ) from None
            results = {
                session: self._looked_into(session, count, one, deadline)
                for session, one in zip(page, found, strict=True)
            }
            late = {name: one for name, one in results.items() if isinstance(one, CalipersError)}
            if late:
                raise joint_error(late, f"does not hold {counted(count, 'record')}", "nor do")
            return list(results.values())

        return dict(ask_in_pages(sessions, ask))

    def seal(self, pattern: str, count: int | None, deadline: Deadline) -> dict[str, int]:
        """As `Client.seal`."""
        request = calibration_pb2.SealRunRequest(
            name=self._parent,
            count=seal_count(count),
            module_glob=checks.text("pattern", pattern),
        )
        results = self._connection.call(SEAL_RUN, request, deadline.left()).results
        errors = {
            names.session_id(result.session): from_status(result.status)
            for result in results
            if result.HasField("status")
        }
        if errors:
            raise joint_error(errors, "is not sealed", "nor are")
        return {names.session_id(result.session): result.sealed_count for result in results}

    def delete(self, sessions: Sequence[str], deadline: Deadline) -> list[str]:
        """As `Client.delete`."""
        errors: dict[str, CalipersError] = {}
        for session, name in zip(sessions, self._full_names(sessions), strict=True):
            request = calibration_pb2.DeleteSessionRequest(name=name)
            try:
                self._connection.call(DELETE_SESSION, request, deadline.left())
            except (NotFoundError, FailedPreconditionError) as error:
                errors[session] = error
        if errors:
            raise joint_error(errors, "is not deleted", "nor are")
        return list(sessions)

    def delete_all(self, deadline: Deadline) -> None:
        """As `Client.delete_run`."""
        request = calibration_pb2.DeleteRunRequest(name=self._parent)
        self._connection.call(DELETE_RUN, request, deadline.left())

    def _full_names(self, sessions: Iterable[str]) -> list[str]:
        return [names.session_name(self._name, session) for session in sessions]

    def _minmax(
        self,
        page: Sequence[str],
        fields: Mapping[str, Any],
        read: Callable[[range_pb2.MinMax], _Answer],
        deadline: Deadline,
    ) -> list[_Answer | CalipersError]:
        request = range_pb2.BatchGetMinMaxRequest(
            parent=self._parent, names=self._full_names(page), **fields
        )
        response = self._connection.call(BATCH_GET_MIN_MAX, request, deadline.left())
        return [
            read(result.min_max) if result.HasField("min_max") else from_status(result.status)
            for result in response.results
        ]

    def _looked_into(
        self, session: str, count: int, found: Progress | CalipersError, deadline: Deadline
    ) -> Progress | CalipersError:
        """The result of waiting, or of a second query to the single session."""
        name = names.session_name(self._name, session)
        if isinstance(found, UnavailableError):
            # The server stopped during the page. A query to the single session is retried like
            # any other query.
            request = range_pb2.GetMinMaxRequest(name=name, **_waiting_for(count))
            try:
                return _progress_of(self._connection.call(GET_MIN_MAX, request, deadline.left()))
            except FailedPreconditionError as error:
                found = error
        if isinstance(found, FailedPreconditionError):
            # Empty records have no range, and count.
            seen = self._connection.call(
                GET_SESSION, calibration_pb2.GetSessionRequest(name=name), deadline.left()
            )
            return progress_from(seen.progress) if seen.progress.count >= count else found
        return found


def _waiting_for(count: int) -> dict[str, Any]:
    """Fields of GetMinMaxRequest and BatchGetMinMaxRequest."""
    return {"wait_count": record_count(count), "read_mask": {"paths": ["progress"]}}


def _progress_of(message: range_pb2.MinMax) -> Progress:
    return progress_from(message.progress)
