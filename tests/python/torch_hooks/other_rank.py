"""Rank 1 of a process group of two at RENDEZVOUS: RENDEZVOUS RUN.

Prints "ready" when rank 0 waits for this rank's number of batches of RUN, which this rank never
tells. Ends at the end of its input."""

from __future__ import annotations

import sys
from datetime import timedelta

from torch import distributed


def main(rendezvous: str, run: str) -> None:
    distributed.init_process_group("gloo", init_method=f"file://{rendezvous}", rank=1, world_size=2)
    store = distributed.distributed_c10d._get_default_store()
    store.wait([f"calipers/{run}/1/counts/0"], timedelta(seconds=60))
    print("ready", flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main(*sys.argv[1:])
