"""A calipers-server for this run."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

START_SECONDS = 30
STOP_SECONDS = 30


@contextmanager
def running(binary: Path, folder: Path) -> Iterator[str]:
    """Runs a server on a free loopback port, and yields its address."""
    folder.mkdir(parents=True, exist_ok=True)
    port_file, log = folder / "port", folder / "server.log"
    port_file.unlink(missing_ok=True)
    command = [str(binary), "--listen", "127.0.0.1:0", "--port-file", str(port_file)]
    command += ["--store", "memory"]
    with log.open("w") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output)
    try:
        deadline = time.monotonic() + START_SECONDS
        while not (port_file.exists() and port_file.read_text().endswith("\n")):
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"the server did not start: {log.read_text()}")
            time.sleep(0.01)
        yield f"127.0.0.1:{port_file.read_text().strip()}"
    finally:
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(STOP_SECONDS)
