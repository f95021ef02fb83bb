"""Kills a server during a backup, and a server during a restore.

A backup that was reported as complete, or has its final name, must restore all records that were
acknowledged before the backup was requested. A backup without its final name must be refused, or
be complete. After a kill during a restore, a second restore must succeed or be refused; in an
empty directory it must succeed."""

from __future__ import annotations

import shutil
import statistics
import time
from dataclasses import dataclass, field
from pathlib import Path

from .arena import Arena
from .process import ServerProcess
from .restored import Backup, Target
from .service import Service

KILLS_A_ROUND = 10
# The longest time of work before a backup.
WORK_SECONDS = 0.15
# Kills are at random times within the duration of a backup or a restore, and a little later.
OVERTIME = 1.2
FEWEST_TO_MEET = 10
NAME = "nightly"


@dataclass
class Course:
    """The state of this mode's run."""

    target: Target
    # The last complete backup.
    backup: Backup
    backup_seconds: list[float] = field(default_factory=list)
    restore_seconds: list[float] = field(default_factory=list)


def _backups(arena: Arena) -> Path:
    return arena.folder / "data" / "backups"


def _back_up(service: Service, name: str) -> float:
    """Takes a backup and returns its duration in seconds."""
    began = time.monotonic()
    service.back_up(name)
    return time.monotonic() - began


def _begin(arena: Arena) -> Course:
    """Starts a round, and takes a backup without a kill. Deletes the backups of the previous
    round."""
    shutil.rmtree(_backups(arena), ignore_errors=True)
    course = Course(Target(arena), Backup(_backups(arena) / f"calm-{arena.rounds}", {}))

    def work(service: Service) -> None:
        arena.begin_round(service)
        time.sleep(WORK_SECONDS)
        course.backup = Backup(course.backup.path, arena.crew.acknowledged())
        course.backup_seconds.append(_back_up(service, course.backup.path.name))

    arena.calmly(work)
    if not arena.tally.violations:
        _expect_whole(arena, course, course.backup)
    return course


def _expect_whole(arena: Arena, course: Course, backup: Backup) -> None:
    """Restores the backup into a new directory; it must be complete."""
    course.target.clear()
    server = course.target.restore(backup.path)
    seconds = server.wait_until_serving()
    outcome = course.target.look(server, backup)
    if outcome != "whole":
        arena.report([f"{backup.path} was restored to what is {outcome}: {server.said()}"])
    if seconds is not None:
        course.restore_seconds.append(seconds)
    arena.tally.backups["restored and compared"] += 1


def _within(arena: Arena, seconds: float) -> float:
    return arena.random.uniform(0, OVERTIME * seconds)


@dataclass
class Try:
    """A running backup, on a server that will be killed."""

    backup: Backup
    reported: bool = False


def _take(arena: Arena, course: Course, server: ServerProcess, attempt: Try) -> None:
    """Takes a backup while a timer is running that kills the server."""

    def work(service: Service) -> None:
        arena.check(service)
        server.is_dead_within(arena.random.uniform(0, WORK_SECONDS))
        attempt.backup.acknowledged.update(arena.crew.acknowledged())
        # Backups that complete before their kill are mostly short, so the longest one is used.
        server.kill_after(_within(arena, max(course.backup_seconds)))
        course.backup_seconds.append(_back_up(service, NAME))
        attempt.reported = True

    arena.attempt(server, work)
    # Removes the port file, too: a server on a copy may get the same port.
    server.is_dead_within(2 * OVERTIME * max(course.backup_seconds))
    server.kill()


def _break_backup(arena: Arena, course: Course) -> None:
    server = arena.start()
    seconds = server.wait_until_serving()
    if seconds is None:
        arena.report([f"does not start: {server.said()}"])
        return
    arena.tally.restarts.append(seconds)
    path = _backups(arena) / NAME
    part = path.with_name(f"{NAME}.part")
    if part.exists():
        arena.report([f"{part}: what a kill left of a backup outlived the next start"])
    attempt = Try(Backup(path, {}))
    _take(arena, course, server, attempt)
    moment = "after a backup" if attempt.reported else "during a backup"
    arena.tally.kills[moment] += 1
    if path.exists() or attempt.reported:
        arena.tally.backups["reported" if attempt.reported else "whole and not reported"] += 1
        _expect_whole(arena, course, attempt.backup)
        _keep(course, attempt.backup)
    elif part.exists():
        arena.tally.backups[f"broken off: {_restore_part(course, part, attempt)}"] += 1
    else:
        arena.tally.backups["not begun"] += 1


def _keep(course: Course, backup: Backup) -> None:
    """Moves the backup away for later restores, which makes its name available."""
    kept = backup.path.with_name(f"kept-{time.monotonic_ns()}")
    backup.path.rename(kept)
    course.backup = Backup(kept, backup.acknowledged)


def _restore_part(course: Course, part: Path, attempt: Try) -> str:
    course.target.clear()
    backup = Backup(part, attempt.backup.acknowledged)
    return course.target.look(course.target.restore(part), backup)


def _break_restore(arena: Arena, course: Course) -> None:
    target, backup = course.target, course.backup
    target.clear()
    server = target.restore(backup.path)
    server.kill_after(_within(arena, statistics.median(course.restore_seconds)))
    served = server.wait_until_serving() is not None
    server.is_dead_within(2 * OVERTIME * max(course.restore_seconds))
    server.kill()
    arena.tally.kills["after a restore" if served else "during a restore"] += 1
    if not served and not server.was_killed:
        arena.report([f"restore of {backup.path}: {server.said()}"])
        return
    copy = target.copy()
    alone = copy.look(copy.start(), backup)
    again = target.look(target.restore(backup.path), backup)
    if alone == "empty" and again != "whole":
        arena.report([f"after a kill {target.data} is empty, and a restore into it: {again}"])
    if served and alone != "whole":
        arena.report([f"{target.data} was served and is {alone} after a kill"])
    if again != "whole":
        _expect_whole(arena, course, backup)
    arena.tally.backups[f"restore killed: by itself {alone}, again {again}"] += 1


def _turn_over(arena: Arena, service: Service) -> None:
    arena.check(service)
    arena.end_round(service)


def run(arena: Arena, kills: int) -> None:
    """Kills `kills` servers, in turn during backups and during restores."""
    for number in range(kills):
        if number % KILLS_A_ROUND == 0:
            course = _begin(arena)
        if arena.tally.violations:
            return
        (_break_restore if number % 2 else _break_backup)(arena, course)
        if number % KILLS_A_ROUND == KILLS_A_ROUND - 1 or number == kills - 1:
            arena.calmly(lambda service: _turn_over(arena, service))
        arena.step()
    arena.tally.shortfalls += shortfalls(arena.tally.kills, kills)


def shortfalls(by_moment: dict[str, int], kills: int) -> list[str]:
    """The tests of this mode that did not happen. With few kills all of them can be late."""
    if kills < FEWEST_TO_MEET:
        return []
    moments = ("during a backup", "during a restore")
    return [f"no kill came {moment}" for moment in moments if not by_moment.get(moment)]
