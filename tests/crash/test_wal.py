"""The offset of the last record in a log."""

from __future__ import annotations

from pathlib import Path

import pytest

from .wal import BLOCK, FIRST, FULL, HEADER, last_record_start

LAST = 4


def fragment(kind: int, size: int) -> bytes:
    return HEADER.pack(0, size, kind) + bytes(size)


@pytest.mark.parametrize(
    ("log", "start"),
    [
        (b"", None),
        (fragment(FULL, 10), 0),
        (fragment(FULL, 10) + fragment(FULL, 20), 17),
        # Preallocated space without records.
        (fragment(FULL, 10) + bytes(100), 0),
        # A record across the end of a block, and a block end that is too short for a header.
        (fragment(FULL, 10) + fragment(FIRST, BLOCK - 24) + fragment(LAST, 50), 17),
        (fragment(FULL, BLOCK - 10) + bytes(3) + fragment(FULL, 5), BLOCK),
        # An incomplete record.
        (fragment(FULL, 10) + fragment(FULL, 20)[:-5], 17),
    ],
)
def test_last_record_start(tmp_path: Path, log: bytes, start: int | None) -> None:
    path = tmp_path / "000001.log"
    path.write_bytes(log)
    assert last_record_start(path) == start
