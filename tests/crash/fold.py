"""The expected answer of a series: a sequential fold of its records in float64."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from .workload import Kind, Record, Series, record


def _flat(known: Record) -> np.ndarray:
    """The values of a record: n minima, n maxima, and the tensor's own minimum and maximum."""
    parts = (known.low, known.high, known.global_low, known.global_high)
    return np.concatenate([part.ravel().astype(np.float64) for part in parts])


@dataclass
class Fold:
    """An observer's state."""

    kind: Kind
    state: np.ndarray | None = None
    count: int = 0
    last: Record | None = None

    def add(self, known: Record) -> None:
        current = _flat(known)
        if self.state is None:
            self.state = current
        elif self.kind.observer == "static_minmax":
            self.state = self._extremes(self.state, current)
        else:
            constant = self.kind.constant
            self.state = self.state * (1 - constant) + current * constant
        self.count += 1
        self.last = known

    def _extremes(self, past: np.ndarray, current: np.ndarray) -> np.ndarray:
        n = int(np.prod(self.kind.qparam_shape))
        is_low = np.concatenate([np.ones(n), np.zeros(n), [1, 0]]).astype(bool)
        return np.where(is_low, np.minimum(past, current), np.maximum(past, current))

    def answer(self) -> dict[str, tuple[bytes, bytes]]:
        """The bytes of min and max by member of MinMax. Needs at least one record."""
        n = int(np.prod(self.kind.qparam_shape))
        low, high, global_low, global_high = np.split(self.state, [n, 2 * n, 2 * n + 1])
        last = self.last.as_bytes()
        return {
            "range": (low.tobytes(), high.tobytes()),
            "current": last[:2],
            "global": (global_low.tobytes(), global_high.tobytes()),
            "current_global": last[2:],
            "global_of_range": (low.min().tobytes(), high.max().tobytes()),
        }


@dataclass
class PrefixFold:
    """Folds any set of a series' records. Reuses the fold of the prefix that the set shares with
    the previous set."""

    series: Series
    prefix: Fold = field(init=False)

    def __post_init__(self) -> None:
        self.prefix = Fold(self.series.kind)

    def of(self, indices: list[int]) -> Fold:
        """The fold of the records at these indices, which must be ascending."""
        shared = self.prefix.count
        if indices[:shared] != list(range(shared)):
            self.prefix, shared = Fold(self.series.kind), 0
        rest = indices[shared:]
        position = 0
        while position < len(rest) and rest[position] == self.prefix.count:
            self.prefix.add(record(self.series, rest[position]))
            position += 1
        whole = Fold(self.series.kind, self.prefix.state, self.prefix.count, self.prefix.last)
        for index in rest[position:]:
            whole.add(record(self.series, index))
        return whole
