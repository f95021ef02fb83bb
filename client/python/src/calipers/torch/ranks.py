"""Which batches of the calibration set are a process's own."""

from __future__ import annotations

import operator
import os
from dataclasses import dataclass

import torch

from calipers.errors import InvalidArgumentError


@dataclass(frozen=True)
class Rank:
    """One of `world_size` processes, to which batches are dealt in turn."""

    rank: int
    world_size: int

    def index(self, local_batch: int) -> int:
        """The place of the process's own batch in the whole calibration set."""
        return local_batch * self.world_size + self.rank

    def owns(self, index: int) -> bool:
        """Whether it is one of the process's own."""
        return index % self.world_size == self.rank

    def indices(self, total: int) -> range:
        """Those of `total` batches that are the process's own."""
        return range(self.rank, total, self.world_size)


def resolve_rank(rank: int | None, world_size: int | None) -> Rank:
    """What is given; else torch.distributed's, if that is initialised; else $RANK and
    $WORLD_SIZE; else one process.

    Raises InvalidArgumentError unless 0 <= rank < world_size.
    """
    if rank is None:
        rank = torch.distributed.get_rank() if is_distributed() else _environment("RANK", 0)
    if world_size is None:
        known = torch.distributed.get_world_size() if is_distributed() else None
        world_size = known or _environment("WORLD_SIZE", 1)
    found = Rank(operator.index(rank), operator.index(world_size))
    if not 0 <= found.rank < found.world_size:
        raise InvalidArgumentError(
            f"rank is {rank} and world_size {world_size}; rank has to be in 0 to world_size - 1"
        )
    return found


def is_distributed() -> bool:
    """Whether there is a process group that the ranks are those of."""
    return torch.distributed.is_available() and bool(torch.distributed.is_initialized())


def gather_counts(rank: Rank, count: int) -> list[int] | None:
    """`count` of every rank, by torch.distributed; None where it cannot say."""
    if rank.world_size == 1:
        return [count]
    if not is_distributed() or torch.distributed.get_world_size() != rank.world_size:
        return None
    counts: list[int] = [0] * rank.world_size
    torch.distributed.all_gather_object(counts, count)
    return counts


def _environment(name: str, default: int) -> int:
    value = os.environ.get(name, "")
    if not value:
        return default
    try:
        return int(value)
    except ValueError:
        raise InvalidArgumentError(f"${name} is {value!r}, which is no integer") from None
