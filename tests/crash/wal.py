"""Positions of records in RocksDB's logs. Manifests have the same format."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path

BLOCK = 32768
# Checksum, length, type.
HEADER = struct.Struct("<IHB")
# A flip in these bytes can look like the end of the log.
FRAME_BYTES = (4, 5, 6)
# Header sizes: seven bytes, and four more in a recyclable log.
RECYCLABLE_EXTRA = 4
FULL, FIRST, RECYCLABLE_FULL, RECYCLABLE_FIRST = 1, 2, 5, 6
BEGINNINGS = (FULL, FIRST, RECYCLABLE_FULL, RECYCLABLE_FIRST)


def fragments(log: Path) -> Iterator[tuple[int, int]]:
    """Offset of the header, and type, of each fragment of a record."""
    data = log.read_bytes()
    at = 0
    while at + HEADER.size <= len(data):
        if BLOCK - at % BLOCK < HEADER.size:
            at += BLOCK - at % BLOCK
            continue
        _, length, kind = HEADER.unpack_from(data, at)
        if kind == 0 and length == 0:
            break
        yield at, kind
        at += HEADER.size + (RECYCLABLE_EXTRA if kind >= RECYCLABLE_FULL else 0) + length


def last_record_start(log: Path) -> int | None:
    """The offset of the last record's header; None if the log holds no record."""
    starts = [at for at, kind in fragments(log) if kind in BEGINNINGS]
    return starts[-1] if starts else None


def newest(data: Path) -> Path | None:
    """The newest non-empty write-ahead log; None if there is none."""
    logs = [path for path in data.rglob("*.log") if path.stat().st_size > 0]
    return max(logs, key=lambda path: int(path.stem), default=None)
