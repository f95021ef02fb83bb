"""Calibrates the model of client/python/examples, whose folder is to be on PYTHONPATH, so that
there is a run to draw: the weight and the input of every linear module."""

from __future__ import annotations

from minilm import load_batches, load_model

import calipers
import calipers.torch


def main() -> None:
    """At $CALIPERS_SERVER, under $CALIPERS_RUN."""
    with calipers.connect() as client:
        calipers.torch.calibrate(
            load_model(),
            load_batches(),
            client,
            granularity="finest",
            observe=("input", "weight"),
        )


if __name__ == "__main__":
    main()
