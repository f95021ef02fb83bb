"""Messages between ranks: the number of batches of each rank, or its failure."""

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
# Number of calibrations that this process has started, by run. All ranks start the calibrations of
# a run in the same order, so the number identifies the calibration.
_begun: Counter[str] = Counter()


class Exchange:
    """Exchanges numbers between ranks through the key-value store of torch.distributed.

    A collective is not used, because ranks would block in it if one rank fails. In the store a
    failing rank leaves a message and ends.
    """

    def __init__(self, rank: Rank, run: str, timeout: float, store: Any = None) -> None:
        """`store` is the store of torch.distributed (None: the ranks cannot communicate). `timeout`
        is the time in seconds to wait for the other ranks."""
        self._rank = rank
        self._timeout = timeout
        self._store = store
        _begun[run] += 1
        self._prefix = f"calipers/{run}/{_begun[run]}"

    @property
    def is_possible(self) -> bool:
        """True if the ranks can communicate, or if there is only one rank."""
        return self._rank.world_size == 1 or self._store is not None

    @contextmanager
    def failure_told(self) -> Iterator[None]:
        """If the block raises an exception, tells the other ranks about it."""
        try:
            yield
        except BaseException as error:
            first_line = str(error).partition("\n")[0]
            # The store may be gone. That error must not replace the original error.
            with suppress(RuntimeError):
                for topic in ("lengths", "counts", "read"):
                    self._tell(topic, f"{_STOPPED}{type(error).__name__}: {first_line}")
            raise

    def tell_length(self, length: int | None) -> None:
        """Tells the other ranks the length of this rank's dataloader (None: unknown)."""
        self._tell("lengths", _UNKNOWN if length is None else str(length))

    def lengths(self, length: int | None) -> list[int | None]:
        """The length that each rank told; `length` is this rank's. Waits until every rank has told
        its length.

        Raises as `counts`.
        """
        if self._store is None:
            return [length]
        texts = self._all("lengths")
        return [None if text == _UNKNOWN else int(text) for text in texts]

    def counts(self, count: int) -> list[int]:
        """The number of batches of each rank; `count` is this rank's. Waits until every rank has
        finished its batches.

        Raises FailedPreconditionError if another rank failed; DeadlineExceededError if a rank does
        not finish within the timeout; UnavailableError if the store is gone, for example because
        the process that holds it ended.
        """
        if self._store is None:
            return [count]
        self._tell("counts", str(count))
        found = [int(text) for text in self._all("counts")]
        self._tell("read", "")
        if self._rank.rank == 0:
            # The process of rank 0 usually holds the store, so it waits until all ranks have read.
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
            # The store's own wait method cannot be interrupted with Ctrl-C.
            while not self._store.check([key]):
                if deadline.left() == 0:
                    raise DeadlineExceededError(
                        f"{who} did not report its number of batches within {self._timeout:g} s"
                    )
                time.sleep(_LOOK_SECONDS)
            text = str(self._store.get(key).decode())
        except RuntimeError as error:
            raise UnavailableError(
                f"the store of torch.distributed does not give the number of batches of {who}; did "
                f"a rank end? {error}"
            ) from None
        if text.startswith(_STOPPED):
            raise FailedPreconditionError(
                f"{who} stopped, so the number of batches is unknown: {text.removeprefix(_STOPPED)}"
            )
        return text

    def _key(self, topic: str, rank: int) -> str:
        return f"{self._prefix}/{topic}/{rank}"


def default_store(rank: Rank) -> Any:
    """The store of torch.distributed's process group; None if there is no process group of these
    ranks."""
    if not is_distributed() or torch.distributed.get_world_size() != rank.world_size:
        return None
    return torch.distributed.distributed_c10d._get_default_store()
