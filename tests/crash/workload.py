"""The observations that workers send: sessions of several kinds. The bits of an observation depend
only on its session and index."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from .wire import observation_pb2, session_pb2

PIECE_BYTES = 20_000


@dataclass(frozen=True)
class Kind:
    """The settings of a session, and its observations."""

    session_id: str
    dtype: str
    shape: tuple[int, ...]
    qparam_shape: tuple[int, ...] = (1,)
    raw: bool = False
    # Number of observations in a message; a raw tensor has its own message.
    batch: int = 1
    observer: str = "minmax"
    constant: float = 0.01
    strategy: str = "TENSOR"
    group_size: int | None = None
    retention: str = "SERIES"

    def spec(self) -> session_pb2.Session:
        kwargs = None
        if self.observer == "minmax":
            kwargs = session_pb2.ObserverKwargs(averaging_constant=self.constant)
        args = session_pb2.QuantizationArgs(
            strategy=f"STRATEGY_{self.strategy}",
            group_size=self.group_size,
            observer=self.observer,
            observer_kwargs=kwargs,
        )
        return session_pb2.Session(args=args, retention=f"RETENTION_{self.retention}")

    @property
    def num_observations(self) -> int:
        """The number of observations that the service counts for one tensor."""
        if self.session_id.endswith("/weight"):
            return 1
        return int(np.prod(self.shape[:-1]))


KINDS = (
    Kind("scalar/input", "F32", (4, 8), batch=4),
    Kind(
        *("grouped/input", "F32", (6, 64), (4,)),
        **{"raw": True, "constant": 0.1, "strategy": "GROUP", "group_size": 16},
    ),
    Kind("channel/weight", "F16", (8, 48), (8, 1), raw=True, constant=0.3, strategy="CHANNEL"),
    Kind("extremes/output", "F32", (4, 8), batch=3, observer="static_minmax"),
    Kind(
        *("folded/input", "F32", (6, 64), (4,)),
        **{"batch": 4, "constant": 0.05, "strategy": "GROUP", "group_size": 16},
        retention="FOLDED",
    ),
    Kind("double/output", "F64", (2, 8), batch=2),
    # Several messages long, so that kills can happen between them.
    Kind("large/weight", "F32", (16, 1024), (16, 1), raw=True, strategy="CHANNEL"),
)
NUMPY = {"F32": np.float32, "F16": np.float16, "F64": np.float64}


@dataclass(frozen=True)
class Series:
    """A session, and the seed of its records. A new session of the same name has another seed."""

    name: str
    kind: Kind
    seed: int

    @property
    def key(self) -> int:
        return zlib.crc32(self.name.encode()) << 32 | (self.seed & 0xFFFFFFFF)


@dataclass(frozen=True)
class Record:
    """The record of an observation."""

    low: np.ndarray
    high: np.ndarray
    global_low: np.ndarray
    global_high: np.ndarray

    def as_bytes(self) -> tuple[bytes, bytes, bytes, bytes]:
        return (
            self.low.tobytes(),
            self.high.tobytes(),
            self.global_low.tobytes(),
            self.global_high.tobytes(),
        )


def _random(series: Series, index: int) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(key=series.key, counter=index << 64))


def tensor(series: Series, index: int) -> np.ndarray:
    """The tensor of a raw observation."""
    values = _random(series, index).standard_normal(series.kind.shape, np.float32)
    return values.astype(NUMPY[series.kind.dtype])


def _reduce(values: np.ndarray, kind: Kind) -> Record:
    if kind.strategy == "CHANNEL":
        low, high = values.min(1, keepdims=True), values.max(1, keepdims=True)
    else:
        groups = values.reshape(-1, *kind.qparam_shape, kind.group_size or values.size)
        low, high = groups.min((0, -1)), groups.max((0, -1))
    return Record(low, high, low.min().reshape(1), high.max().reshape(1))


@lru_cache(maxsize=50_000)
def record(series: Series, index: int) -> Record:
    """The record of the observation at an index."""
    kind = series.kind
    if kind.raw:
        return _reduce(tensor(series, index), kind)
    draw = _random(series, index).standard_normal((2, *kind.qparam_shape))
    low, high = np.sort(draw, 0).astype(NUMPY[kind.dtype])
    return Record(low, high, low.min().reshape(1), high.max().reshape(1))


def _header(series: Series, index: int) -> observation_pb2.ObservationHeader:
    kind = series.kind
    return observation_pb2.ObservationHeader(
        session=series.name, index=index, dtype=kind.dtype, shape=kind.shape
    )


def _raw_requests(series: Series, index: int) -> Iterator[observation_pb2.ObserveRequest]:
    data = tensor(series, index).tobytes()
    pieces = [data[at : at + PIECE_BYTES] for at in range(0, len(data), PIECE_BYTES)]
    yield observation_pb2.ObserveRequest(header=_header(series, index), data=pieces[0])
    for piece in pieces[1:]:
        yield observation_pb2.ObserveRequest(data=piece)


def _reduced(series: Series, index: int) -> observation_pb2.ReducedObservation:
    known = record(series, index)
    return observation_pb2.ReducedObservation(
        header=_header(series, index), min=known.low.tobytes(), max=known.high.tobytes()
    )


def requests(series: Series, indices: tuple[int, ...]) -> Iterator[observation_pb2.ObserveRequest]:
    """The messages that send these observations, in their order."""
    if series.kind.raw:
        for index in indices:
            yield from _raw_requests(series, index)
    else:
        batch = [_reduced(series, index) for index in indices]
        yield observation_pb2.ObserveRequest(
            reduced=observation_pb2.ReducedBatch(observations=batch)
        )


@dataclass(frozen=True)
class Round:
    """A run that several workers share. In each turn they send to all sessions."""

    run: str
    seed: int
    # Number of shares; turns are distributed over them.
    shares: int = 3

    def series(self) -> tuple[Series, ...]:
        return tuple(
            Series(f"{self.run}/sessions/{kind.session_id}", kind, self.seed) for kind in KINDS
        )

    def units(self, share: int) -> Iterator[tuple[int, tuple[int, ...]]]:
        """Endless pairs of a session number and the indices to send to it."""
        turn = share
        while True:
            for number, kind in enumerate(KINDS):
                start = turn * kind.batch
                yield number, tuple(range(start, start + kind.batch))
            turn += self.shares
