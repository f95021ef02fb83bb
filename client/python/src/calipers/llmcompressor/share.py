"""Which of a calibration's batches are this worker's."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

from calipers.errors import InvalidArgumentError
from calipers.llmcompressor.settings import Order, Settings


@dataclass(frozen=True)
class Share:
    """Batches `first`, `first + step` ... of `total`, of which this worker has `count`."""

    first: int
    step: int
    count: int
    total: int

    def index(self, batch: int) -> int:
        """The place in the whole calibration set of this worker's batch `batch`.

        Raises InvalidArgumentError for a batch beyond the share.
        """
        if not 0 <= batch < self.count:
            raise InvalidArgumentError(
                f"batch {batch} is not among the {self.count} that this worker has (counted "
                f"from 0) of the {self.total} of the calibration: is CALIPERS_BATCHES right?"
            )
        return self.first + self.step * batch


def find_share(settings: Settings, own: int | None) -> Share:
    """This worker's, which has `own` batches (None: nobody says).

    The worker's place is torch.distributed's where that is initialised, else of $RANK and
    $WORLD_SIZE, else it is the only one. With torch.distributed and no number of batches given
    the workers tell each other how many they have, once; nothing else is said between them.

    Raises InvalidArgumentError, saying what to set, if it cannot be told.
    """
    rank, world_size = _place()
    if settings.batches is None:
        counts = _all_counts(own, world_size)
        return _share(settings.order, rank, counts)
    counts = [dealt(settings.order, settings.batches, at, world_size) for at in range(world_size)]
    if own not in (None, counts[rank]):
        raise InvalidArgumentError(
            f"this worker has {own} batches, and rank {rank} of {world_size} has {counts[rank]} "
            f"of {settings.batches} in {settings.order} order: is CALIPERS_BATCHES, the number "
            "of all workers' batches, right, and is CALIPERS_ORDER?"
        )
    return _share(settings.order, rank, counts)


def dealt(order: Order, batches: int, rank: int, world_size: int) -> int:
    """How many of so many batches a rank has: of those dealt one by one, or of parts in one
    piece, as llm-compressor cuts a data set."""
    if order == "interleaved":
        return len(range(rank, batches, world_size))
    return batches * (rank + 1) // world_size - batches * rank // world_size


def _share(order: Order, rank: int, counts: list[int]) -> Share:
    if order == "interleaved":
        return Share(rank, len(counts), counts[rank], sum(counts))
    return Share(sum(counts[:rank]), 1, counts[rank], sum(counts))


def _place() -> tuple[int, int]:
    if (group := process_group()) is not None:
        return group.get_rank(), group.get_world_size()
    rank, world_size = _variable("RANK", 0), _variable("WORLD_SIZE", 1)
    if not 0 <= rank < world_size:
        raise InvalidArgumentError(
            f"RANK is {rank} and WORLD_SIZE {world_size}; 0 to WORLD_SIZE - 1 is allowed"
        )
    return rank, world_size


def _variable(name: str, default: int) -> int:
    given = os.environ.get(name)
    try:
        return int(given) if given else default
    except ValueError:
        raise InvalidArgumentError(f"{name} is {given!r}; it is a number") from None


def _all_counts(own: int | None, world_size: int) -> list[int]:
    if world_size > 1 and (group := process_group()) is None:
        raise InvalidArgumentError(
            f"WORLD_SIZE is {world_size}, and torch.distributed, which would tell how many "
            "batches the other workers have, is not initialised: set CALIPERS_BATCHES to the "
            "number of all workers' batches"
        )
    if own is None:
        raise InvalidArgumentError(
            "how many batches there are cannot be told, for llm-compressor's session has no "
            "calib_data: set CALIPERS_BATCHES to their number"
        )
    if world_size == 1:
        return [own]
    counts: list[int] = [0] * world_size
    group.all_gather_object(counts, own)
    return counts


def process_group() -> Any:
    """torch.distributed, if it is initialised."""
    import torch.distributed as dist

    return dist if dist.is_available() and dist.is_initialized() else None
