"""Answers of many sessions, asked for in pages."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Generic, TypeVar

from calipers.errors import CalipersError, ResourceExhaustedError, make_error

_Answer = TypeVar("_Answer", covariant=True)
_AnyAnswer = TypeVar("_AnyAnswer")

# The server takes 10,000. Fewer keep each call short, and a round trip is little beside the work
# of a hundred answers.
PAGE = 100

_MOST_NAMED = 20


class Answers(Mapping[str, _Answer], Generic[_Answer]):
    """What each of many sessions answers, by {module}/{base_name}, in the order in which they were
    asked.

    A session that has no answer is in it, too: to look it up raises its error, whose reason is
    its own, and so do `values()` and `items()` when they come to it. `errors` has them all.
    """

    def __init__(self, found: Mapping[str, _Answer | CalipersError]) -> None:
        self._found = dict(found)
        self.errors: dict[str, CalipersError] = {
            session: one for session, one in self._found.items() if isinstance(one, CalipersError)
        }
        """Why there is no answer, by session; empty if all have one."""

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
    """Asks for all of them, `PAGE` at a time; `ask` has one result a session, in their order."""
    found: dict[str, _AnyAnswer | CalipersError] = {}
    left = list(sessions)
    while left:
        page, left = left[:PAGE], left[PAGE:]
        results = dict(zip(page, ask(page), strict=True))
        # What a full answer had no room for is asked for again; if that is all of a page, it is
        # another room that lacks.
        full = [name for name, one in results.items() if isinstance(one, ResourceExhaustedError)]
        if len(full) < len(page):
            left = full + left
        found.update(results)
    return Answers({session: found[session] for session in sessions})


def joint_error(errors: Mapping[str, CalipersError], lacks: str, nor: str) -> CalipersError:
    """The first of some sessions' errors, which says what it `lacks`, with the others' names."""
    first, *others = errors
    also = f" ({nor} {', '.join(others[:_MOST_NAMED])})" if others else ""
    more = f" and {len(others) - _MOST_NAMED} more" if len(others) > _MOST_NAMED else ""
    return make_error(errors[first].code, f"{first} {lacks}: {errors[first].message}{also}{more}")
