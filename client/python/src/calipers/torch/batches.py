"""The batches of a dataloader: their indices, their device, and the call of the model."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Sized
from contextlib import contextmanager
from typing import Any, Literal, TypeAlias

import torch

from calipers.errors import InvalidArgumentError
from calipers.ranks import Rank
from calipers.torch.exchange import Exchange

Yields: TypeAlias = Literal["share", "all"]
"""The batches that a process's dataloader yields: only the process's own ("share"), as with
DistributedSampler and accelerate, or all batches ("all")."""

Forward: TypeAlias = Callable[[torch.nn.Module, Any], object]
"""Runs the model on a batch."""


class NumberedBatches:
    """The batches of one process, with their indices in the whole calibration set."""

    def __init__(
        self,
        dataloader: Iterable[Any],
        rank: Rank,
        yields: Yields,
        total: int | None,
        exchange: Exchange | None = None,
    ) -> None:
        """`exchange` gets the number of batches of the other ranks, if it is needed.

        Raises InvalidArgumentError if `total` or `yields` is invalid.
        """
        if yields not in ("share", "all"):
            raise InvalidArgumentError(f'yields is {yields!r} (allowed: "share", "all")')
        if total is not None and total < 1:
            raise InvalidArgumentError(f"total is {total}; a calibration has at least 1 batch")
        self._dataloader = dataloader
        self._rank = rank
        self._yields = yields
        self._total = total
        self._exchange = exchange or Exchange(rank, "", 0.0)
        self._seen = 0
        self._length = _length_of(dataloader)

    def __iter__(self) -> Iterator[tuple[int, Any]]:
        """Yields (index, batch). Raises InvalidArgumentError for a batch beyond `total`."""
        for position, batch in enumerate(self._dataloader):
            index = self._rank.index(position) if self._yields == "share" else position
            if self._total is not None and index >= self._total:
                raise InvalidArgumentError(
                    f"the dataloader of {self._who()} yields a batch for index {index}, and total "
                    f"is {self._total}"
                )
            self._seen = position + 1
            if self._rank.owns(index):
                yield index, batch

    @property
    def own_count(self) -> int | None:
        """Number of batches of this process; None if it is unknown before the dataloader ends."""
        if (total := self.known_total()) is not None:
            return len(self._rank.indices(total))
        return self._length if self._yields == "share" else None

    def known_total(self) -> int | None:
        """Number of batches of all ranks; None if this process does not know it before the
        dataloader ends."""
        if self._total is not None:
            return self._total
        return None if self._needs_others() else self._length

    def announce(self) -> None:
        """Tells the other ranks the length of this rank's dataloader, if they need it.

        Raises InvalidArgumentError if the ranks need each other's numbers of batches and cannot
        exchange them.
        """
        if not self._needs_others():
            return
        if not self._exchange.is_possible:
            raise InvalidArgumentError(
                f"without torch.distributed {self._who()} does not know how many batches the "
                "other ranks have: give total, or use dataloaders that yield all batches with "
                'yields="all"'
            )
        self._exchange.tell_length(self._length)

    def foresee_total(self) -> int | None:
        """As `known_total`, but waits for the lengths of the other ranks' dataloaders if they are
        needed."""
        if not self._needs_others():
            return self.known_total()
        lengths = [n for n in self._exchange.lengths(self._length) if n is not None]
        return self._total_of(lengths) if len(lengths) == self._rank.world_size else None

    def settle(self) -> tuple[int, range]:
        """The number of batches of all ranks, and the indices of this rank that its dataloader did
        not yield. Called after the dataloader ended. Waits for the numbers of batches of the other
        ranks if they are needed.

        Raises InvalidArgumentError if there are no batches, or fewer than `total`; and as
        `Exchange.counts`.
        """
        total = self._total
        if total is None:
            total = (
                self._total_of(self._exchange.counts(self._seen))
                if self._needs_others()
                else self._seen
            )
        elif self._seen < (expected := self._expected(total)):
            raise InvalidArgumentError(
                f"the dataloader of {self._who()} ended after {self._seen} batches; with total "
                f"{total} it must yield {expected}"
            )
        if total == 0:
            raise InvalidArgumentError("the dataloader yields no batches")
        own = self._rank.indices(total)
        return total, own[self._seen :] if self._yields == "share" else own[len(own) :]

    def _expected(self, total: int) -> int:
        return len(self._rank.indices(total)) if self._yields == "share" else total

    def _needs_others(self) -> bool:
        return self._total is None and self._yields == "share" and self._rank.world_size > 1

    def _total_of(self, counts: Sequence[int]) -> int:
        world_size = self._rank.world_size
        ends = [Rank(r, world_size).index(n - 1) + 1 for r, n in enumerate(counts) if n > 0]
        return max(ends, default=0)

    def _who(self) -> str:
        return f"rank {self._rank.rank} of {self._rank.world_size}"


def _length_of(dataloader: Iterable[Any]) -> int | None:
    if not isinstance(dataloader, Sized):
        return None
    try:
        return len(dataloader)
    except (TypeError, NotImplementedError):
        # A DataLoader has a length only if its data set has a length.
        return None


def run_batch(model: torch.nn.Module, batch: Any) -> object:
    """Calls the model with a batch: a mapping gives keyword arguments, a tuple or list positional
    arguments, a tensor the only argument. Raises InvalidArgumentError for any other batch."""
    if isinstance(batch, Mapping):
        return model(**batch)
    if isinstance(batch, tuple | list):
        return model(*batch)
    if isinstance(batch, torch.Tensor):
        return model(batch)
    raise InvalidArgumentError(
        f"a batch is a {type(batch).__qualname__}; allowed are a mapping, a tuple, a list and a "
        "tensor. Give forward, a function of the model and the batch, for other batches"
    )


def model_device(model: torch.nn.Module) -> torch.device:
    """The device of the first tensor that is not on "meta"; the CPU if all are on "meta"."""
    for tensors in (model.parameters(), model.buffers()):
        for tensor in tensors:
            if tensor.device.type != "meta":
                return tensor.device
    return torch.device("cpu")


def move(batch: Any, device: torch.device) -> Any:
    """The batch with all its tensors on the device. Mappings, tuples and lists are copied."""
    if isinstance(batch, torch.Tensor):
        return batch.to(device, non_blocking=True)
    if isinstance(batch, Mapping):
        return {key: move(value, device) for key, value in batch.items()}
    if isinstance(batch, tuple | list):
        moved = [move(value, device) for value in batch]
        # The constructor of a named tuple takes each field as an argument.
        return type(batch)(*moved) if hasattr(batch, "_fields") else type(batch)(moved)
    return batch


@contextmanager
def evaluating(model: torch.nn.Module) -> Iterator[None]:
    """Runs the block in evaluation mode without gradients, and restores each module's mode."""
    training = [module for module in model.modules() if module.training]
    model.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        for module in training:
            module.training = True
