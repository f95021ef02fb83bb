"""Actions and results of a run of the harness."""

from __future__ import annotations

import statistics
from collections import Counter
from dataclasses import dataclass, field

NUMBERS = (
    *("power_cuts", "kills_at_os", "takeovers", "comebacks", "acknowledged", "duplicates"),
    *("silences", "replaced"),
    *("records_verified", "answers_verified", "verifications"),
)


@dataclass
class Tally:
    """Counts of a run. `violations` are violated guarantees. `shortfalls` are tests that did not
    happen. The run fails if there are any of either."""

    kills: Counter[str] = field(default_factory=Counter)
    power_cuts: int = 0
    # Kills of servers with --durability os, which do not sync their logs.
    kills_at_os: int = 0
    # Stalled workers whose share another worker took over and passed, and the stalled workers
    # that continued afterwards and got a duplicate acknowledged.
    takeovers: int = 0
    comebacks: int = 0
    acknowledged: int = 0
    duplicates: int = 0
    # Streams that a worker gave up, and workers that the harness replaced, because no answer
    # came.
    silences: int = 0
    replaced: int = 0
    records_verified: int = 0
    answers_verified: int = 0
    verifications: int = 0
    restarts: list[float] = field(default_factory=list)
    lifecycle: Counter[str] = field(default_factory=Counter)
    # By fault: number of times, and the server's message.
    faults: Counter[str] = field(default_factory=Counter)
    # By fault: server processes in which it did not fire. Other processes replaced them.
    unfired: Counter[str] = field(default_factory=Counter)
    # By the state after a kill, of a backup or of a restored directory.
    backups: Counter[str] = field(default_factory=Counter)
    said: dict[str, str] = field(default_factory=dict)
    flips: Counter[str] = field(default_factory=Counter)
    shortfalls: list[str] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)

    @property
    def failed(self) -> bool:
        return bool(self.violations or self.shortfalls)

    def add(self, other: Tally) -> None:
        for name in ("kills", "lifecycle", "faults", "unfired", "backups", "flips", "said"):
            getattr(self, name).update(getattr(other, name))
        for name in NUMBERS:
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.restarts += other.restarts
        self.shortfalls += other.shortfalls
        self.violations += other.violations

    def as_json(self) -> dict:
        found = dict(self.__dict__)
        found["faults_fired"] = self.faults.total()
        found["faults_unfired"] = self.unfired.total()
        found["restarts"] = {
            "count": len(self.restarts),
            "median_seconds": statistics.median(self.restarts) if self.restarts else None,
            "max_seconds": max(self.restarts, default=None),
        }
        return found

    def lines(self) -> list[str]:
        """The lines of an aligned table."""
        rows: list[tuple[str, str, str]] = []
        for title, counts in (
            ("kill", self.kills),
            ("change", self.lifecycle),
            ("fault", self.faults),
            ("fault that never fired", self.unfired),
            ("backup", self.backups),
            ("bit flip", self.flips),
        ):
            for name, count in sorted(counts.items()):
                rows.append((f"{title} {name}", f"{count:,}", self.said.get(name, "")))
        if self.faults or self.unfired:
            rows.append(("faults that fired", f"{self.faults.total():,}", ""))
            rows.append(("  servers without a fired fault", f"{self.unfired.total():,}", ""))
        rows.append(("kills in all", f"{self.kills.total():,}", ""))
        rows.append(("  with a power cut", f"{self.power_cuts:,}", ""))
        rows.append(("  at --durability os", f"{self.kills_at_os:,}", ""))
        rows.append(("stalled workers taken over", f"{self.takeovers:,}", ""))
        rows.append(("  that continued afterwards", f"{self.comebacks:,}", ""))
        rows.append(("streams without answers", f"{self.silences:,}", ""))
        rows.append(("workers replaced, no answers", f"{self.replaced:,}", ""))
        rows.append(("records acknowledged", f"{self.acknowledged:,}", ""))
        rows.append(("  sent again, duplicates", f"{self.duplicates:,}", ""))
        rows.append(("verifications", f"{self.verifications:,}", ""))
        rows.append(("  records compared", f"{self.records_verified:,}", ""))
        rows.append(("  answers compared", f"{self.answers_verified:,}", ""))
        if self.restarts:
            median, longest = statistics.median(self.restarts), max(self.restarts)
            rows.append(("restarts, median", f"{1000 * median:.0f} ms", ""))
            rows.append(("restarts, longest", f"{1000 * longest:.0f} ms", ""))
        rows.append(("tests that did not happen", f"{len(self.shortfalls):,}", ""))
        rows.append(("violations", f"{len(self.violations):,}", ""))
        first = max(len(row[0]) for row in rows)
        second = max(len(row[1]) for row in rows)
        return [f"{a.ljust(first)}  {b.rjust(second)}  {c}".rstrip() for a, b, c in rows]
