"""Calibrates a model in one process.

    calipers-server --store memory &
    python one_worker.py

Prints a few of the quantization parameters. --out FILE writes all of them.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from safetensors.torch import save_file

import calipers
import calipers.torch
from fingerprint import fingerprint
from minilm import load_batches, load_model
from static_int8 import SCHEME


def main() -> None:
    """Calibrates the model, prints a few parameters and writes all parameters."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--run", default="one-worker", help="name of the run")
    parser.add_argument("--out", type=Path, help="write the parameters to this safetensors file")
    parser.add_argument("--progress", choices=["tqdm", "rich"], help="show a progress bar")
    options = parser.parse_args()

    model = load_model()
    with calipers.connect(run=options.run) as client:
        qparams = calipers.torch.calibrate(
            model, load_batches(), client, scheme=SCHEME, progress=options.progress
        )
        print(client.sessions("*.layer.0.*/input"))
    print(f"{len(qparams)} tensors of {qparams.total} batches, such as")
    for name in list(qparams)[:2]:
        print(f"  {name}: {qparams[name].dtype} {qparams[name].tolist()}")
    if options.out:
        save_file(dict(qparams), options.out)
    print(f"fingerprint {fingerprint(qparams)}")


if __name__ == "__main__":
    main()
