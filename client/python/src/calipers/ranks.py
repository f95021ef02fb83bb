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
    names = ["rank", "world_size"]
    if rank is None:
        names[0] = "RANK"
        rank = torch.distributed.get_rank() if is_distributed() else _environment("RANK", 0)
    if world_size is None:
        names[1] = "WORLD_SIZE"
        known = torch.distributed.get_world_size() if is_distributed() else None
        world_size = known or _environment("WORLD_SIZE", 1)
    found = Rank(operator.index(rank), operator.index(world_size))
    if not 0 <= found.rank < found.world_size:
        raise InvalidArgumentError(
            f"{names[0]} is {rank} and {names[1]} {world_size}; 0 to {names[1]} - 1 is allowed"
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
