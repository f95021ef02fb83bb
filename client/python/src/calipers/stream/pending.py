"""An observation on its way, and the messages it is sent in."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from calipers._wire import observation_pb2 as wire

PIECE_BYTES = 256 << 10
"""Of a tensor, in one message: so much stays in cache between the socket and the reducer."""
MESSAGE_BYTES = 256 << 10
"""A message of reduced observations is sent once it has as much ..."""
MESSAGE_OBSERVATIONS = 1000
"""... or so many."""


@dataclass
class RawTensor:
    """A tensor that the server is to reduce."""

    header: wire.ObservationHeader
    data: memoryview
    """Its elements in C order, little-endian; unchanged until it is acknowledged."""
    attempts: int = 1

    @property
    def size(self) -> int:
        """Bytes that it holds."""
        return self.data.nbytes

    def messages(self) -> Iterator[wire.ObserveRequest]:
        """The header with the first piece, then the others."""
        yield wire.ObserveRequest(header=self.header, data=bytes(self.data[:PIECE_BYTES]))
        for begin in range(PIECE_BYTES, self.size, PIECE_BYTES):
            yield wire.ObserveRequest(data=bytes(self.data[begin : begin + PIECE_BYTES]))


@dataclass
class ReducedTensor:
    """A tensor that was reduced already."""

    observation: wire.ReducedObservation
    attempts: int = 1
    size: int = field(init=False)
    """Bytes that it holds."""

    def __post_init__(self) -> None:
        self.size = self.observation.ByteSize()

    @property
    def header(self) -> wire.ObservationHeader:
        """As of a raw one."""
        return self.observation.header


Pending: TypeAlias = RawTensor | ReducedTensor


def messages(batch: Sequence[Pending]) -> Iterator[wire.ObserveRequest]:
    """What `batch`, one raw tensor or any number of reduced ones, is sent in."""
    first = batch[0]
    if isinstance(first, RawTensor):
        yield from first.messages()
        return
    request = wire.ObserveRequest()
    request.reduced.observations.extend(
        pending.observation for pending in batch if isinstance(pending, ReducedTensor)
    )
    yield request
