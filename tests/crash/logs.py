"""A worker's logs on disk: sent and acknowledged observations.

The worker writes each entry with one call before it continues, so that the logs of a killed worker
are complete."""

from __future__ import annotations

import json
import os
from collections import Counter, defaultdict
from pathlib import Path

import numpy as np

from .wire import Outcome

ENTRY = np.dtype([("session", "<i4"), ("outcome", "<i4"), ("index", "<i8")])


class Log:
    """Appends entries to a file."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def add(self, entries: list[tuple[int, int, int]]) -> None:
        """Appends entries (session, outcome, index)."""
        os.write(self._file, np.array(entries, ENTRY).tobytes())


def read(path: Path, offset: int = 0) -> np.ndarray:
    """The complete entries from the byte `offset` on."""
    if not path.exists():
        return np.empty(0, ENTRY)
    with path.open("rb") as file:
        file.seek(offset)
        data = file.read()
    return np.frombuffer(data[: len(data) - len(data) % ENTRY.itemsize], ENTRY)


def observations(path: Path) -> list[tuple[int, int]]:
    """The (session, index) of each entry without repetitions, in order."""
    entries = read(path)
    pairs = zip(entries["session"].tolist(), entries["index"].tolist(), strict=True)
    return list(dict.fromkeys(pairs))


def duplicates(acks: Path, offset: int = 0) -> int:
    """Number of duplicates among the acknowledgements from the byte `offset` on."""
    return int((read(acks, offset)["outcome"] == Outcome.OUTCOME_DUPLICATE).sum())


class Book:
    """The sent and the acknowledged observations of all workers of a round."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._offsets: Counter[Path] = Counter()
        self.sent: defaultdict[int, set[int]] = defaultdict(set)
        self.acknowledged: defaultdict[int, set[int]] = defaultdict(set)
        self._stored: set[tuple[int, int]] = set()
        self.duplicates = 0
        # Acknowledgements that violate a guarantee.
        self.violations: list[str] = []

    def _new(self, path: Path) -> np.ndarray:
        entries = read(path, self._offsets[path])
        self._offsets[path] += entries.nbytes
        return entries

    def read_acknowledgements(self) -> None:
        """Reads the acknowledgements that the workers wrote since the last call."""
        for path in sorted(self._folder.glob("*.acks")):
            for session, outcome, index in self._new(path).tolist():
                self._acknowledge(path.stem, session, outcome, index)

    def _acknowledge(self, worker: str, session: int, outcome: int, index: int) -> None:
        if outcome == Outcome.OUTCOME_CONFLICT:
            self.violations.append(f"session {session}: {worker} met a conflict at index {index}")
            return
        self.acknowledged[session].add(index)
        if outcome == Outcome.OUTCOME_DUPLICATE:
            self.duplicates += 1
        elif (session, index) in self._stored:
            self.violations.append(
                f"session {session}: index {index} was acknowledged as stored twice: "
                "it was lost in between"
            )
        else:
            self._stored.add((session, index))

    def read_sent(self) -> None:
        """Reads the observations that the workers sent. Workers log observations before sending."""
        for path in sorted(self._folder.glob("*.sent")):
            for session, _, index in self._new(path).tolist():
                self.sent[session].add(index)

    def silences(self) -> int:
        """Number of streams that workers gave up because no acknowledgement came."""
        return sum(len(path.read_text().splitlines()) for path in self._folder.glob("*.silent"))

    def rejections(self) -> Counter[str]:
        """Number of rejections by the service's message."""
        said: Counter[str] = Counter()
        for path in sorted(self._folder.glob("*.rejected")):
            for line in path.read_text().splitlines():
                entry = json.loads(line)
                said[f"{entry['code']}: {entry['message']}"] += 1
        return said
