"""A worker's share of a calibration's batches."""

from __future__ import annotations

from dataclasses import dataclass

from calipers.errors import InvalidArgumentError
from calipers.llmcompressor.dealing import Order
from calipers.ranks import Rank, gather, is_distributed


@dataclass(frozen=True)
class Share:
    """This worker's `count` batches, at the indices `first`, `first + step` ... of `total`."""

    first: int
    step: int
    count: int
    total: int

    def index(self, batch: int) -> int:
        """The index in the whole calibration set of this worker's batch `batch`.

        Raises InvalidArgumentError for a batch beyond the share.
        """
        if not 0 <= batch < self.count:
            raise InvalidArgumentError(
                f"batch {batch} is not among the {self.count} batches of this worker (counted from "
                f"0); the calibration has {self.total} batches: is CALIPERS_BATCHES right?"
            )
        return self.first + self.step * batch


def find_share(place: Rank, order: Order, batches: int | None, own: int | None) -> Share:
    """The share of the worker at `place`, which has `own` batches (None: unknown), of `batches` of
    all workers. If `batches` is None, the workers exchange their numbers of batches once with
    torch.distributed.

    Raises InvalidArgumentError, naming the variable to set, if the share is unknown.
    """
    rank, world_size = place.rank, place.world_size
    if batches is None:
        return _share(order, rank, _all_counts(own, place))
    counts = [dealt(order, batches, at, world_size) for at in range(world_size)]
    if own not in (None, counts[rank]):
        raise InvalidArgumentError(
            f"this worker has {own} batches, and rank {rank} of {world_size} has {counts[rank]} "
            f"of {batches} in {order} order: check CALIPERS_BATCHES, the number "
            "of all workers' batches, and CALIPERS_ORDER"
        )
    return _share(order, rank, counts)


def dealt(order: Order, batches: int, rank: int, world_size: int) -> int:
    """Number of a rank's batches, of `batches` in all: "interleaved" deals batches one by one,
    "contiguous" cuts the batches into contiguous parts as llm-compressor cuts a data set."""
    if order == "interleaved":
        return len(range(rank, batches, world_size))
    return batches * (rank + 1) // world_size - batches * rank // world_size


def _share(order: Order, rank: int, counts: list[int]) -> Share:
    if order == "interleaved":
        return Share(rank, len(counts), counts[rank], sum(counts))
    return Share(sum(counts[:rank]), 1, counts[rank], sum(counts))


def _all_counts(own: int | None, rank: Rank) -> list[int]:
    if rank.world_size > 1 and not is_distributed():
        raise InvalidArgumentError(
            f"WORLD_SIZE is {rank.world_size}, and torch.distributed is not initialised, so the "
            "number of batches of the other workers is unknown: set CALIPERS_BATCHES to the "
            "number of all workers' batches"
        )
    if own is None:
        raise InvalidArgumentError(
            "the number of batches is unknown, because llm-compressor's session has no "
            "calib_data: set CALIPERS_BATCHES to the number of all workers' batches"
        )
    counts = gather(rank, own)
    assert counts is not None
    return counts
