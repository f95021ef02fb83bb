"""Brings the ranges of 448 observers on 4 workers together: Calipers beside gloo.

With Calipers each worker sends one batch of reduced records and reads the answers that
hold every worker's. With torch.distributed each rank all-reduces every observer's min
and max, asynchronously, as llm-compressor's sync_activation_stats does, or all of them
as one tensor, which it does not. Prints the rows of tests/bench/report.py as JSON:
milliseconds, medians of the rounds after the first; a round ends when it ends for the
slowest worker.
"""

from __future__ import annotations

import argparse
import fnmatch
import json
import multiprocessing
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch
import torch.distributed as dist
from servers import Programs, calipers_server

OBSERVERS = 448
WORKERS = 4
ROUNDS = 6  # a turn; with a call each one may take seconds
NAME = f"peers/sync/{OBSERVERS} observers/{WORKERS} workers"
EACH = "gloo, a call each"
AT_ONCE = "gloo, one call"


def all_reduce_each(ranges: list[tuple[torch.Tensor, torch.Tensor]]) -> None:
    """As llm-compressor: every statistic for itself."""
    work = []
    for low, high in ranges:
        work.append(dist.all_reduce(low, op=dist.ReduceOp.MIN, async_op=True))
        work.append(dist.all_reduce(high, op=dist.ReduceOp.MAX, async_op=True))
    for handle in work:
        handle.wait()


def all_reduce_at_once(ranges: list[tuple[torch.Tensor, torch.Tensor]]) -> None:
    """Maxima, and minima as maxima of the negative, in one tensor."""
    flat = torch.cat([part for low, high in ranges for part in (-low, high)])
    dist.all_reduce(flat, op=dist.ReduceOp.MAX)
    for i, (low, high) in enumerate(ranges):
        low.copy_(-flat[2 * i : 2 * i + 1])
        high.copy_(flat[2 * i + 1 : 2 * i + 2])


def rank(number: int, store: str, answers: multiprocessing.Queue) -> None:
    """One rank: its milliseconds of each round, by peer."""
    os.environ["GLOO_SOCKET_IFNAME"] = "lo"  # else the interface that the host's name has
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{store}", rank=number, world_size=WORKERS)
    times: dict[str, list[float]] = {}
    for name, synchronise in ((EACH, all_reduce_each), (AT_ONCE, all_reduce_at_once)):
        times[name] = []
        for _ in range(ROUNDS):
            ranges = [
                (torch.tensor([-1.0 - number]), torch.tensor([1.0 + number]))
                for _ in range(OBSERVERS)
            ]
            dist.barrier()
            began = time.perf_counter()
            synchronise(ranges)
            times[name].append(1e3 * (time.perf_counter() - began))
            assert all(low == -WORKERS and high == WORKERS for low, high in ranges)
    answers.put(times)
    dist.destroy_process_group()


def slowest(of_workers: list[list[float]]) -> list[float]:
    """Each round's time, without the first, which sets connections up."""
    return [max(times) for times in zip(*of_workers)][1:]


def gloo() -> dict[str, list[float]]:
    """Times of rounds, by peer."""
    context = multiprocessing.get_context("spawn")
    answers: multiprocessing.Queue = context.Queue()
    with tempfile.TemporaryDirectory() as folder:
        store = f"{folder}/store"
        ranks = [context.Process(target=rank, args=(r, store, answers)) for r in range(WORKERS)]
        for process in ranks:
            process.start()
        of_ranks = [answers.get(timeout=120) for _ in ranks]
        for process in ranks:
            process.join()
    return {name: slowest([times[name] for times in of_ranks]) for name in (EACH, AT_ONCE)}


def calipers(programs: Programs) -> list[float]:
    """Times of rounds."""
    with calipers_server(programs) as target:
        command = [programs.bench("load_sync"), "--target", target, "--rounds", str(ROUNDS)]
        command += ["--workers", str(WORKERS), "--observers", str(OBSERVERS), "--worker"]
        workers = [
            subprocess.Popen([*command, str(w)], stdout=subprocess.PIPE, text=True)
            for w in range(WORKERS)
        ]
        printed = [worker.communicate(timeout=120)[0] for worker in workers]
        if any(worker.returncode != 0 for worker in workers):
            raise RuntimeError("a worker failed")
    return slowest([[float(line) for line in text.splitlines()] for text in printed])


def measure(programs: Programs, turns: int) -> dict:
    """The row."""
    ours: list[float] = []
    theirs: dict[str, list[float]] = {EACH: [], AT_ONCE: []}
    for _ in range(turns):
        ours += calipers(programs)
        for name, times in gloo().items():
            theirs[name] += times
        print(".", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    return {
        "name": NAME,
        "unit": "ms",
        "calipers": statistics.median(ours),
        "limit": None,
        "ratio": None,
        "peers": {name: statistics.median(times) for name, times in theirs.items()},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", type=Path, required=True, help="the release build")
    parser.add_argument("--only", default="*", help="rows to measure")
    parser.add_argument("--turns", type=int, default=6)
    parser.add_argument("--json", type=Path, required=True, help="where the row goes")
    arguments = parser.parse_args()
    rows = []
    if fnmatch.fnmatch(NAME, arguments.only):
        rows.append(measure(Programs(arguments.build), arguments.turns))
    arguments.json.write_text(json.dumps(rows, indent=2) + "\n")


if __name__ == "__main__":
    main()
