"""What a run of the harness did and found."""

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
    """Counts. `violations` is what broke a promise, `shortfalls` what the run was to try
    and did not come to; either fails it."""

    kills: Counter[str] = field(default_factory=Counter)
    power_cuts: int = 0
    # Of servers with --durability os, whose logs nobody syncs.
    kills_at_os: int = 0
    # Stalled workers whose share another took over and went past them, and those of them
    # that then came back and were told that what they sent was there.
    takeovers: int = 0
    comebacks: int = 0
    acknowledged: int = 0
    duplicates: int = 0
    # Streams that a worker gave up, and workers that the harness replaced, for want of
    # an answer.
    silences: int = 0
    replaced: int = 0
    records_verified: int = 0
    answers_verified: int = 0
    verifications: int = 0
    restarts: list[float] = field(default_factory=list)
    lifecycle: Counter[str] = field(default_factory=Counter)
    # By fault: how often, and what the server said.
    faults: Counter[str] = field(default_factory=Counter)
    # By fault: lives of a server that never came to it, and that others made up for.
    unfired: Counter[str] = field(default_factory=Counter)
    # By what a kill left of a backup, or of what was restored from one.
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
        """An aligned table."""
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
            rows.append(("  lives in which none did", f"{self.unfired.total():,}", ""))
        rows.append(("kills in all", f"{self.kills.total():,}", ""))
        rows.append(("  with a power cut", f"{self.power_cuts:,}", ""))
        rows.append(("  at --durability os", f"{self.kills_at_os:,}", ""))
        rows.append(("stalled workers taken over", f"{self.takeovers:,}", ""))
        rows.append(("  that came back after it", f"{self.comebacks:,}", ""))
        rows.append(("streams given up for silence", f"{self.silences:,}", ""))
        rows.append(("workers replaced for silence", f"{self.replaced:,}", ""))
        rows.append(("records acknowledged", f"{self.acknowledged:,}", ""))
        rows.append(("  sent again, duplicates", f"{self.duplicates:,}", ""))
        rows.append(("verifications", f"{self.verifications:,}", ""))
        rows.append(("  records compared", f"{self.records_verified:,}", ""))
        rows.append(("  answers compared", f"{self.answers_verified:,}", ""))
        if self.restarts:
            median, longest = statistics.median(self.restarts), max(self.restarts)
            rows.append(("restarts, median", f"{1000 * median:.0f} ms", ""))
            rows.append(("restarts, longest", f"{1000 * longest:.0f} ms", ""))
        rows.append(("not come to", f"{len(self.shortfalls):,}", ""))
        rows.append(("violations", f"{len(self.violations):,}", ""))
        first = max(len(row[0]) for row in rows)
        second = max(len(row[1]) for row in rows)
        return [f"{a.ljust(first)}  {b.rjust(second)}  {c}".rstrip() for a, b, c in rows]
