"""Checks of arguments. Each raises InvalidArgumentError, which names the field, the given value and
the allowed values."""

from __future__ import annotations

import math
import numbers
import operator
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar

from calipers.errors import InvalidArgumentError

_Value = TypeVar("_Value")

LONGEST_SECONDS = 1e6
"""The longest time in seconds: longer than any useful wait, and below the limits of locks and
gRPC."""


def choice(field: str, given: object, choices: Mapping[str, _Value]) -> _Value:
    """The value of a word in `choices`."""
    if not isinstance(given, str) or given not in choices:
        raise one_of(field, given, choices)
    return choices[given]


def one_of(field: str, given: object, allowed: Iterable[str]) -> InvalidArgumentError:
    """The error for a value that is not one of the allowed words."""
    words = ", ".join(f'"{word}"' for word in allowed)
    return InvalidArgumentError(f"{field} is {given!r} (allowed: {words})")


def text(field: str, given: object) -> str:
    """Checks that the value is a str."""
    if not isinstance(given, str):
        raise InvalidArgumentError(f"{field} is {given!r} (allowed: a str)")
    return given


def whole_number(field: str, given: object, least: int, most: int) -> int:
    """Checks for an int in [least, most]. Integers of numpy and tensors with one element are
    accepted, True and False are not."""
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
    """Checks for a float or an int other than NaN. `allowed` describes the allowed values in the
    error message."""
    if isinstance(given, bool) or not isinstance(given, numbers.Real) or math.isnan(given):
        raise InvalidArgumentError(f"{field} is {given!r} (allowed: {allowed})")
    return float(given)


def seconds(field: str, given: object, allowed: str = "seconds from 0 on") -> float:
    """Checks for a time in seconds of at least 0. A longer time than LONGEST_SECONDS is cut to
    LONGEST_SECONDS."""
    if (number := real_number(field, given, allowed)) < 0:
        raise InvalidArgumentError(f"{field} is {given!r} (allowed: {allowed})")
    return min(number, LONGEST_SECONDS)


def words(field: str, given: object, allowed: str) -> Sequence[str]:
    """Checks for an iterable of str. A single str is refused."""
    found = elements(field, given, allowed)
    if not all(isinstance(word, str) for word in found):
        raise InvalidArgumentError(f"{field} is {given!r} (allowed: {allowed})")
    return found


def elements(field: str, given: Any, allowed: str) -> list[Any]:
    """The elements of an iterable as a list. A single str is refused."""
    if isinstance(given, str | bytes) or not isinstance(given, Iterable):
        raise InvalidArgumentError(f"{field} is {given!r} (allowed: {allowed})")
    return list(given)
