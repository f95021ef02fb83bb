"""Kills a calibration and resumes it.

    calipers-server &
    python resume.py

Starts itself twice: first as a worker that SIGKILL ends after 20 batches, then as a worker that
resumes the calibration.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
from collections.abc import Iterator

from torch import Tensor, nn

import calipers
import calipers.torch
from fingerprint import fingerprint
from minilm import load_batches, load_model
from static_int8 import SCHEME

LAST = 20


def batches(client: calipers.Client, dies: bool) -> Iterator[Tensor]:
    """All batches; a worker that dies gets the first LAST batches."""
    for number, batch in enumerate(load_batches()):
        if dies and number == LAST:
            client.flush()  # Makes the number of stored batches reproducible.
            os.kill(os.getpid(), signal.SIGKILL)
        yield batch


def work(run: str, dies: bool) -> None:
    """Runs one worker."""
    ran = 0

    def forward(model: nn.Module, batch: Tensor) -> None:
        nonlocal ran
        ran += 1
        model(batch)

    with calipers.connect(run=run) as client:
        qparams = calipers.torch.calibrate(
            load_model(),
            batches(client, dies),
            client,
            scheme=SCHEME,
            resume=not dies,
            forward=forward,
        )
    print(f"ran {ran} of {qparams.total} batches")
    print(f"fingerprint {fingerprint(qparams)}")


def main() -> None:
    """Starts both workers."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--run", default="resume", help="name of the run")
    parser.add_argument("--worker", choices=["dies", "resumes"], help="run as this worker")
    options = parser.parse_args()
    if options.worker:
        work(options.run, dies=options.worker == "dies")
        return
    worker = [sys.executable, __file__, "--run", options.run, "--worker"]
    died = subprocess.run([*worker, "dies"], check=False)
    print(f"the first worker ended by signal {-died.returncode}", flush=True)
    subprocess.run([*worker, "resumes"], check=True)


if __name__ == "__main__":
    main()
