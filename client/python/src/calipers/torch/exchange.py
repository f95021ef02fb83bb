"""What ranks tell each other: how many batches each has, or that it stopped."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import torch

from calipers.deadline import Deadline
from calipers.errors import DeadlineExceededError, FailedPreconditionError, UnavailableError
from calipers.ranks import Rank, is_distributed

_STOPPED = "stopped "
_UNKNOWN = "unknown"
_LOOK_SECONDS = 0.05
# So many calibrations this process has begun, by run: every rank begins them in one order.
_begun: Counter[str] = Counter()


class Exchange:
    """Numbers of every rank, by the store that torch.distributed met at.

    Not by a collective: a rank that fails leaves word and goes, where a collective would have it
    wait for the others, or the others for it.
    """

    def __init__(self, rank: Rank, run: str, timeout: float, store: Any = None) -> None:
        """`store` is torch.distributed's; None: there is nobody to ask. `timeout` is how many
        seconds others are waited for."""
        self._rank = rank
        self._timeout = timeout
        self._store = store
        _begun[run] += 1
        self._prefix = f"calipers/{run}/{_begun[run]}"

    @property
    def is_possible(self) -> bool:
        """Whether the other ranks can be asked, if there are any."""
        return self._rank.world_size == 1 or self._store is not None

    @contextmanager
    def failure_told(self) -> Iterator[None]:
        """The other ranks hear of it if the block is left by an exception."""
        try:
            yield
        except BaseException as error:
            first_line = str(error).partition("\n")[0]
            # Word of the failure must not hide it: the store may have gone first.
            with suppress(RuntimeError):
                for topic in ("lengths", "counts", "read"):
                    self._tell(topic, f"{_STOPPED}{type(error).__name__}: {first_line}")
            raise

    def tell_length(self, length: int | None) -> None:
        """Says how many batches this rank's dataloader means to yield, if it knows."""
        self._tell("lengths", _UNKNOWN if length is None else str(length))

    def lengths(self, length: int | None) -> list[int | None]:
        """What every rank has told, this one `length`. Waits until each has begun.

        Raises as `counts`.
        """
        if self._store is None:
            return [length]
        texts = self._all("lengths")
        return [None if text == _UNKNOWN else int(text) for text in texts]

    def counts(self, count: int) -> list[int]:
        """How many batches each rank had, this one `count`. Waits until each is through.

        Raises FailedPreconditionError if another rank stopped; DeadlineExceededError if one does
        not come; UnavailableError if the store is gone, as with the process that holds it.
        """
        if self._store is None:
            return [count]
        self._tell("counts", str(count))
        found = [int(text) for text in self._all("counts")]
        self._tell("read", "")
        if self._rank.rank == 0:
            # As a rule its process holds the store: it stays until the others have read.
            self._all("read")
        return found

    def _tell(self, topic: str, text: str) -> None:
        if self._store is not None:
            self._store.set(self._key(topic, self._rank.rank), text)

    def _all(self, topic: str) -> list[str]:
        deadline = Deadline(self._timeout)
        return [self._read(topic, rank, deadline) for rank in range(self._rank.world_size)]

    def _read(self, topic: str, rank: int, deadline: Deadline) -> str:
        key, who = self._key(topic, rank), f"rank {rank} of {self._rank.world_size}"
        try:
            # The store's own wait would not hear of Ctrl-C before it ends.
            while not self._store.check([key]):
                if deadline.left() == 0:
                    raise DeadlineExceededError(
                        f"{who} did not say in {self._timeout:g} s how many batches it has"
                    )
                time.sleep(_LOOK_SECONDS)
            text = str(self._store.get(key).decode())
        except RuntimeError as error:
            raise UnavailableError(
                f"torch.distributed does not say how many batches {who} has; did a rank end? "
                f"{error}"
            ) from None
        if text.startswith(_STOPPED):
            raise FailedPreconditionError(
                f"{who} stopped, and nobody knows how many batches there are: "
                f"{text.removeprefix(_STOPPED)}"
            )
        return text

    def _key(self, topic: str, rank: int) -> str:
        return f"{self._prefix}/{topic}/{rank}"


def default_store(rank: Rank) -> Any:
    """The store that the process group of these ranks met at; None if there is none."""
    if not is_distributed() or torch.distributed.get_world_size() != rank.world_size:
        return None
    return torch.distributed.distributed_c10d._get_default_store()
