"""One rank of a calibration, as a process: ADDRESS RUN OUT [OPTION=VALUE]...

RANK and WORLD_SIZE say which. Prints how many batches the model ran on; OUT gets the
parameters."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator

import torch
from torch import Tensor, distributed, nn

import calipers
import calipers.torch
from models import make_batches, make_model

TOTAL = 18
OPTIONS = {
    "scheme": {
        "weights": {"num_bits": 8, "strategy": "channel"},
        "input_activations": {"num_bits": 8, "symmetric": False},
    },
    "observe": ("input", "weight"),
    "peers_behind": ("experts",),
    "timeout": 60.0,
}


def share(given: dict[str, str], client: calipers.Client) -> Iterator[Tensor]:
    """The rank's batches, until it is to die."""
    if distributed.is_initialized():
        rank, world_size = distributed.get_rank(), distributed.get_world_size()
    else:
        rank, world_size = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
    batches = make_batches(int(given.get("batches", TOTAL)))
    own = batches if given.get("yields") == "all" else batches[rank::world_size]
    # So many more or fewer than dealt in turn.
    own = own[: len(own) + int(given.get(f"more{rank}", 0))]
    for number, batch in enumerate(own):
        if number == int(given.get("die", -1)):
            client.flush()
            os.kill(os.getpid(), signal.SIGKILL)
        yield batch


def main(address: str, run: str, out: str, *options: str) -> None:
    given = dict(option.split("=") for option in options)
    torch.set_num_threads(1)
    if "init" in given:
        # From here on the process group alone knows which rank this is.
        rank, world_size = (int(os.environ.pop(name)) for name in ("RANK", "WORLD_SIZE"))
        method = f"file://{given['init']}"
        distributed.init_process_group("gloo", init_method=method, rank=rank, world_size=world_size)
    ran = 0

    def forward(model: nn.Module, batch: Tensor) -> None:
        nonlocal ran
        ran += 1
        model(batch)

    model: nn.Module = make_model(torch.bfloat16)
    if "init" in given:
        model = nn.parallel.DistributedDataParallel(model)
    with calipers.connect(address, run=run) as client:
        found = calipers.torch.calibrate(
            model,
            share(given, client),
            client,
            forward=forward,
            yields=given.get("yields", "share"),
            total=int(given["total"]) if "total" in given else None,
            resume=given.get("resume") == "yes",
            **OPTIONS,
        )
    torch.save({"total": found.total, **found}, out)
    print(ran)
    if "init" in given:
        distributed.destroy_process_group()


if __name__ == "__main__":
    main(*sys.argv[1:])
