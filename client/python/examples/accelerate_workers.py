"""Calibrates a model in several accelerate processes, with the same bits as one process.

    calipers-server --store memory &
    torchrun --nproc-per-node 2 -- accelerate_workers.py

Accelerate gives the batches to the processes in turn. The number of batches is odd here: without
even_batches=False the last process would get the first batch again. On CPUs `accelerate launch`
starts only one process, so torchrun starts the processes.
"""

from __future__ import annotations

import argparse

import torch
from accelerate import Accelerator
from accelerate.utils import DataLoaderConfiguration
from torch.utils.data import DataLoader

import calipers
import calipers.torch
from fingerprint import fingerprint
from minilm import load_batches, load_model
from static_int8 import SCHEME


def main() -> None:
    """Calibrates the model. The main process prints the fingerprint."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--run", default="accelerate-workers", help="name of the run")
    options = parser.parse_args()

    torch.set_num_threads(1)
    accelerator = Accelerator(
        cpu=True, dataloader_config=DataLoaderConfiguration(even_batches=False)
    )
    lines = DataLoader(load_batches(), batch_size=1, collate_fn=torch.cat)
    model, share = accelerator.prepare(load_model(), lines)
    with calipers.connect(run=options.run) as client:
        qparams = calipers.torch.calibrate(model, share, client, scheme=SCHEME)
    place = f"{accelerator.process_index} of {accelerator.num_processes}"
    print(f"process {place}: {qparams.total} batches in all", flush=True)
    accelerator.wait_for_everyone()
    if accelerator.is_main_process:
        print(f"fingerprint {fingerprint(qparams)}")
    accelerator.end_training()


if __name__ == "__main__":
    main()
