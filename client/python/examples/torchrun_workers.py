"""Calibrates a model in several processes, with the same bits as one process.

    calipers-server --store memory &
    torchrun --nproc-per-node 4 -- torchrun_workers.py

Each of the four processes gets every fourth batch, as with accelerate, or with DistributedSampler
and a batch size of 1.
"""

from __future__ import annotations

import argparse

import torch
from torch import distributed

import calipers
import calipers.torch
from fingerprint import fingerprint
from minilm import load_batches, load_model
from static_int8 import SCHEME


def main() -> None:
    """Calibrates the model. Rank 0 prints the fingerprint."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--run", default="torchrun-workers", help="name of the run")
    options = parser.parse_args()

    torch.set_num_threads(1)
    distributed.init_process_group("gloo")
    rank, world_size = distributed.get_rank(), distributed.get_world_size()
    share = load_batches()[rank::world_size]
    with calipers.connect(run=options.run) as client:
        qparams = calipers.torch.calibrate(load_model(), share, client, scheme=SCHEME)
    print(f"rank {rank} ran {len(share)} of {qparams.total} batches", flush=True)
    distributed.barrier()
    if rank == 0:
        print(f"fingerprint {fingerprint(qparams)}")
    distributed.destroy_process_group()


if __name__ == "__main__":
    main()
