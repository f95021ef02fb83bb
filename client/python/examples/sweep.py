"""Calibrates a model once, and queries ranges for several averaging constants.

    calipers-server --store memory &
    python sweep.py

A session keeps its records, so a query can select the constant of the moving average, the observer
and the scheme after the calibration.
"""

from __future__ import annotations

import argparse

import calipers
import calipers.torch
from minilm import load_batches, load_model

CONSTANTS = (0.001, 0.01, 0.1, 0.5, 1.0)


def main() -> None:
    """Calibrates finely enough for every scheme, then queries ranges and qparams."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--run", default="sweep", help="name of the run")
    options = parser.parse_args()

    with calipers.connect(run=options.run) as client:
        calipers.torch.calibrate(load_model(), load_batches(), client, granularity="finest")
        print(f"{'greatest input':44}", *(f"{constant:>8}" for constant in CONSTANTS), "  static")
        for row in client.sessions("*.output.dense/input"):
            session = client.session(row.session)
            found = [session.minmax(averaging_constant=constant) for constant in CONSTANTS]
            static = session.minmax(observer="static_minmax")
            print(f"{row.session:44}", *(f"{one.max.item():8.3f}" for one in (*found, static)))
        for scheme in ("FP8", "NVFP4"):
            qparams = calipers.torch.load_qparams(client, scheme)
            print(f"{scheme}: {len(qparams)} tensors from the same records")


if __name__ == "__main__":
    main()
