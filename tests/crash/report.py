"""What a run of the harness did and found."""

from __future__ import annotations

import statistics
from collections import Counter
from dataclasses import dataclass, field

NUMBERS = (
    *("power_cuts", "takeovers", "acknowledged", "duplicates"),
    *("records_verified", "answers_verified", "verifications"),
)


@dataclass
class Tally:
    """Counts; `violations` is what broke a promise, and fails the run."""

    kills: Counter[str] = field(default_factory=Counter)
    power_cuts: int = 0
    takeovers: int = 0
    acknowledged: int = 0
    duplicates: int = 0
    records_verified: int = 0
    answers_verified: int = 0
    verifications: int = 0
    restarts: list[float] = field(default_factory=list)
    lifecycle: Counter[str] = field(default_factory=Counter)
    # By fault: how often, and what the server said.
    faults: Counter[str] = field(default_factory=Counter)
    said: dict[str, str] = field(default_factory=dict)
    flips: Counter[str] = field(default_factory=Counter)
    violations: list[str] = field(default_factory=list)

    def add(self, other: Tally) -> None:
        for name in ("kills", "lifecycle", "faults", "flips", "said"):
            getattr(self, name).update(getattr(other, name))
        for name in NUMBERS:
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.restarts += other.restarts
        self.violations += other.violations

    def as_json(self) -> dict:
        found = dict(self.__dict__)
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
            ("bit flip", self.flips),
        ):
            for name, count in sorted(counts.items()):
                rows.append((f"{title} {name}", f"{count:,}", self.said.get(name, "")))
        rows.append(("kills in all", f"{sum(self.kills.values()):,}", ""))
        rows.append(("  with a power cut", f"{self.power_cuts:,}", ""))
        rows.append(("stalled workers taken over", f"{self.takeovers:,}", ""))
        rows.append(("records acknowledged", f"{self.acknowledged:,}", ""))
        rows.append(("  sent again, duplicates", f"{self.duplicates:,}", ""))
        rows.append(("verifications", f"{self.verifications:,}", ""))
        rows.append(("  records compared", f"{self.records_verified:,}", ""))
        rows.append(("  answers compared", f"{self.answers_verified:,}", ""))
        if self.restarts:
            median, longest = statistics.median(self.restarts), max(self.restarts)
            rows.append(("restarts, median", f"{1000 * median:.0f} ms", ""))
            rows.append(("restarts, longest", f"{1000 * longest:.0f} ms", ""))
        rows.append(("violations", f"{len(self.violations):,}", ""))
        first = max(len(row[0]) for row in rows)
        second = max(len(row[1]) for row in rows)
        return [f"{a.ljust(first)}  {b.rjust(second)}  {c}".rstrip() for a, b, c in rows]
