"""Calibrates the model of client/python/examples, whose folder must be on PYTHONPATH, to make a run
for pictures: the weight and the input of every linear module."""

from __future__ import annotations

from minilm import load_batches, load_model

import calipers
import calipers.torch


def main() -> None:
    """Calibrates with the server $CALIPERS_SERVER and the run $CALIPERS_RUN."""
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
