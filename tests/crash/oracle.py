"""Compares a server's answers with its workers' logs.

Every check returns descriptions of the violations; an empty result means that there are none."""

from __future__ import annotations

from dataclasses import dataclass, field

from .fold import PrefixFold
from .service import Answer
from .wire import observation_pb2
from .workload import Series, record

SHOWN = 5


@dataclass
class Known:
    """The certain facts about a series at one moment."""

    # Acknowledged before the query to the server.
    acknowledged: set[int]
    # Logged before they were sent, and read after the server's answer.
    sent: set[int]


@dataclass
class SeriesOracle:
    """The allowed states of a series. Remembers the digests of its records."""

    series: Series
    folds: PrefixFold = field(init=False)
    digests: dict[int, bytes] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.folds = PrefixFold(self.series)

    def _indices(self, indices: list[int], known: Known) -> list[str]:
        wrong = []
        if any(a >= b for a, b in zip(indices, indices[1:], strict=False)):
            wrong.append("indices are doubled or out of order")
        missing = sorted(known.acknowledged.difference(indices))
        if missing:
            wrong.append(f"{len(missing)} acknowledged records are missing: {missing[:SHOWN]}")
        unsent = sorted(set(indices) - known.sent)
        if unsent:
            wrong.append(f"{len(unsent)} records were never sent: {unsent[:SHOWN]}")
        return wrong

    def _record(self, found: observation_pb2.SeriesRecord) -> str | None:
        header, observation = found.observation.header, found.observation
        kind = self.series.kind
        if (header.session, header.dtype) != (self.series.name, kind.dtype):
            return f"says that it is {header.dtype} of {header.session}"
        if tuple(header.shape) != kind.shape or header.num_observations != kind.num_observations:
            return f"has shape {list(header.shape)} and {header.num_observations} observations"
        if self.digests.setdefault(header.index, found.digest) != found.digest:
            return "has another digest than before"
        values = (observation.min, observation.max, observation.global_min, observation.global_max)
        if not any(values) and kind.retention == "FOLDED":
            return None
        if values != record(self.series, header.index).as_bytes():
            return "has other values than were sent"
        return None

    def check_series(
        self, records: list[observation_pb2.SeriesRecord], known: Known
    ) -> list[str]:
        """Checks the records from ReadSeries."""
        wrong = self._indices([found.observation.header.index for found in records], known)
        for found in records:
            said = self._record(found)
            if said:
                wrong.append(f"record {found.observation.header.index} {said}")
        return [f"{self.series.name}: {line}" for line in wrong[:SHOWN]]

    def check_answer(self, answer: Answer, known: Known) -> list[str]:
        """Checks that the answer of GetMinMax has the bits of a sequential fold."""
        wrong = self._indices(answer.indices, known)
        expected = self.folds.of(answer.indices).answer()
        for name, pair in expected.items():
            if answer.values[name] != pair:
                wrong.append(
                    f"{name} of {len(answer.indices)} records is "
                    f"{[side.hex() for side in answer.values[name]]}, "
                    f"their fold is {[side.hex() for side in pair]}"
                )
        return [f"{self.series.name}: {line}" for line in wrong[:SHOWN]]
