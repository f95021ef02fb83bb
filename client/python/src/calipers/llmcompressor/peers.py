"""The peers of a module that no worker observed; their range replaces its range. docs/qparams.md
gives the rule, which is the same as the server's."""

from __future__ import annotations

import functools
import logging
from collections.abc import Iterable, Sequence

import torch

from calipers.answers import MinMax
from calipers.errors import FailedPreconditionError
from calipers.llmcompressor.series import MinMaxTuple, Series

_log = logging.getLogger("calipers")

_SHOWN = 10


def answers_of_peers(series: Iterable[Series]) -> dict[str, list[MinMax]]:
    """The answers of the observed peers of each unobserved series, by the name of the unobserved
    series. Must be called when all series are complete.

    Leaves out series without observed peers, and series that got answers in an earlier call: when a
    second modifier ends, the observers of the first one no longer exist.

    Names the series without peers in a warning.

    Raises as `Series.answer`; FailedPreconditionError for peers with another shape, dtype or
    observer, and for series without peers that must be seen.
    """
    by_name = {one.name: one for one in series}
    unseen = [one for one in by_name.values() if not one.is_settled and one.answer() is None]
    if not unseen:
        return {}
    answers = {name: answer for name, one in by_name.items() if (answer := one.answer())}
    found: dict[str, list[MinMax]] = {}
    for one in unseen:
        if peers := find_peers(one.name, one.peers_behind, answers):
            _check_alike(one, [by_name[peer] for peer in peers])
            found[one.name] = [answers[peer] for peer in peers]
            one.is_settled = True
            _log.warning(
                "%s was seen by no worker: the range of %d peers is used instead, such as %s",
                one.name,
                len(peers),
                peers[0],
            )
    _tell_of([one for one in unseen if one.name not in found])
    return found


def find_peers(session: str, behind: Sequence[str], others: Iterable[str]) -> list[str]:
    """The sessions among `others` whose names differ from `session` only in the part of the
    module's name that follows a part in `behind`. The first part in `behind` that the module's name
    contains is used."""
    gaps = (_find_gap(session, part) for part in behind)
    gap = next(filter(None, gaps), None)
    if gap is None:
        return []
    return [other for other in others if other != session and _fits(gap, other)]


def widest(pairs: Iterable[MinMaxTuple]) -> MinMaxTuple:
    """The smallest minima and the largest maxima; NaN if any of them is NaN."""
    lows, highs = zip(*pairs, strict=True)
    return functools.reduce(torch.minimum, lows), functools.reduce(torch.maximum, highs)


def _tell_of(unseen: Sequence[Series]) -> None:
    """Says which series nobody observed and nothing stands for."""
    if not unseen:
        return
    names = [one.name for one in unseen]
    shown = ", ".join(names[:_SHOWN])
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    told = (
        f"{shown}{more}: no worker observed any element, so llm-compressor leaves the scales of "
        f"{'these modules' if len(names) > 1 else 'this module'} as they are, which may be "
        "uninitialised memory. Calibrate with more batches; or set CALIPERS_PEERS_BEHIND (or "
        "observer_kwargs.peers_behind) to the part of the names before an expert's number, such as "
        "experts, for the range of the other experts; or leave the modules out of the recipe"
    )
    if any(one.must_be_seen for one in unseen):
        raise FailedPreconditionError(told)
    _log.warning("%s. CALIPERS_UNSEEN=error makes this an error", told)
    for one in unseen:
        one.is_settled = True


def _find_gap(session: str, part: str) -> tuple[str, str] | None:
    """The text before and the text after the part of the module's name that can differ."""
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
            f"{one.name} was seen by no worker, and its peers have other observer settings: "
            f"{seen}; use the same settings for all of them, or omit peers_behind"
        )
    ranges = [answer.range.min for peer in peers if (answer := peer.answer())]
    kinds = sorted({f"{each.dtype} {list(each.shape)}" for each in ranges})
    if len(kinds) > 1:
        raise FailedPreconditionError(
            f"{one.name} was seen by no worker, and its peers have ranges of different dtypes or "
            f"shapes, of {' and '.join(kinds)}; omit peers_behind"
        )
