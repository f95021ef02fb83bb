"""Servers on a restored backup, and the check of their data."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from .arena import Arena
from .crew import Acknowledged
from .process import PLAIN_SERVER, ServerProcess, start_server
from .service import RefusedError, ServerDiedError, Service

FLAGS = ("--listen", "127.0.0.1:0", "--log-level", "warning")


@dataclass(frozen=True)
class Backup:
    """A backup's directory, and the records that were acknowledged before its request."""

    path: Path
    acknowledged: Acknowledged


class Target:
    """A second data directory, into which backups are restored, and servers on it."""

    def __init__(self, arena: Arena, name: str = "restored") -> None:
        self._arena = arena
        self.folder = arena.folder / name

    @property
    def data(self) -> Path:
        return self.folder / "data"

    def clear(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir()

    def restore(self, path: Path) -> ServerProcess:
        """Starts a server that restores a backup."""
        return self.start("--restore-from", str(path))

    def start(self, *flags: str) -> ServerProcess:
        return start_server(self.folder, *FLAGS, *flags, program=PLAIN_SERVER)

    def copy(self) -> Target:
        """Copies the directory, for a server that can change it."""
        other = Target(self._arena, f"{self.folder.name}-copy")
        shutil.rmtree(other.folder, ignore_errors=True)
        shutil.copytree(self.folder, other.folder)
        return other

    def look(self, server: ServerProcess, backup: Backup) -> str:
        """Checks a started server and kills it. Returns `whole`, `empty`, or `refused` with a
        message that names a directory; any other outcome is a violation."""
        try:
            if server.wait_until_serving() is not None:
                return self._look_inside(server, backup)
        finally:
            if server.process.poll() is None:
                server.kill()
        status, said = server.process.poll(), server.said()
        if status == 1 and str(self._arena.folder) in said:
            self._arena.tally.said.setdefault("refused", said)
            return "refused"
        self._arena.report([f"restored from {backup.path}: ended with {status}: {said}"])
        return "DIED"

    def _look_inside(self, server: ServerProcess, backup: Backup) -> str:
        arena = self._arena
        try:
            with Service(server) as service:
                if not service.names():
                    return "empty"
                wrong = arena.crew.look_at_copy(service, backup.acknowledged)
                wrong += arena.archive.check(service)
        except (RefusedError, ServerDiedError) as error:
            wrong = [f"{type(error).__name__} {error}"]
        arena.report([f"restored from {backup.path}: {line}" for line in wrong])
        return "WRONG" if wrong else "whole"
