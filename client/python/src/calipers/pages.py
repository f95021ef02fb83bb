"""Answers of many sessions, requested in pages."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Generic, TypeVar

from calipers.errors import CalipersError, ResourceExhaustedError, make_error

_Answer = TypeVar("_Answer", covariant=True)
_AnyAnswer = TypeVar("_AnyAnswer")

# The server accepts 10,000. Smaller pages keep each call short, and a round trip costs little
# compared to the work of a hundred answers.
PAGE = 100

_MOST_NAMED = 20


class Answers(Mapping[str, _Answer], Generic[_Answer]):
    """The answers of many sessions, by {module}/{base_name}, in the order of the request.

    Sessions without an answer are included: looking up such a session raises its error, and so do
    `values()` and `items()` when they reach it. `errors` holds all of these errors.
    """

    def __init__(self, found: Mapping[str, _Answer | CalipersError]) -> None:
        self._found = dict(found)
        self.errors: dict[str, CalipersError] = {
            session: one for session, one in self._found.items() if isinstance(one, CalipersError)
        }
        """The errors of the sessions without an answer, by session."""

    def __getitem__(self, session: str) -> _Answer:
        if isinstance(one := self._found[session], CalipersError):
            raise one
        return one

    def __contains__(self, session: object) -> bool:
        return session in self._found

    def __iter__(self) -> Iterator[str]:
        return iter(self._found)

    def __len__(self) -> int:
        return len(self._found)

    def __repr__(self) -> str:
        silent = f", {len(self.errors)} without an answer" if self.errors else ""
        return f"Answers({len(self)} sessions{silent})"


def ask_in_pages(
    sessions: Sequence[str],
    ask: Callable[[Sequence[str]], Sequence[_AnyAnswer | CalipersError]],
) -> Answers[_AnyAnswer]:
    """Calls `ask` for `PAGE` sessions at a time. `ask` returns one result for each session, in
    order."""
    found: dict[str, _AnyAnswer | CalipersError] = {}
    left = list(sessions)
    while left:
        page, left = left[:PAGE], left[PAGE:]
        results = dict(zip(page, ask(page), strict=True))
        # Sessions that did not fit into a response are asked again. If no session of a page has an
        # answer, the server lacks another resource, and asking again does not help.
        full = [name for name, one in results.items() if isinstance(one, ResourceExhaustedError)]
        if len(full) < len(page):
            left = full + left
        found.update(results)
    return Answers({session: found[session] for session in sessions})


def joint_error(errors: Mapping[str, CalipersError], lacks: str, nor: str) -> CalipersError:
    """The error of the first session: "SESSION {lacks}: MESSAGE ({nor} OTHER, OTHER)"."""
    first, *others = errors
    also = f" ({nor} {', '.join(others[:_MOST_NAMED])})" if others else ""
    more = f" and {len(others) - _MOST_NAMED} more" if len(others) > _MOST_NAMED else ""
    return make_error(errors[first].code, f"{first} {lacks}: {errors[first].message}{also}{more}")
