"""Injects disk faults, and checks the server's errors and the stored data."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

import grpc

from .arena import Arena
from .process import ServerProcess
from .service import RefusedError, ServerDiedError, Service

LIVES_A_ROUND = 15
WORK_SECONDS = 0.1
# If a fault does not fire, another server process is started. This factor and a constant limit
# the number of server processes.
LIVES_A_FAULT = 3
SPARE_LIVES = 10
# Number of checks whether the fault fired. From the second number on the mode takes backups, which
# write tables and start logs, so that the fault fires.
LOOKS = 20
LOOK_SECONDS = 0.02
LOOKS_WITHOUT_BACKUP = 2
# Operations, and the largest number of the failing operation.
OPERATIONS = {
    "wal-append": 30,
    "wal-sync": 30,
    "wal-create": 2,
    "manifest-create": 1,
    "manifest-append": 4,
    "manifest-sync": 4,
    "current-rename": 1,
    "table-create": 2,
    "table-append": 4,
    "table-sync": 3,
    "table-read": 20,
    "wal-read": 3,
    "manifest-read": 2,
    "directory-sync": 4,
    "any-append": 40,
    "any-create": 6,
}
ERRORS = ("EIO", "ENOSPC", "short")


@dataclass(frozen=True)
class Fault:
    """A fault that a server injects."""

    operation: str
    error: str
    first: int
    # 0: all later operations fail.
    count: int

    @property
    def name(self) -> str:
        lasting = "once" if self.count == 1 else "for a while" if self.count else "for good"
        return f"{self.operation} {self.error} {lasting}"

    @property
    def flags(self) -> tuple[str, ...]:
        return ("--fail", f"{self.operation}:{self.error}:{self.first}:{self.count}")


class Fired:
    """The injected faults that fired. The server writes them to a file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        path.unlink(missing_ok=True)

    @property
    def flags(self) -> tuple[str, ...]:
        return ("--fired", str(self._path))

    def __bool__(self) -> bool:
        return self._path.exists() and self._path.stat().st_size > 0


def _fault(arena: Arena) -> Fault:
    rng = arena.random
    operation = rng.choice(list(OPERATIONS))
    errors = ERRORS if operation.endswith("-append") else ERRORS[:2]
    if operation.endswith("-read"):
        errors = ERRORS[:1]
    first = rng.randint(1, OPERATIONS[operation])
    return Fault(operation, rng.choice(errors), first, rng.choice([1, 3, 0]))


def _work(arena: Arena, server: ServerProcess, fired: Fired) -> str:
    """Sends various requests to a server with a fault. Returns the refusal, or ""."""
    try:
        with Service(server) as service:
            arena.side_run.use(service)
            arena.side_run.change()
            arena.check(service)
            _await_fault(server, service, fired)
            server.is_dead_within(WORK_SECONDS)
            arena.check(service)
    except RefusedError as refused:
        if refused.code == grpc.StatusCode.NOT_FOUND:
            arena.report([f"something was not found on a disk with a fault: {refused}"])
        server.is_dead_within(WORK_SECONDS)
        return str(refused)
    except ServerDiedError:
        pass
    return ""


def _await_fault(server: ServerProcess, service: Service, fired: Fired) -> None:
    for look in range(LOOKS):
        if fired or server.is_dead_within(LOOK_SECONDS):
            return
        if look >= LOOKS_WITHOUT_BACKUP:
            service.back_up(f"look-{look}")


def _end(arena: Arena, server: ServerProcess, fault: Fault) -> None:
    """Stops or kills the server. The end by any other signal is a violation."""
    if server.process.poll() is not None:
        if server.process.poll() != 1:
            arena.report([f"{fault.name}: ended with {server.process.poll()}: {server.said()}"])
    elif arena.random.random() < 0.4:
        status = server.stop()
        if status not in (0, 1):
            arena.report([f"{fault.name}: stopped with {status}: {server.said()}"])
    else:
        server.kill()
        arena.tally.kills["after a fault of the disk"] += 1
    if arena.random.random() < 0.5:
        arena.cut_power()
        arena.tally.power_cuts += 1


def _suffer(arena: Arena) -> bool:
    """Runs a server on a disk with one fault. Returns False if the fault did not fire."""
    fault, fired = _fault(arena), Fired(arena.folder / "fired")
    server = arena.start(*fault.flags, *fired.flags)
    before = arena.crew.book.rejections()
    if server.wait_until_serving() is None:
        outcome, said = "did not start", server.said()
        if not said:
            arena.report([f"{fault.name}: did not start and did not say why"])
    else:
        said = _work(arena, server, fired)
        told = arena.crew.book.rejections() - before
        outcome = "refused" if told or said else "served on"
        said = next(iter(told), said)
    _end(arena, server, fault)
    shutil.rmtree(arena.folder / "data" / "backups", ignore_errors=True)
    # Read after the end, so that faults of the last moments count, too.
    if not fired:
        arena.tally.unfired[f"{fault.operation} {fault.error}"] += 1
        if said:
            arena.report([f"{fault.name}: was not met, and yet the server said: {said}"])
        return False
    name = f"{fault.operation} {fault.error}: {outcome}"
    arena.tally.faults[name] += 1
    if said:
        arena.tally.said.setdefault(name, said)
    return True


def run(arena: Arena, faults: int) -> None:
    """Runs servers until `faults` faults fired, each in a separate server process. After each
    fault a server on a healthy disk is checked."""
    arena.calmly(arena.begin_round)
    met = 0
    for life in range(1, LIVES_A_FAULT * faults + SPARE_LIVES + 1):
        if _suffer(arena):
            met += 1
            arena.step()
        if life % LIVES_A_ROUND == 0 or met == faults:
            arena.calmly(lambda service: _turn_over(arena, service, last=met == faults))
        elif not arena.tally.violations:
            arena.calmly(arena.check)
        if arena.tally.violations or met == faults:
            return
    arena.tally.shortfalls.append(f"{met} faults were met of {faults}")


def _turn_over(arena: Arena, service: Service, last: bool) -> None:
    arena.side_run.change()
    arena.check(service)
    arena.end_round(service)
    if not last and not arena.tally.violations:
        arena.begin_round(service)
