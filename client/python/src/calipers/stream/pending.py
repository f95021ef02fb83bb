"""Unacknowledged observations."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias

from calipers._wire import observation_pb2 as wire

MESSAGE_BYTES = 256 << 10
"""A message of reduced observations is sent when it has this number of bytes ..."""
MESSAGE_OBSERVATIONS = 1000
"""... or this number of observations."""


@dataclass
class RawTensor:
    """A tensor that the server reduces."""

    header: wire.ObservationHeader
    data: memoryview
    """The elements in C order, little-endian. They must not change until the observation is
    acknowledged."""
    attempts: int = 1

    @property
    def size(self) -> int:
        """Size of the data in bytes."""
        return self.data.nbytes


@dataclass
class ReducedTensor:
    """A tensor that is already reduced to a record."""

    observation: wire.ReducedObservation
    attempts: int = 1
    size: int = field(init=False)
    """Size of the serialized observation in bytes."""

    def __post_init__(self) -> None:
        self.size = self.observation.ByteSize()

    @property
    def header(self) -> wire.ObservationHeader:
        """The observation's header."""
        return self.observation.header


Pending: TypeAlias = RawTensor | ReducedTensor
