"""Errors: one class for each status code that a caller may want to catch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import grpc

from calipers.wording import counted


class CalipersError(Exception):
    """Base class of all errors of this package.

    `code` is the name of the canonical code, such as "NOT_FOUND". `message` comes from the server
    or from this package. It names the field, the given value and the allowed values. str(error) is
    the message, followed by advice for Python code if there is any.
    """

    code = "UNKNOWN"

    def __init__(self, message: str, *, code: str | None = None, advice: str = "") -> None:
        super().__init__(f"{message}; {advice}" if advice else message)
        self.message = message
        if code is not None:
            self.code = code


class InvalidArgumentError(CalipersError, ValueError):
    """An argument, a name, a shape or a dtype is invalid. Retrying does not help."""

    code = "INVALID_ARGUMENT"


class NotFoundError(CalipersError, LookupError):
    """The session or run does not exist."""

    code = "NOT_FOUND"


class AlreadyExistsError(CalipersError):
    """The session exists with another spec; the message names the difference."""

    code = "ALREADY_EXISTS"


class FailedPreconditionError(CalipersError):
    """The current state does not allow the call: the session has no data, records are missing, or
    the session is sealed."""

    code = "FAILED_PRECONDITION"


class ResourceExhaustedError(CalipersError):
    """A limit of the server is reached, or the answer is too large."""

    code = "RESOURCE_EXHAUSTED"


class UnavailableError(CalipersError, ConnectionError):
    """No server answers, or the server temporarily cannot do its work."""

    code = "UNAVAILABLE"


class DeadlineExceededError(CalipersError, TimeoutError):
    """The timeout passed."""

    code = "DEADLINE_EXCEEDED"


@dataclass(frozen=True)
class Refusal:
    """An observation that the server refused."""

    session: str
    """{module}/{base_name}"""
    index: int
    """The batch index."""
    outcome: str
    """"conflict": another record is stored at the index. "rejected": refused for another reason."""
    code: str
    """The name of the canonical code."""
    message: str
    """The server's message."""

    def __str__(self) -> str:
        where = f"{self.session} at index {self.index}"
        if self.outcome == "conflict":
            return f"{where} holds another record already, which stays"
        return f"{where} is {self.outcome}: {self.message}"


class RefusedError(CalipersError):
    """Observations were refused. All other observations are stored.

    `refusals` holds the first refusals, at most 100; `count` is the number of all refusals. A
    conflict means that another record is stored at the index: two calibrations use the same run
    name, or a calibration was changed and run again.
    """

    code = "FAILED_PRECONDITION"

    def __init__(self, refusals: Sequence[Refusal], count: int) -> None:
        self.refusals = tuple(refusals)
        self.count = count
        shown = "\n  ".join(str(refusal) for refusal in self.refusals[:5])
        more = f"\n  and {count - 5} more" if count > 5 else ""
        hint = ""
        if any(refusal.outcome == "conflict" for refusal in self.refusals):
            hint = (
                "\n(was the order of the batches another, or are these two calibrations under one "
                "run name? Take another run, or session.reset())"
            )
        were = "was" if count == 1 else "were"
        super().__init__(f"{counted(count, 'observation')} {were} refused:\n  {shown}{more}{hint}")


class Status(Protocol):
    """The fields of google.rpc.Status that this package reads."""

    @property
    def code(self) -> int:
        """The number of the canonical code."""
        ...

    @property
    def message(self) -> str:
        """The message."""
        ...


_CLASSES: dict[str, type[CalipersError]] = {
    "INVALID_ARGUMENT": InvalidArgumentError,
    "OUT_OF_RANGE": InvalidArgumentError,
    "NOT_FOUND": NotFoundError,
    "ALREADY_EXISTS": AlreadyExistsError,
    "FAILED_PRECONDITION": FailedPreconditionError,
    "RESOURCE_EXHAUSTED": ResourceExhaustedError,
    "UNAVAILABLE": UnavailableError,
    "DEADLINE_EXCEEDED": DeadlineExceededError,
}

_NAMES: dict[int, str] = {code.value[0]: code.name for code in grpc.StatusCode}


def code_name(code: int) -> str:
    """The name of a canonical code; "UNKNOWN" for an unknown number."""
    return _NAMES.get(code, "UNKNOWN")


def make_error(code: str, message: str) -> CalipersError:
    """The error for the name of a canonical code."""
    return _CLASSES.get(code, CalipersError)(message, code=code)


def from_status(status: Status) -> CalipersError:
    """The error for a google.rpc.Status."""
    return make_error(code_name(status.code), status.message)


def from_rpc(error: grpc.RpcError) -> CalipersError:
    """The error for a failed call."""
    # Every error that a call raises is also a grpc.Call, which grpc's types do not say.
    call: Any = error
    code: grpc.StatusCode = call.code()
    return make_error(code.name, call.details() or code.name)
