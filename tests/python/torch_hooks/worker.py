"""One rank of a calibration, as a process: ADDRESS RUN OUT [OPTION=VALUE]...

$RANK and $WORLD_SIZE select the rank. Prints the number of batches that the model ran on, also
after a failure. Writes the parameters to OUT."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterable, Iterator

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


class Sized:
    """Batches with a known length."""

    def __init__(self, batches: Iterator[Tensor], length: int) -> None:
        self._batches = batches
        self._length = length

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[Tensor]:
        return self._batches


def share(given: dict[str, str], client: calipers.Client) -> Iterable[Tensor]:
    """The rank's batches."""
    if distributed.is_initialized():
        rank, world_size = distributed.get_rank(), distributed.get_world_size()
    else:
        rank, world_size = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
    batches = make_batches(int(given.get("batches", TOTAL)))
    own = batches if given.get("yields") == "all" else batches[rank::world_size]
    if f"reversed{rank}" in given:
        own = own[::-1]
    # This number of batches more or fewer than in turn.
    own = own[: len(own) + int(given.get(f"more{rank}", 0))]
    batches = until_death(own, given, client)
    return Sized(batches, len(own)) if "sized" in given else batches


def until_death(
    own: list[Tensor], given: dict[str, str], client: calipers.Client
) -> Iterator[Tensor]:
    """The batches before the one at which the rank is killed."""
    for number, batch in enumerate(own):
        if number == int(given.get("die", -1)):
            client.flush()
            os.kill(os.getpid(), signal.SIGKILL)
        yield batch


def main(address: str, run: str, out: str, *texts: str) -> None:
    given = dict(text.split("=") for text in texts)
    torch.set_num_threads(1)
    if "init" in given:
        # From here on only the process group knows the rank.
        rank, world_size = (int(os.environ.pop(name)) for name in ("RANK", "WORLD_SIZE"))
        distributed.init_process_group(
            "gloo", init_method=given["init"], rank=rank, world_size=world_size
        )
    ran = 0

    def forward(model: nn.Module, batch: Tensor) -> None:
        nonlocal ran
        ran += 1
        model(batch)

    model: nn.Module = make_model(torch.bfloat16)
    if "init" in given:
        model = nn.parallel.DistributedDataParallel(model)
    options = {**OPTIONS, "timeout": float(given.get("timeout", OPTIONS["timeout"]))}
    try:
        with calipers.connect(address, run=run) as client:
            found = calipers.torch.calibrate(
                model,
                share(given, client),
                client,
                forward=forward,
                yields=given.get("yields", "share"),
                total=int(given["total"]) if "total" in given else None,
                resume=given.get("resume") == "yes",
                **options,
            )
    finally:
        print(ran)
    torch.save({"total": found.total, **found}, out)
    if "init" in given:
        distributed.destroy_process_group()


if __name__ == "__main__":
    main(*sys.argv[1:])
