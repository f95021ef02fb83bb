"""Flips one bit of a data directory, and compares all answers of a server on it.

The server may refuse to start, refuse queries for lost data, or give the same answers as before.
This also holds for the last record in the log of a killed server, where a wrong length looks like
a write that the kill interrupted. Many of the flips are in this record."""

from __future__ import annotations

import shutil
import time
from dataclasses import dataclass
from pathlib import Path

from . import snapshot, wal
from .arena import Arena
from .service import RefusedError, ServerDiedError, Service

WORK_SECONDS = 0.6
ROUNDS = 3
STOPPED_SHARE = 0.7
FRAME_SHARE = 0.15
# Share of flips in the last record, among flips in the directory of a killed server.
TAIL_SHARE = 0.25
FLIPS_AN_ORIGINAL = 500
LAST_FRAGMENTS = 20


class NoAnswerError(Exception):
    """The server did not start; the message is its last log line."""


@dataclass(frozen=True)
class Original:
    """A data directory, and the answers of a server on it."""

    name: str
    data: Path
    right: snapshot.Snapshot
    # The log that the kill may have interrupted, and the offset of its last record.
    last_log: Path | None = None
    last_record: int = 0


def _ask(arena: Arena, data: Path) -> snapshot.Snapshot:
    """The answers of a server on a directory. Raises NoAnswerError if it does not start."""
    server = arena.start_plain(data.name)
    try:
        if server.wait_until_serving() is None:
            if server.process.poll() != 1 or not server.said():
                raise ServerDiedError
            raise NoAnswerError(server.said())
        with Service(server) as service:
            return snapshot.take(service)
    finally:
        if server.process.poll() is None:
            server.kill()


def _copy(arena: Arena, original: Path) -> Path:
    copy = arena.folder / "flipped"
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(original, copy)
    return copy


def _stopped(arena: Arena) -> Original:
    """A directory with tables, manifests and logs of several server processes."""
    for _ in range(ROUNDS):
        arena.calmly(lambda service: _work(arena, service))
    data = arena.folder / "stopped"
    shutil.copytree(arena.folder / "data", data)
    return Original("stopped", data, _ask(arena, _copy(arena, data)))


def _work(arena: Arena, service: Service) -> None:
    arena.begin_round(service)
    for _ in range(4):
        arena.side_run.change()
    time.sleep(WORK_SECONDS)
    arena.end_round(service)


def _killed(arena: Arena) -> Original:
    """A directory of a server that was killed while it was working."""
    server = arena.start()
    if server.wait_until_serving() is None:
        raise NoAnswerError(server.said())
    arena.attempt(server, arena.begin_round)
    server.is_dead_within(WORK_SECONDS)
    server.kill()
    arena.crew.end()
    data = arena.folder / "killed"
    shutil.copytree(arena.folder / "data", data)
    right = _ask(arena, _copy(arena, data))
    log = wal.newest(data)
    start = wal.last_record_start(log) if log else None
    if log is None or start is None:
        return Original("killed", data, right)
    return Original("killed", data, right, log.relative_to(data), start)


def _originals(arena: Arena) -> list[Original]:
    """Makes new directories, and deletes the previous ones."""
    for name in ("stopped", "killed"):
        shutil.rmtree(arena.folder / name, ignore_errors=True)
    stopped = _stopped(arena)
    return [] if arena.tally.violations else [stopped, _killed(arena)]


def _choose_bit(arena: Arena, original: Original) -> tuple[Path, int, int]:
    """Chooses a file, a byte and a bit at random.

    Usually the file's probability is uniform or proportional to its size. Sometimes the byte is in
    the length or the type of one of the last records in a log or manifest, because a length past
    the end of the file looks like an interrupted write. Sometimes the byte is in the last record
    that a killed server wrote."""
    rng, data = arena.random, original.data
    if original.last_log and rng.random() < TAIL_SHARE:
        size = (data / original.last_log).stat().st_size
        return original.last_log, rng.randrange(original.last_record, size), rng.randrange(8)
    files = [path for path in sorted(data.rglob("*")) if path.is_file() and path.stat().st_size]
    logs = [path for path in files if path.suffix == ".log" or path.name.startswith("MANIFEST-")]
    if rng.random() < FRAME_SHARE:
        chosen = rng.choice(logs)
        starts = [at for at, _ in wal.fragments(chosen)][-LAST_FRAGMENTS:]
        at = rng.choice(starts or [0]) + rng.choice(wal.FRAME_BYTES)
    else:
        sizes = [path.stat().st_size for path in files]
        (chosen,) = rng.choices(files, sizes if rng.random() < 0.5 else None)
        at = rng.randrange(chosen.stat().st_size)
    return chosen.relative_to(data), at, rng.randrange(8)


def _flip(path: Path, at: int, bit: int) -> None:
    data = bytearray(path.read_bytes())
    data[at] ^= 1 << bit
    path.write_bytes(data)


def _outcome(arena: Arena, original: Original, file: Path, at: int, bit: int) -> str:
    """Flips the bit and returns the outcome in words. Reports a violation."""
    copy = _copy(arena, original.data)
    _flip(copy / file, at, bit)
    where = f"bit {bit} of byte {at} of {original.name}/{file}"
    try:
        found = _ask(arena, copy)
    except NoAnswerError as refused:
        arena.tally.said.setdefault(f"{original.name}: refused to start", str(refused))
        return "refused to start"
    except ServerDiedError:
        arena.report([f"{where}: the server died: {(arena.folder / 'server.log').read_text()}"])
        return "died"
    except RefusedError as refused:
        arena.report([f"{where}: refused without DATA_LOSS: {refused}"])
        return "refused in other words"
    return _judge(arena, original, found, where)


def _judge(arena: Arena, original: Original, found: snapshot.Snapshot, where: str) -> str:
    wrong = snapshot.differences(found, original.right)
    if wrong:
        arena.report([f"{where}: {line}" for line in wrong[:3]])
        return "WRONG ANSWER"
    problems = [problem for said in found.values() for problem in said.problems]
    if problems:
        arena.tally.said.setdefault(f"{original.name}: refused to answer", problems[0])
        return "refused to answer"
    return "as before"


def run(arena: Arena, flips: int) -> None:
    """Flips `flips` bits, one at a time, each in a new copy."""
    for flip in range(flips):
        if flip % FLIPS_AN_ORIGINAL == 0:
            originals = _originals(arena)
        if arena.tally.violations:
            return
        (original,) = arena.random.choices(originals, [STOPPED_SHARE, 1 - STOPPED_SHARE])
        file, at, bit = _choose_bit(arena, original)
        outcome = _outcome(arena, original, file, at, bit)
        in_tail = file == original.last_log and at >= original.last_record
        arena.tally.flips[f"{original.name}{', last record' if in_tail else ''}: {outcome}"] += 1
        arena.step()
