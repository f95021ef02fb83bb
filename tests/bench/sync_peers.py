"""Combines the ranges of 448 observers of 4 workers, with Calipers and with gloo.

With Calipers each worker sends one batch of records, and reads the answers for the records of all
workers. With torch.distributed each rank all-reduces the minimum and maximum of every observer:
either asynchronously with a call for each, as llm-compressor's sync_activation_stats does, or with
one call for all as one tensor, which llm-compressor does not do. Writes the rows for
tests/bench/report.py as JSON: milliseconds, medians of the rounds after the first. A round ends
when the slowest worker ends it.
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
    """One all-reduce for each statistic, as in llm-compressor."""
    work = []
    for low, high in ranges:
        work.append(dist.all_reduce(low, op=dist.ReduceOp.MIN, async_op=True))
        work.append(dist.all_reduce(high, op=dist.ReduceOp.MAX, async_op=True))
    for handle in work:
        handle.wait()


def all_reduce_at_once(ranges: list[tuple[torch.Tensor, torch.Tensor]]) -> None:
    """One all-reduce of a tensor of the maxima and the negated minima."""
    flat = torch.cat([part for low, high in ranges for part in (-low, high)])
    dist.all_reduce(flat, op=dist.ReduceOp.MAX)
    for i, (low, high) in enumerate(ranges):
        low.copy_(-flat[2 * i : 2 * i + 1])
        high.copy_(flat[2 * i + 1 : 2 * i + 2])


def rank(number: int, store: str, answers: multiprocessing.Queue) -> None:
    """Runs one rank. Puts the milliseconds of each round, by peer, into `answers`."""
    os.environ["GLOO_SOCKET_IFNAME"] = "lo"  # instead of the host name's interface
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
    """The time of each round except the first, which opens connections."""
    return [max(times) for times in zip(*of_workers)][1:]


def gloo() -> dict[str, list[float]]:
    """The times of the rounds of gloo, by peer."""
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
    """The times of the rounds of Calipers."""
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
