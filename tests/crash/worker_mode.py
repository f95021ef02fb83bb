"""Kills of workers; two that send the same; one that stalls and comes back."""

from __future__ import annotations

import time
from dataclasses import dataclass

from .arena import Arena
from .process import WorkerProcess
from .service import Service

KILLS_A_ROUND = 20
STALL_KILLS = 4


@dataclass
class Stalled:
    """A worker that was stopped, and when it is to go on."""

    worker: WorkerProcess
    until: int


def _kill_some(arena: Arena, service: Service, kills: int) -> None:
    """Kills among a crew in which the first share is sent twice from the start."""
    crew, rng = arena.crew, arena.random
    crew.hire_all()
    crew.hire("twin-0", 0)
    stalled: Stalled | None = None
    for kill in range(kills):
        if stalled and kill == stalled.until:
            stalled.worker.go_on()
            stalled = None
        if kill % (2 * STALL_KILLS) == 1 and stalled is None:
            stalled = _stall(arena, kill)
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
        stalled.worker.go_on()


def _stall(arena: Arena, kill: int) -> Stalled:
    """Stops a worker in the midst of its work; another takes its share over."""
    crew = arena.crew
    worker = arena.random.choice(crew.workers[: crew.round.shares])
    worker.stall()
    crew.hire(f"successor-{kill}", worker.assignment.share)
    arena.tally.takeovers += 1
    return Stalled(worker, kill + STALL_KILLS)


def _round(arena: Arena, service: Service, kills: int) -> None:
    arena.begin_round(service, hire=False)
    _kill_some(arena, service, kills)
    if not arena.tally.violations:
        arena.end_round(service)


def run(arena: Arena, kills: int) -> None:
    """So many kills of workers, on one server a round."""
    while kills > 0 and not arena.tally.violations:
        some = min(kills, KILLS_A_ROUND)
        kills -= some
        arena.calmly(lambda service, some=some: _round(arena, service, some))
