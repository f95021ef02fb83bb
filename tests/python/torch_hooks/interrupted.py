"""A process with a calibration that the test interrupts: ADDRESS RUN WHERE [RENDEZVOUS].

Prints "ready" when it reaches WHERE: while the model is "running", or before it waits for the
"records" of another rank. With "counts" it waits for another rank of a process group at RENDEZVOUS,
and that rank prints "ready". Then prints the state of the model."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, distributed, nn

import calipers
import calipers.torch
from models import hooks_of

BATCHES = 5
OPTIONS: dict[str, dict[str, Any]] = {
    "running": {},
    "records": {"rank": 0, "world_size": 2, "total": 9},
    "counts": {},
}


def batches(where: str) -> Iterator[Tensor]:
    for number in range(1 << 30 if where == "running" else BATCHES):
        if where == "running" and number == BATCHES:
            print("ready", flush=True)
        yield torch.full((1, 4), float(number))


def main(address: str, run: str, where: str, rendezvous: str = "") -> None:
    # A background job can be started with SIGINT ignored.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if rendezvous:
        distributed.init_process_group(
            "gloo", init_method=f"file://{rendezvous}", rank=0, world_size=2
        )
    model = nn.Sequential(nn.Linear(4, 4), nn.Dropout()).train()

    def progress(totals: calipers.Totals) -> None:
        # When all observations are acknowledged, the model has run.
        if where == "records" and totals.acknowledged == BATCHES:
            print("ready", flush=True)

    with calipers.connect(address, run=run) as client:
        try:
            calipers.torch.calibrate(
                model,
                batches(where),
                client,
                scheme="FP8",
                observe="input",
                progress=progress,
                **OPTIONS[where],
            )
        except KeyboardInterrupt:
            training = all(module.training for module in model.modules())
            print(hooks_of(model), training, torch.is_grad_enabled(), flush=True)
            raise


if __name__ == "__main__":
    main(*sys.argv[1:])
