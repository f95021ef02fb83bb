"""calipers-server as a separate process, for tests."""

from __future__ import annotations

import os
import random
import signal
import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("CALIPERS_BUILD", TOP / "build" / "release"))
START_SECONDS = 30
STOP_SECONDS = 30


@dataclass
class ServerProcess:
    """A calipers-server on loopback."""

    process: subprocess.Popen[bytes]
    address: str
    log: Path

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Sends the signal and returns the exit status."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.process.wait(STOP_SECONDS)


def start_server(
    folder: Path, *flags: str, listen: str = "127.0.0.1:0", launcher: tuple[str, ...] = ()
) -> ServerProcess:
    """Starts a server with its files in `folder`, and waits until it serves. `launcher` is
    a command that gets the server's command line as arguments and replaces itself with the
    server."""
    port_file = folder / "port"
    port_file.unlink(missing_ok=True)
    log = folder / "server.log"
    with log.open("w") as stderr:
        process = subprocess.Popen(
            [
                *launcher,
                BUILD / "server" / "calipers-server",
                *("--listen", listen, "--port-file", port_file),
                *("--data-dir", folder / "data"),
                *flags,
            ],
            stderr=stderr,
        )
    deadline = time.monotonic() + START_SECONDS
    while not (port_file.exists() and port_file.read_text().endswith("\n")):
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < deadline, "the server did not start in time"
        time.sleep(0.01)
    return ServerProcess(process, f"127.0.0.1:{port_file.read_text().strip()}", log)


def fixed_address() -> str:
    """An address with a port that the kernel assigns to no connection, so that it stays free while
    no server listens on it."""
    while True:
        port = random.randrange(20_000, 30_000)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return f"127.0.0.1:{port}"
