"""Processes: servers that can be killed, and workers that continue after a kill."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

from . import worker
from .wire import TOP

BUILD = Path(os.environ.get("CALIPERS_BUILD", TOP / "build" / "release"))
SERVER = BUILD / "tests" / "crash" / "crash_server"
UNCHECKED_SERVER = SERVER.with_name("crash_server_without_log_check")
# The released server, without fault injection.
PLAIN_SERVER = BUILD / "server" / "calipers-server"
START_SECONDS = 30
STOP_SECONDS = 120
DRAIN_SECONDS = 45


class HarnessError(Exception):
    """The harness itself failed. This says nothing about durability."""


@dataclass
class ServerProcess:
    """A server process on a data directory."""

    process: subprocess.Popen
    port_file: Path
    log: Path
    started: float = field(default_factory=time.monotonic)

    def wait_until_serving(self) -> float | None:
        """Waits until the server serves. Returns the seconds; None if the server ended before."""
        while True:
            if self.port_file.exists() and self.port_file.read_text().endswith("\n"):
                return time.monotonic() - self.started
            if self.process.poll() is not None:
                return None
            if time.monotonic() - self.started > START_SECONDS:
                self.kill()
                raise HarnessError(f"the server did not start in {START_SECONDS} s")
            time.sleep(0.001)

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port_file.read_text().strip()}"

    def is_dead_within(self, seconds: float) -> bool:
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        return True

    def kill(self) -> None:
        """Kills with SIGKILL. Removes the port file first, so that no client connects."""
        self.port_file.unlink(missing_ok=True)
        self.process.kill()
        self.process.wait(STOP_SECONDS)

    def kill_after(self, seconds: float) -> threading.Timer:
        timer = threading.Timer(seconds, self.process.kill)
        timer.daemon = True
        timer.start()
        return timer

    def stop(self) -> int:
        """Stops the server with SIGTERM, and returns its exit status."""
        self.port_file.unlink(missing_ok=True)
        self.process.terminate()
        try:
            return self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
            raise HarnessError(f"the server did not stop in {STOP_SECONDS} s") from None

    @property
    def was_killed(self) -> bool:
        return self.process.poll() == -signal.SIGKILL

    def said(self) -> str:
        """The last line of the server's log."""
        lines = self.log.read_text(errors="replace").splitlines()
        return lines[-1] if lines else ""


def start_server(
    folder: Path, *flags: str, data: str = "data", program: Path = SERVER
) -> ServerProcess:
    """Starts a server with its data and files in `folder`."""
    port_file, log = folder / "port", folder / "server.log"
    port_file.unlink(missing_ok=True)
    command = [str(program), "--data-dir", str(folder / data), "--port-file", str(port_file), *flags]
    with log.open("w") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output)
    return ServerProcess(process, port_file, log)


# Forked from a process that has imported gRPC and never used it, so that a worker starts in
# milliseconds.
_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload([worker.__name__])


class WorkerProcess:
    """A worker process and its logs, from which a new process can continue."""

    def __init__(self, assignment: worker.Assignment) -> None:
        self.assignment = assignment
        self._start()

    def _start(self) -> None:
        self._pipe, theirs = _context.Pipe()
        self._process = _context.Process(
            target=worker.main, args=(self.assignment, theirs), daemon=True
        )
        self._process.start()
        theirs.close()

    def kill(self) -> None:
        """With SIGKILL."""
        self._process.kill()
        self._process.join(STOP_SECONDS)
        self._pipe.close()

    def restart(self) -> None:
        """Starts a new process after a kill, which continues from the logs."""
        self._start()

    def stall(self) -> None:
        os.kill(self._process.pid, signal.SIGSTOP)

    def go_on(self) -> None:
        os.kill(self._process.pid, signal.SIGCONT)

    def send_more(self) -> None:
        """Lets the worker send again after a drain."""
        self._pipe.send("go on")

    def ask_to_drain(self) -> None:
        self._pipe.send("drain")

    def wait_until_drained(self, seconds: float = DRAIN_SECONDS) -> bool:
        """Returns False if the worker did not finish in time."""
        if not self._pipe.poll(seconds):
            return False
        try:
            return self._pipe.recv() == "drained"
        except EOFError as error:
            raise HarnessError(f"worker {self.assignment.name} ended by itself") from error
