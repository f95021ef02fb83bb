"""Where the last record of a log of RocksDB's begins."""

from __future__ import annotations

import struct
from pathlib import Path

BLOCK = 32768
HEADER = struct.Struct("<IHB")
# Of the seven bytes that every kind has, and four more in a recyclable log.
RECYCLABLE_EXTRA = 4
FULL, FIRST, RECYCLABLE_FULL, RECYCLABLE_FIRST = 1, 2, 5, 6


def last_record_start(log: Path) -> int | None:
    """The offset of its first byte, header included; None if the log holds none."""
    data = log.read_bytes()
    at, start = 0, None
    while at + HEADER.size <= len(data):
        if BLOCK - at % BLOCK < HEADER.size:
            at += BLOCK - at % BLOCK
            continue
        _, length, kind = HEADER.unpack_from(data, at)
        if kind == 0 and length == 0:
            break
        if kind in (FULL, FIRST, RECYCLABLE_FULL, RECYCLABLE_FIRST):
            start = at
        at += HEADER.size + (RECYCLABLE_EXTRA if kind >= RECYCLABLE_FULL else 0) + length
    return start


def newest(data: Path) -> Path | None:
    """The write-ahead log that was written last, if one holds anything."""
    logs = [path for path in data.rglob("*.log") if path.stat().st_size > 0]
    return max(logs, key=lambda path: int(path.stem), default=None)
