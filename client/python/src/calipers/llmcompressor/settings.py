"""Settings of a calibration, from a recipe's observer_kwargs and the environment."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, cast

from calipers.client import Arithmetic
from calipers.environment import resolve_address, resolve_run
from calipers.errors import InvalidArgumentError
from calipers.names import run_name
from calipers.stream import OnConflict

GivenOrder = Literal["auto", "interleaved", "contiguous"]
Unseen = Literal["warn", "error"]

_ARITHMETICS = ("reference", "exact")
_ORDERS = ("auto", "interleaved", "contiguous")
_UNSEEN = ("warn", "error")
_ON_CONFLICT = ("raise", "keep")
_MOST_PARTS = 16
# The names that llm-compressor's own observers use.
_THEIR_KWARGS = ("averaging_constant",)


@dataclass(frozen=True)
class Settings:
    """The settings of one observer. All observers of a model usually have the same settings."""

    server: str
    """HOST:PORT, or unix:PATH."""
    run: str
    """The run name of the calibration, the same for all its workers."""
    arithmetic: Arithmetic
    """"reference" gives the same bits as llm-compressor in one process."""
    order: GivenOrder
    """The distribution of the batches: "interleaved" gives them to the workers in turn,
    "contiguous" gives each worker one contiguous part, "auto" is what the data loaders show."""
    batches: int | None
    """Number of batches of the whole calibration set; None: the sum of the workers' batches."""
    calls_per_batch: int
    """The largest number of calls of a module in one batch."""
    peers_behind: tuple[str, ...]
    """Parts of module names, such as "experts". Modules are peers if their names differ only in the
    part that follows one of them. The range of observed peers replaces the range of a module that
    no worker observed."""
    unseen: Unseen
    """What happens at the end if no worker observed a module, and no peers stand for it: "warn"
    names it in a warning, "error" raises."""
    on_conflict: OnConflict
    """What happens if another record is stored at the index of an observation: "raise" raises,
    "keep" warns. The first record stays."""
    timeout: float
    """Time in seconds to wait for the records of other workers. It should cover a replaced worker,
    which starts from the beginning."""


def read_settings(observer_kwargs: Mapping[str, Any]) -> Settings:
    """Each setting from the recipe's observer_kwargs, else from the environment, else its default.

    Raises InvalidArgumentError, naming the source of the value, for an invalid value.
    """
    for name in observer_kwargs:
        if name not in (*_FIELDS, *_THEIR_KWARGS):
            raise InvalidArgumentError(
                f'observer_kwargs has "{name}" (allowed: {", ".join((*_THEIR_KWARGS, *_FIELDS))})'
            )
    values = {name: _value(name, observer_kwargs) for name in _FIELDS}
    return Settings(**values)


def _value(name: str, observer_kwargs: Mapping[str, Any]) -> Any:
    variable, convert = f"CALIPERS_{name.upper()}", _FIELDS[name]
    given, where = observer_kwargs.get(name), f"observer_kwargs.{name}"
    if given is None:
        given, where = os.environ.get(variable) or None, variable
    try:
        return convert(given)
    except (TypeError, ValueError) as error:
        raise InvalidArgumentError(f"{where} is {given!r}: {error}") from None


def _server(given: Any) -> str:
    return resolve_address(None if given is None else str(given))


def _run(given: Any) -> str:
    run = resolve_run(None if given is None else str(given))
    run_name(run)
    return run


def _arithmetic(given: Any) -> Arithmetic:
    return cast(Arithmetic, _choice(given, _ARITHMETICS))


def _order(given: Any) -> GivenOrder:
    return cast(GivenOrder, _choice(given, _ORDERS))


def _unseen(given: Any) -> Unseen:
    return cast(Unseen, _choice(given, _UNSEEN))


def _on_conflict(given: Any) -> OnConflict:
    return cast(OnConflict, _choice(given, _ON_CONFLICT))


def _choice(given: Any, allowed: tuple[str, ...]) -> str:
    if given is None:
        return allowed[0]
    if given not in allowed:
        raise ValueError(f"allowed are {', '.join(allowed)}; {allowed[0]} is the default")
    return str(given)


def _count(given: Any) -> int | None:
    return None if given is None else _at_least_one(given)


def _calls(given: Any) -> int:
    return 1 if given is None else _at_least_one(given)


def _at_least_one(given: Any) -> int:
    if (number := int(given)) < 1 or number != float(given):
        raise ValueError("a whole number from 1 on is allowed")
    return number


def _parts(given: Any) -> tuple[str, ...]:
    if given is None:
        return ()
    parts = [part.strip() for part in given.split(",")] if isinstance(given, str) else given
    if (
        not isinstance(parts, list | tuple)
        or len(parts) > _MOST_PARTS
        or not all(isinstance(part, str) and part and not {*part} & {*"./"} for part in parts)
    ):
        raise ValueError(
            f"up to {_MOST_PARTS} parts of module names, without dots and slashes, are allowed, "
            "as a list or separated by commas"
        )
    return tuple(parts)


def _seconds(given: Any) -> float:
    seconds = 3600.0 if given is None else float(given)
    if not 0 < seconds < float("inf"):
        raise ValueError("seconds above 0 are allowed")
    return seconds


_FIELDS: dict[str, Callable[[Any], Any]] = {
    "server": _server,
    "run": _run,
    "arithmetic": _arithmetic,
    "order": _order,
    "batches": _count,
    "calls_per_batch": _calls,
    "peers_behind": _parts,
    "unseen": _unseen,
    "on_conflict": _on_conflict,
    "timeout": _seconds,
}

SETTINGS = frozenset(_FIELDS)
"""The names of the settings in observer_kwargs."""
