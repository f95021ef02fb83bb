"""Two versions of llm-compressor, each in a separate process and environment."""

from __future__ import annotations

import os
import socket
import subprocess
from multiprocessing.connection import Connection
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from cases import Case
from formats import Answers, Pair

WORKER = Path(__file__).with_name("reference_worker.py")
START_SECONDS = 300
ANSWER_SECONDS = 120
STOP_SECONDS = 10


class WorkerError(Exception):
    """The reference refused a job, or its process ended."""


def series_job(
    dtype: str,
    tensors: list[tuple[tuple[int, ...], bytes]],
    checkpoints: tuple[int, ...],
    *,
    base_name: str = "input",
    strategy: str = "tensor",
    observer: str = "minmax",
    averaging_constant: float | None = None,
    group_size: int | None = None,
    block_structure: tuple[int, int] | None = None,
) -> dict:
    """The job for a series, in the worker's format."""
    return locals()


def case_job(case: Case) -> dict:
    return series_job(
        case.dtype,
        [(tensor.shape, tensor.tobytes()) for tensor in case.tensors],
        case.checkpoints,
        base_name=case.base_name,
        strategy=case.strategy,
        observer=case.observer,
        averaging_constant=case.averaging_constant,
        group_size=case.group_size,
        block_structure=case.block_structure,
    )


class Worker:
    """A process in a reference's environment that runs one job at a time. A context manager."""

    def __init__(self, environment: Path, log: Path, script: Path) -> None:
        ours, theirs = socket.socketpair()
        self.log = log
        with log.open("w") as output, theirs:
            self._process = subprocess.Popen(
                [environment / "bin" / "python", script, str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                stdout=output,
                stderr=output,
                env={**os.environ, "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"},
            )
        self._connection = Connection(ours.detach())
        self.versions: dict[str, str] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._connection.close()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(STOP_SECONDS)

    def wait_until_ready(self) -> None:
        """Waits until the process has imported its packages, which takes seconds. Start all workers
        before waiting for the first."""
        self.versions = self._receive(START_SECONDS)

    def start(self, job: dict) -> None:
        self._connection.send(job)

    def answer(self) -> Any:
        """The result of the started job."""
        kind, content = self._receive(ANSWER_SECONDS)
        if kind == "error":
            raise WorkerError(content)
        return content

    def _receive(self, seconds: float):
        try:
            if not self._connection.poll(seconds):
                raise WorkerError(f"no answer within {seconds} s; see {self.log}")
            return self._connection.recv()
        except (EOFError, ConnectionError) as error:
            raise WorkerError(f"the worker ended; see {self.log}") from error


class Reference(Worker):
    """llm-compressor's observers; `run` folds one series at a time."""

    def __init__(self, environment: Path, log: Path) -> None:
        super().__init__(environment, log, WORKER)

    def finish(self) -> list[Answers]:
        return [
            found and {name: Pair.from_bytes(*parts) for name, parts in found.items()}
            for found in self.answer()
        ]

    def run(self, job: dict) -> list[Answers]:
        """The answers, by name, at each checkpoint."""
        self.start(job)
        return self.finish()
