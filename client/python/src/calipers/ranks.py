"""Ranks: the distribution of a calibration set's batches over processes."""

from __future__ import annotations

import operator
import os
from dataclasses import dataclass
from typing import TypeVar

import torch

from calipers.errors import InvalidArgumentError

_Given = TypeVar("_Given")


@dataclass(frozen=True)
class Rank:
    """One of `world_size` processes, which take the batches in turn."""

    rank: int
    world_size: int

    def index(self, local_batch: int) -> int:
        """The index in the whole calibration set of this process's batch `local_batch`."""
        return local_batch * self.world_size + self.rank

    def owns(self, index: int) -> bool:
        """True if the batch at `index` belongs to this process."""
        return index % self.world_size == self.rank

    def indices(self, total: int) -> range:
        """The indices of this process's batches among `total` batches."""
        return range(self.rank, total, self.world_size)


def resolve_rank(rank: int | None, world_size: int | None) -> Rank:
    """The given rank; else the rank of torch.distributed, if that is initialised; else $RANK and
    $WORLD_SIZE; else rank 0 of 1.

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
    """True if torch.distributed has a process group."""
    return torch.distributed.is_available() and bool(torch.distributed.is_initialized())


def gather(rank: Rank, own: _Given) -> list[_Given] | None:
    """What every rank gives, in the order of ranks, exchanged with torch.distributed. None if its
    process group does not have these ranks."""
    if rank.world_size == 1:
        return [own]
    if not is_distributed() or torch.distributed.get_world_size() != rank.world_size:
        return None
    found: list[_Given] = [own] * rank.world_size
    torch.distributed.all_gather_object(found, own)
    return found


def _environment(name: str, default: int) -> int:
    value = os.environ.get(name, "")
    if not value:
        return default
    try:
        return int(value)
    except ValueError:
        raise InvalidArgumentError(f"${name} is {value!r} (allowed: an integer)") from None
