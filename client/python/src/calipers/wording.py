"""Counts and times in sentences."""

from __future__ import annotations


def counted(count: int, noun: str) -> str:
    """ "1 record", "2 records"."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def duration(seconds: float) -> str:
    """ "0.5 s": to the hundredth."""
    return f"{round(seconds, 2):g} s"
