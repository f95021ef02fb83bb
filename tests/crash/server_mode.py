"""Kills the server: at random moments, at named points, with and without a power cut, and with
--durability os, under which a kill without a power cut must lose nothing."""

from __future__ import annotations

from dataclasses import dataclass

from .arena import Arena
from .process import ServerProcess
from .service import Service

KILLS_A_ROUND = 20
POINT_SECONDS = 0.8
# Kill points, and the largest number of the pass at which the server is killed.
POINTS = {
    "open": 1,
    "restore": 1,
    "put": 30,
    "wal-append": 40,
    "wal-sync": 40,
    "wal-create": 2,
    "wal-delete": 1,
    "manifest-append": 4,
    "manifest-sync": 4,
    "manifest-create": 1,
    "current-rename": 1,
    "table-create": 2,
    "table-append": 3,
    "table-sync": 2,
    "directory-sync": 4,
    "checkpoint": 3,
    "create": 1,
    "reset": 1,
    "delete-session": 1,
    "delete-run": 1,
    "seal": 1,
}
CHANGES = ("create", "reset", "delete-session", "delete-run", "seal")


@dataclass(frozen=True)
class Setting:
    """The settings of a round of kills."""

    durability: str
    # Share of kills with a power cut, which removes unsynced data.
    power_cuts: float


# Rounds use these settings in turn.
SETTINGS = (Setting("sync", 0.5), Setting("os", 0), Setting("sync", 0.5))


@dataclass(frozen=True)
class Plan:
    """The planned end of a server process."""

    name: str
    point: str = ""
    # Seconds from the start to the kill, if it is killed by a timer before the first request.
    early: float | None = None
    # Seconds of work before it is killed by a timer.
    late: float = 0.0
    wanted: str | None = None

    @property
    def flags(self) -> tuple[str, ...]:
        return ("--kill-at", self.point) if self.point else ()


def _plan(arena: Arena) -> Plan:
    rng = arena.random
    style = rng.random()
    if style < 0.1:
        return Plan("at random, during the start", early=rng.uniform(0, 0.05))
    if style < 0.25:
        return Plan("at random, at once", early=rng.uniform(0.03, 0.25))
    if style < 0.4:
        return Plan("at random, in mid-work", late=rng.uniform(0, 0.3))
    name = rng.choice(list(POINTS))
    point = f"{rng.choice(['before', 'after'])}-{name}"
    wanted = name if name in CHANGES else None
    return Plan(point, f"{point}:{rng.randint(1, POINTS[name])}", wanted=wanted)


def _work(arena: Arena, server: ServerProcess, plan: Plan, service: Service) -> None:
    if plan.wanted:
        for _ in range(6):
            arena.side_run.change(plan.wanted)
    arena.check(service)
    arena.side_run.change()
    if not server.is_dead_within(POINT_SECONDS if plan.point else plan.late):
        arena.archive.delete_oldest(service)


def _live(arena: Arena, plan: Plan) -> None:
    """Runs one server process from start to kill."""
    server = arena.start(*plan.flags)
    timer = server.kill_after(plan.early) if plan.early is not None else None
    seconds = server.wait_until_serving()
    if seconds is not None:
        arena.tally.restarts.append(seconds)
        arena.attempt(server, lambda service: _work(arena, server, plan, service))
    if timer:
        timer.join()
    name = plan.name
    if server.process.poll() is None:
        name = "at random, for a point not met" if plan.point else name
        server.kill()
    elif not server.was_killed:
        status = server.process.poll()
        arena.report([f"{plan.name}: ended by itself with {status}: {server.said()}"])
    arena.tally.kills[name] += 1
    arena.tally.kills_at_os += arena.durability == "os"


def run(arena: Arena, kills: int, settings: tuple[Setting, ...] = SETTINGS) -> None:
    """Kills `kills` servers. A round ends with a clean stop, which syncs everything, so that a
    power cut in the next round cannot remove its data."""
    arena.durability = settings[0].durability
    arena.calmly(arena.begin_round)
    for number in range(1, kills + 1):
        setting = settings[(number - 1) // KILLS_A_ROUND % len(settings)]
        arena.durability = setting.durability
        _live(arena, _plan(arena))
        if arena.random.random() < setting.power_cuts:
            arena.cut_power()
            arena.tally.power_cuts += 1
        if number % KILLS_A_ROUND == 0 or number == kills:
            arena.calmly(lambda service: _turn_over(arena, service, last=number == kills))
        arena.step()
        if arena.tally.violations:
            break


def _turn_over(arena: Arena, service: Service, last: bool) -> None:
    arena.check(service)
    arena.end_round(service)
    if not last and not arena.tally.violations:
        arena.begin_round(service)
