"""Errors: a class for each code a caller may want to catch, with the server's words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import grpc

from calipers.wording import counted


class CalipersError(Exception):
    """Base of every error of this package.

    `code` is the canonical code's name, such as "NOT_FOUND"; `message` is the server's, or
    this package's in the same style: the field, what was given, what is allowed. As a string it
    is the message and, where there is one, what to write in Python instead.
    """

    code = "UNKNOWN"

    def __init__(self, message: str, *, code: str | None = None, advice: str = "") -> None:
        super().__init__(f"{message}; {advice}" if advice else message)
        self.message = message
        if code is not None:
            self.code = code


class InvalidArgumentError(CalipersError, ValueError):
    """What was given can never be right: a shape, a dtype, a name, an argument."""

    code = "INVALID_ARGUMENT"


class NotFoundError(CalipersError, LookupError):
    """There is no such session or run."""

    code = "NOT_FOUND"


class AlreadyExistsError(CalipersError):
    """The session is there with another spec; the message names the difference."""

    code = "ALREADY_EXISTS"


class FailedPreconditionError(CalipersError):
    """Not now: nothing was observed yet, records are missing, the session is sealed."""

    code = "FAILED_PRECONDITION"


class ResourceExhaustedError(CalipersError):
    """The server has no room, or its answer would be too large."""

    code = "RESOURCE_EXHAUSTED"


class UnavailableError(CalipersError, ConnectionError):
    """No server answers, or it cannot do its work for the moment."""

    code = "UNAVAILABLE"


class DeadlineExceededError(CalipersError, TimeoutError):
    """It took longer than the timeout allows."""

    code = "DEADLINE_EXCEEDED"


@dataclass(frozen=True)
class Refusal:
    """One observation that the server did not keep."""

    session: str
    """{module}/{base_name}"""
    index: int
    """Its batch index."""
    outcome: str
    """"conflict": another record is there. "rejected": it was not taken."""
    code: str
    """The canonical code's name."""
    message: str
    """The server's words."""

    def __str__(self) -> str:
        where = f"{self.session} at index {self.index}"
        if self.outcome == "conflict":
            return f"{where} holds another record already, which stays"
        return f"{where} is {self.outcome}: {self.message}"


class RefusedError(CalipersError):
    """Observations were refused; the others were kept.

    `refusals` are the first of them, at most 100, `count` is how many there were. A conflict
    means that the index already holds another record: two calibrations under one run name, or
    one that was changed and run again.
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
    """google.rpc.Status, as far as it is read."""

    @property
    def code(self) -> int:
        """The canonical code's number."""
        ...

    @property
    def message(self) -> str:
        """Words for a person."""
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
    """The canonical code's name; "UNKNOWN" for a number that is none."""
    return _NAMES.get(code, "UNKNOWN")


def make_error(code: str, message: str) -> CalipersError:
    """The error of a canonical code's name."""
    return _CLASSES.get(code, CalipersError)(message, code=code)


def from_status(status: Status) -> CalipersError:
    """The error of a google.rpc.Status."""
    return make_error(code_name(status.code), status.message)


def from_rpc(error: grpc.RpcError) -> CalipersError:
    """The error of a call that failed."""
    # Every error that a call raises is a grpc.Call, too; grpc's types deny it.
    call: Any = error
    code: grpc.StatusCode = call.code()
    return make_error(code.name, call.details() or code.name)
