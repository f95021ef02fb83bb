"""A data directory, the servers that use it one after another, and the workers."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Self

from .archive import Archive
from .crew import Crew
from .process import SERVER, ServerProcess, start_server
from .report import Tally
from .service import RefusedError, ServerDiedError, Service
from .side_runs import SideRun


class Arena:
    """The state that all modes share. A context manager, which stops all servers and workers."""

    def __init__(self, folder: Path, seed: int, step: Callable[[], None], *flags: str) -> None:
        """`step` is called after each kill, fault or flip. `flags` are flags of every server.
        Servers run with --durability sync until `durability` is changed."""
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        self.folder = folder
        self.random = random.Random(f"{seed} {folder.name}")
        self.tally = Tally()
        self.step = step
        self.durability = "sync"
        self.program = SERVER
        self._flags = flags
        self._seed = seed
        self._rounds = 0
        self._cut_power = False
        self.archive = Archive(self.tally)
        self.side_run = SideRun("runs/side", self.random, self.tally)
        self.crew: Crew | None = None
        self._server: ServerProcess | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._server and self._server.process.poll() is None:
            self._server.kill()
        if self.crew:
            self.crew.end()

    @property
    def rounds(self) -> int:
        """Number of rounds that were started."""
        return self._rounds

    @property
    def journal(self) -> Path:
        return self.folder / "journal"

    def start(self, *flags: str) -> ServerProcess:
        """Starts a server on the directory. After `cut_power` unsynced data are gone first."""
        flags = (*self._flags, "--durability", self.durability, *flags)
        flags += ("--journal", str(self.journal))
        if self._cut_power and self.journal.exists():
            flags += ("--cut-power", str(self.random.getrandbits(32)))
        self._cut_power = False
        return self.start_plain("data", *flags)

    def start_plain(self, data: str, *flags: str) -> ServerProcess:
        """Starts a server on the directory with this name, with only these flags."""
        self._server = start_server(self.folder, *flags, data=data, program=self.program)
        return self._server

    def cut_power(self) -> None:
        """Simulates a power cut: unsynced data are removed before the next start."""
        self._cut_power = True

    def begin_round(self, service: Service, hire: bool = True) -> None:
        """Ends the previous round, and creates new sessions and workers."""
        if self.crew:
            self.crew.end()
        run = f"runs/round-{self._rounds}"
        self._rounds += 1
        self.crew = Crew(
            self.folder / "workers", run, self._seed, self.folder / "port", self.tally
        )
        self.crew.create_sessions(service)
        if hire:
            self.crew.hire_all()

    def end_round(self, service: Service) -> None:
        """Lets the workers finish, checks all sessions, seals the run and archives it."""
        self.report(self.crew.drain())
        if self.tally.violations:
            return
        self.report(self.crew.fill_gaps(service))
        self.report(self.crew.look_closely(service))
        self.report(self._rejections_on_a_healthy_disk())
        self.archive.add(self.crew.round.run, self.crew.seal(service))
        self.archive.delete_oldest(service)
        self.crew.end()

    def _rejections_on_a_healthy_disk(self) -> list[str]:
        if self.tally.faults:
            return []
        return [f"rejected {n} times: {said}" for said, n in self.crew.book.rejections().items()]

    def check(self, service: Service) -> None:
        """Checks a few sessions while workers continue."""
        self.report(self.crew.glance(service, self.random))
        self.report(self.side_run.check())
        self.report(self.archive.check(service))

    def report(self, violations: list[str]) -> None:
        self.tally.violations += violations

    def attempt(self, server: ServerProcess, work: Callable[[Service], None]) -> bool:
        """Runs an action. Returns False if the server dies during it. A refusal is a violation."""
        try:
            with Service(server) as service:
                self.side_run.use(service)
                work(service)
        except ServerDiedError:
            return False
        except RefusedError as refused:
            self.report([f"refused: {refused}"])
        return True

    def calmly(self, work: Callable[[Service], None]) -> None:
        """Runs an action on a server that is not killed, and stops the server with SIGTERM."""
        server = self.start()
        seconds = server.wait_until_serving()
        if seconds is None:
            self.report([f"does not start: {server.said()}"])
            return
        self.tally.restarts.append(seconds)
        if not self.attempt(server, work):
            self.report([f"ended by itself with {server.process.poll()}: {server.said()}"])
            return
        status = server.stop()
        if status != 0:
            self.report([f"stopped with status {status}: {server.said()}"])
