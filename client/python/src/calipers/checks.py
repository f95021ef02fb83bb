"""What a caller gives, looked at before it is used: each raises InvalidArgumentError, which names
the field, what was given and what is allowed."""

from __future__ import annotations

import math
import numbers
import operator
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar

from calipers.errors import InvalidArgumentError

_Value = TypeVar("_Value")

LONGEST_SECONDS = 1e6
"""More than anyone waits, and less than what locks and gRPC take."""


def choice(field: str, given: object, choices: Mapping[str, _Value]) -> _Value:
    """What stands for one of some words."""
    if not isinstance(given, str) or given not in choices:
        raise one_of(field, given, choices)
    return choices[given]


def one_of(field: str, given: object, allowed: Iterable[str]) -> InvalidArgumentError:
    """The error of what is none of some words."""
    words = ", ".join(f'"{word}"' for word in allowed)
    return InvalidArgumentError(f"{field} is {given!r} (allowed: {words})")


def text(field: str, given: object) -> str:
    """A str."""
    if not isinstance(given, str):
        raise InvalidArgumentError(f"{field} is {given!r} (allowed: a str)")
    return given


def whole_number(field: str, given: object, least: int, most: int) -> int:
    """An int, numpy's and one-element tensors among them; True and False are none."""
    try:
        number = operator.index(given)  # type: ignore[arg-type]
    except TypeError:
        number = None
    if number is None or isinstance(given, bool):
        raise InvalidArgumentError(f"{field} is {given!r} (allowed: an int)")
    if not least <= number <= most:
        raise InvalidArgumentError(f"{field} {number} is not in {least} to {most}")
    return number


def real_number(field: str, given: Any, allowed: str) -> float:
    """A float or an int, not NaN; `allowed` says which are, to the caller."""
    if isinstance(given, bool) or not isinstance(given, numbers.Real) or math.isnan(given):
        raise InvalidArgumentError(f"{field} is {given!r} (allowed: {allowed})")
    return float(given)


def seconds(field: str, given: object, allowed: str = "seconds from 0 on") -> float:
    """A time from 0 on, at most LONGEST_SECONDS: what is longer ends after them."""
    if (number := real_number(field, given, allowed)) < 0:
        raise InvalidArgumentError(f"{field} is {given!r} (allowed: {allowed})")
    return min(number, LONGEST_SECONDS)


def words(field: str, given: object, allowed: str) -> Sequence[str]:
    """Some str, of which one alone is none."""
    found = elements(field, given, allowed)
    if not all(isinstance(word, str) for word in found):
        raise InvalidArgumentError(f"{field} is {given!r} (allowed: {allowed})")
    return found


def elements(field: str, given: Any, allowed: str) -> list[Any]:
    """Those of what can be gone through; a str is one thing."""
    if isinstance(given, str | bytes) or not isinstance(given, Iterable):
        raise InvalidArgumentError(f"{field} is {given!r} (allowed: {allowed})")
    return list(given)
