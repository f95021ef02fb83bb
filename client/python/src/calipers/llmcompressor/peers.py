"""Whose ranges stand for that of a module that no worker saw: the rule is the server's own, of
docs/qparams.md."""

from __future__ import annotations

import functools
import logging
from collections.abc import Iterable, Sequence

import torch

from calipers.answers import MinMax
from calipers.errors import FailedPreconditionError
from calipers.llmcompressor.series import MinMaxTuple, Series

_log = logging.getLogger("calipers")


def answers_of_peers(series: Iterable[Series]) -> dict[str, list[MinMax]]:
    """Of every one that nobody saw, by name, what those of its peers answer that somebody saw.
    Without those that have no such peers, and those that were given theirs before: when a second
    modifier ends, observers of the first are gone. To be asked when all are through.

    Raises as `Series.answer` does; FailedPreconditionError for peers of another shape or dtype,
    or that are observed in another way.
    """
    by_name = {one.name: one for one in series}
    unseen = [
        one
        for one in by_name.values()
        if one.peers_behind and not one.is_stood_for and one.answer() is None
    ]
    if not unseen:
        return {}
    answers = {name: answer for name, one in by_name.items() if (answer := one.answer())}
    found: dict[str, list[MinMax]] = {}
    for one in unseen:
        if peers := find_peers(one.name, one.peers_behind, answers):
            _check_alike(one, [by_name[peer] for peer in peers])
            found[one.name] = [answers[peer] for peer in peers]
            one.is_stood_for = True
            _log.warning(
                "%s was seen by no worker: the range of %d peers stands for it, such as %s",
                one.name,
                len(peers),
                peers[0],
            )
    return found


def find_peers(session: str, behind: Sequence[str], others: Iterable[str]) -> list[str]:
    """Those whose names differ from the session's in nothing but the part of the module behind
    one of `behind`, of which the first that the module has counts."""
    gaps = (_find_gap(session, part) for part in behind)
    gap = next(filter(None, gaps), None)
    if gap is None:
        return []
    return [other for other in others if other != session and _fits(gap, other)]


def widest(pairs: Iterable[MinMaxTuple]) -> MinMaxTuple:
    """The least of the minima and the greatest of the maxima; NaN where any has it."""
    lows, highs = zip(*pairs, strict=True)
    return functools.reduce(torch.minimum, lows), functools.reduce(torch.maximum, highs)


def _find_gap(session: str, part: str) -> tuple[str, str] | None:
    """What is before and behind the part of the module that may be another."""
    name = f"/{session}"
    end_of_module = name.rindex("/")
    for begin in "/.":
        at = name.find(f"{begin}{part}.", 0, end_of_module)
        if at >= 0:
            gap = at + len(part) + 2
            end = name.find(".", gap, end_of_module)
            return name[1:gap], name[end if end >= 0 else end_of_module :]
    return None


def _fits(gap: tuple[str, str], name: str) -> bool:
    before, after = gap
    if not name.startswith(before) or not name.endswith(after):
        return False
    part = name[len(before) : len(name) - len(after)]
    return bool(part) and "." not in part


def _check_alike(one: Series, peers: Sequence[Series]) -> None:
    ways = {str(peer.observed_by()): peer.name for peer in (*peers, one)}
    if len(ways) > 1:
        seen = "; ".join(f"{name} by {way}" for way, name in ways.items())
        raise FailedPreconditionError(
            f"{one.name} was seen by no worker, and its peers are not observed as it is: {seen}; "
            "give all of them one observer, or leave peers_behind out"
        )
    ranges = [answer.range.min for peer in peers if (answer := peer.answer())]
    kinds = sorted({f"{each.dtype} {list(each.shape)}" for each in ranges})
    if len(kinds) > 1:
        raise FailedPreconditionError(
            f"{one.name} was seen by no worker, and its peers have ranges of {' and '.join(kinds)}"
        )
