"""Counts and times in sentences."""

from __future__ import annotations


def counted(count: int, noun: str) -> str:
    """A count with its noun: "1 record", "2,000 records", "3 batches"."""
    plural = f"{noun}es" if noun.endswith("ch") else f"{noun}s"
    return f"{count:,} {noun if count == 1 else plural}"


def duration(seconds: float) -> str:
    """A time rounded to hundredths of a second: "0.5 s"."""
    return f"{round(seconds, 2):g} s"
