"""Servers of the benchmark, as separate processes on loopback."""

from __future__ import annotations

import contextlib
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

START_SECONDS = 30


@dataclass
class Programs:
    """Paths of the build's programs."""

    build: Path

    @property
    def server(self) -> Path:
        return self.build / "server" / "calipers-server"

    def bench(self, name: str) -> Path:
        return self.build / "tests" / "bench" / name


@contextlib.contextmanager
def serving(*command: str | Path) -> Iterator[str]:
    """Runs a server that supports --port-file. Yields its HOST:PORT."""
    with tempfile.TemporaryDirectory() as folder:
        port_file = Path(folder) / "port"
        process = subprocess.Popen([*command, "--port-file", port_file])
        try:
            deadline = time.monotonic() + START_SECONDS
            while not (port_file.exists() and port_file.read_text().endswith("\n")):
                if process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError(f"{command[0]} did not start")
                time.sleep(0.01)
            yield f"127.0.0.1:{port_file.read_text().strip()}"
        finally:
            process.terminate()
            process.wait(START_SECONDS)


def calipers_server(programs: Programs) -> contextlib.AbstractContextManager[str]:
    """A calipers-server on a free port."""
    flags = ("--listen", "127.0.0.1:0", "--log-level", "error", "--store", "memory")
    return serving(programs.server, *flags)
