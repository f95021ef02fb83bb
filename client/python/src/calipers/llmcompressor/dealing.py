"""How a calibration's batches were dealt to the workers, as far as the data loaders show it."""

from __future__ import annotations

import itertools
import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from torch.utils.data.distributed import DistributedSampler

from calipers.ranks import Rank, gather

Order = Literal["interleaved", "contiguous"]

_log = logging.getLogger("calipers")

# The form in which llm-compressor's get_rank_partition names a part: "train[16:32]".
_PART = re.compile(r"(.*)\[(\d+):(\d+)\]", re.DOTALL)

_ASSUMED: Order = "contiguous"
_HOW_TO_CHANGE = "set CALIPERS_ORDER (or observer_kwargs.order) to interleaved or contiguous"


@dataclass(frozen=True)
class Sign:
    """What one worker's data loader shows."""

    part: tuple[str, int, int] | None = None
    """The split of which its data set is one part, with the part's begin and end."""
    is_dealt_in_turn: bool = False
    """True for torch's DistributedSampler, which gives sample i to rank i % world size."""
    fingerprint: str | None = None
    """Equal for equal data sets of the package `datasets`."""


def find_order(loader: Any, place: Rank) -> Order:
    """The order in which the workers' batches were dealt. With torch.distributed, all workers must
    call this together. A warning says which order is assumed if the loaders do not show it."""
    if place.world_size == 1:
        return _ASSUMED
    own = sign_of(loader)
    signs = gather(place, own)
    order = order_of(signs or [own])
    if place.rank == 0 or signs is None:
        _warn(order, signs)
    return order or _ASSUMED


def sign_of(loader: Any) -> Sign:
    """Reads the loader's data set and sampler. Without them, nothing is known."""
    dataset = getattr(loader, "dataset", None)
    match = _PART.fullmatch(str(getattr(dataset, "split", "")))
    return Sign(
        part=(match[1], int(match[2]), int(match[3])) if match else None,
        is_dealt_in_turn=isinstance(getattr(loader, "sampler", None), DistributedSampler),
        fingerprint=getattr(dataset, "_fingerprint", None),
    )


def order_of(signs: Sequence[Sign]) -> Order | None:
    """The order that all signs show, in the order of ranks; None if they show none."""
    if all(sign.is_dealt_in_turn for sign in signs):
        return "interleaved"
    parts = [sign.part for sign in signs if sign.part is not None]
    if len(parts) < len(signs):
        return None
    follows = all((one[0], one[2]) == other[:2] for one, other in itertools.pairwise(parts))
    return "contiguous" if follows else None


def have_the_same_data(signs: Sequence[Sign]) -> bool:
    """True if several workers read one and the same data set, from its beginning."""
    return (
        len(signs) > 1
        and signs[0].fingerprint is not None
        and all(sign.fingerprint == signs[0].fingerprint for sign in signs)
        and not any(sign.is_dealt_in_turn for sign in signs)
    )


def _warn(order: Order | None, signs: Sequence[Sign] | None) -> None:
    if signs is not None and have_the_same_data(signs):
        _log.warning(
            "all %d processes have the same data set, and each reads it from its beginning: the "
            "calibration sees only the first part, several times. Give each process its own part, "
            'for instance load_dataset(..., split=get_rank_partition("train", SAMPLES)) with '
            "llmcompressor.datasets.get_rank_partition",
            len(signs),
        )
    elif order is None:
        _log.warning(
            "the data loaders do not show how the batches were dealt to the processes; assumed: "
            "%s, each process has one contiguous part in the order of the ranks. Moving averages "
            "depend on it; to say so, or to change it, %s",
            _ASSUMED,
            _HOW_TO_CHANGE,
        )
