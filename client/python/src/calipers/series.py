"""The stored records of a session."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calipers._wire import observation_pb2, session_pb2
from calipers.dtypes import Dtype, decode
from calipers.errors import FailedPreconditionError
from calipers.names import session_id


@dataclass(frozen=True)
class Series:
    """The n records of a session, sorted by index. m of them hold values; the others are records of
    empty observations. Arrays are read-only.

    Values have the observed dtype. BF16 and F8, which numpy does not have, become float32; the
    values stay exact.
    """

    session: str
    """{module}/{base_name}"""
    dtype: str
    """The observed dtype's safetensors name; "" if no record holds values."""
    indices: NDArray[np.int64]
    """Batch indices, ascending. Shape (n,)."""
    num_observations: NDArray[np.int64]
    """Number of observations (tokens of activations) in each record. Shape (n,)."""
    workers: tuple[str, ...]
    """The worker that sent each record; n names."""
    holds_values: NDArray[np.bool_]
    """True for the records that have a row in the arrays below. Shape (n,)."""
    min: NDArray[Any]
    """The minimum of each parameter. Shape (m, *qparam shape)."""
    max: NDArray[Any]
    """The maximum of each parameter. Shape (m, *qparam shape)."""
    global_min: NDArray[Any]
    """The minimum of each tensor. Shape (m,)."""
    global_max: NDArray[Any]
    """The maximum of each tensor. Shape (m,)."""

    def __len__(self) -> int:
        return len(self.indices)

    def __repr__(self) -> str:
        shape = list(self.min.shape[1:])
        return f"Series({self.session!r}, {len(self)} records, {self.dtype or '-'}, {shape})"


def series_from(
    session: session_pb2.Session, records: Sequence[observation_pb2.SeriesRecord]
) -> Series:
    """Converts the protocol's records.

    Raises FailedPreconditionError if the server dropped the values of records.
    """
    observations = [record.observation for record in records]
    valued = [observation for observation in observations if observation.min]
    _check_kept(session, observations)
    dtype = valued[0].header.dtype if valued else ""
    shape = tuple(session.qparam_shape) if valued else ()

    def values(field: str, *shape: int) -> NDArray[Any]:
        data = b"".join(getattr(observation, field) for observation in valued)
        array = decode(Dtype[dtype or "F32"], data).reshape(len(valued), *shape)
        array.flags.writeable = False
        return array

    return Series(
        session=session_id(session.name),
        dtype=dtype,
        indices=_frozen([observation.header.index for observation in observations], np.int64),
        num_observations=_frozen(
            [observation.header.num_observations for observation in observations], np.int64
        ),
        workers=tuple(record.worker for record in records),
        holds_values=_frozen([bool(observation.min) for observation in observations], np.bool_),
        min=values("min", *shape),
        max=values("max", *shape),
        global_min=values("global_min"),
        global_max=values("global_max"),
    )


def _check_kept(
    session: session_pb2.Session, observations: Sequence[observation_pb2.ReducedObservation]
) -> None:
    dropped = sum(
        not observation.min and 0 not in observation.header.shape for observation in observations
    )
    if dropped:
        raise FailedPreconditionError(
            f"session {session_id(session.name)} has dropped the values of {dropped} of its "
            f"{len(observations)} records: its retention is FOLDED, which keeps only their fold; "
            "use retention SERIES, the default, to keep the series"
        )


def _frozen(values: list[Any], dtype: type[np.generic]) -> NDArray[Any]:
    array = np.array(values, dtype)
    array.flags.writeable = False
    return array
