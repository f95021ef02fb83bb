"""An observation on its way."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias

from calipers._wire import observation_pb2 as wire

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
