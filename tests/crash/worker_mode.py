"""Kills workers, lets two workers send the same share, and stalls a worker."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from . import logs
from .arena import Arena
from .process import WorkerProcess
from .report import Tally
from .service import Service

KILLS_A_ROUND = 20
STALL_KILLS = 4
# The longest wait of a worker that continues after a stall; and the number of attempts of a run
# that kills too few workers to stall one.
PATIENCE_SECONDS = 5.0
LOOK_SECONDS = 0.01
EXTRA_STALLS = 3
SUCCESSOR_PAUSE = 0.003


@dataclass
class Stalled:
    """A stopped worker, the worker that took over its share, and the time to continue."""

    worker: WorkerProcess
    successor: WorkerProcess
    until: int


def _kill_some(arena: Arena, service: Service, kills: int) -> None:
    """Kills workers of a crew in which two workers send the first share."""
    crew, rng = arena.crew, arena.random
    crew.hire_all()
    crew.hire("twin-0", 0)
    stalled: Stalled | None = None
    for kill in range(kills):
        if stalled and kill == stalled.until:
            _come_back(arena, stalled)
            stalled = None
        if kill % (2 * STALL_KILLS) == 1 and stalled is None:
            stalled = _stall(arena, f"successor-{kill}", kill + STALL_KILLS)
        awake = [worker for worker in crew.workers if not stalled or worker != stalled.worker]
        victim = rng.choice(awake)
        time.sleep(rng.uniform(0.02, 0.2))
        victim.kill()
        victim.restart()
        arena.tally.kills["of a worker"] += 1
        arena.step()
        if kill % 4 == 3:
            arena.check(service)
    if stalled:
        _come_back(arena, stalled)
    for extra in range(EXTRA_STALLS):
        if arena.tally.comebacks == 0:
            _come_back(arena, _stall(arena, f"extra-{extra}", kills))


def _stall(arena: Arena, successor: str, until: int) -> Stalled:
    """Stops a worker while it is working. Another worker takes over its share."""
    crew = arena.crew
    worker = arena.random.choice(crew.workers[: crew.round.shares])
    worker.stall()
    # The pause is short, so that the successor overtakes the stalled worker.
    hired = crew.hire(successor, worker.assignment.share, pause=SUCCESSOR_PAUSE)
    return Stalled(worker, hired, until)


def _come_back(arena: Arena, stalled: Stalled) -> None:
    """Continues the worker after its successor has sent records that the worker has not, and waits
    until the worker gets a duplicate acknowledged."""
    sent = set(logs.observations(stalled.worker.assignment.sent_log))
    went_past = _comes_true(
        lambda: not sent.issuperset(logs.observations(stalled.successor.assignment.ack_log))
    )
    before = logs.read(stalled.worker.assignment.ack_log).nbytes
    stalled.worker.go_on()
    if not went_past:
        return
    arena.tally.takeovers += 1
    if _comes_true(lambda: logs.duplicates(stalled.worker.assignment.ack_log, before) > 0):
        arena.tally.comebacks += 1


def _comes_true(condition: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not (true := condition()) and time.monotonic() < deadline:
        time.sleep(LOOK_SECONDS)
    return true


def _round(arena: Arena, service: Service, kills: int) -> None:
    arena.begin_round(service, hire=False)
    _kill_some(arena, service, kills)
    if not arena.tally.violations:
        arena.end_round(service)


def run(arena: Arena, kills: int) -> None:
    """Kills `kills` workers, with one server for each round."""
    while kills > 0 and not arena.tally.violations:
        some = min(kills, KILLS_A_ROUND)
        kills -= some
        arena.calmly(lambda service, some=some: _round(arena, service, some))
    if arena.crew:
        arena.crew.end()
    arena.tally.shortfalls += shortfalls(arena.tally)


def shortfalls(tally: Tally) -> list[str]:
    """The tests of this mode that did not happen."""
    found = []
    if tally.comebacks == 0:
        found.append("no stalled worker came back after another took its share over")
    if tally.duplicates == 0:
        found.append("no duplicate was acknowledged")
    return found
