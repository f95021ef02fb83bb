"""Measures the bytes and seconds that workers need to combine the ranges of one calibration.

The data are the inputs of 72 linear layers, [1, 512, 1024] in bfloat16, in 16 batches, which are
distributed over 1, 2 and 4 worker processes. Each method ends when every worker has the range of
every layer over all batches:

  limit            each worker reduces its own batches with the core, and sends nothing
  Calipers         calipers.Session.observe: workers reduce tensors and send records
  sent raw         the same with reduce_at="server": workers send tensors
  gloo at the end  the core reduces; asynchronous all-reduces, one for each statistic, at the end
  gloo each batch  the same after every batch
  llm-compressor   as "gloo at the end", with PyTorch's amin and amax instead of the core, as in
                   llm-compressor's static_minmax and sync_activation_stats

Writes the rows for tests/bench/report.py as JSON. Seconds are medians of rounds after the first.
Methods alternate. A round ends when the slowest worker ends it. Connecting, creating sessions and
joining the process group are not measured. Bytes are the kernel's counts for all TCP connections of
all workers, divided by the number of batches.
"""

from __future__ import annotations

import argparse
import contextlib
import fnmatch
import json
import multiprocessing
import os
import socket
import stat
import statistics
import struct
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from servers import Programs, calipers_server
from sync_peers import all_reduce_each

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "client" / "python" / "src"))

import calipers
from calipers.geometry import Layout, make_view
from calipers.reduce import BACKEND, reduce_tensor
from calipers.tensors import as_tensor

LAYERS = 72
BATCHES = 16
SHAPE = (1, 512, 1024)
WORKERS = (1, 2, 4)
ROUNDS = 8
WAIT_SECONDS = 300
TCPI_BYTES_SENT = 200  # the offset of tcpi_bytes_sent in struct tcp_info
LAYOUT = Layout("input", "tensor", 0, (), reference=False)

Range = tuple[torch.Tensor, torch.Tensor]
Ranges = list[Range]


@dataclass
class Worker:
    """One of the worker processes."""

    rank: int
    world: int
    server: str
    inputs: list[torch.Tensor]  # the tensor of each layer, the same for every batch

    @property
    def batches(self) -> range:
        """The indices of this worker's batches in the whole set."""
        return range(self.rank, BATCHES, self.world)


# A method is prepared first. It yields the function that is timed, which returns the ranges.
Way = Callable[[Worker, str], contextlib.AbstractContextManager[Callable[[], Ranges]]]


def core_range(tensor: torch.Tensor) -> Range:
    """The range of a tensor, from the package's compiled reducers."""
    record = reduce_tensor(as_tensor(tensor), make_view(LAYOUT, tuple(tensor.shape)))
    low, high = (
        torch.frombuffer(bytearray(end), dtype=tensor.dtype) for end in (record.min, record.max)
    )
    return low, high


def torch_range(tensor: torch.Tensor) -> Range:
    """The range of a tensor, computed as in llm-compressor: reshaped to (observations, one
    parameter, elements)."""
    flat = tensor.reshape(-1, 1, tensor.shape[-1])
    return torch.amin(flat, dim=(0, -1)), torch.amax(flat, dim=(0, -1))


def wider(past: Ranges, new: Ranges) -> Ranges:
    """The union of the ranges of each layer; `new` if there is no past."""
    if not past:
        return new
    pairs = zip(past, new, strict=True)
    return [(torch.min(p[0], n[0]), torch.max(p[1], n[1])) for p, n in pairs]


def locally(reduce: Callable[[torch.Tensor], Range], each: bool, end: bool) -> Way:
    """A method that keeps ranges in the worker, and all-reduces after each batch, at the end, or
    never."""

    @contextlib.contextmanager
    def way(worker: Worker, run: str) -> Iterator[Callable[[], Ranges]]:
        def calibrate() -> Ranges:
            whole: Ranges = []
            for _ in worker.batches:
                ranges = [reduce(tensor) for tensor in worker.inputs]
                if each:
                    all_reduce_each(ranges)
                whole = wider(whole, ranges)
            if end:
                all_reduce_each(whole)
            return whole

        yield calibrate

    return way


def by_calipers(reduce_at: Any) -> Way:
    """A method that observes, waits for all records and queries the ranges."""

    @contextlib.contextmanager
    def way(worker: Worker, run: str) -> Iterator[Callable[[], Ranges]]:
        with calipers.connect(worker.server, run=run, reduce_at=reduce_at) as client:
            sessions = [
                client.session(f"model.layers.{i}.proj/input", observer="static_minmax")
                for i in range(len(worker.inputs))
            ]

            def calibrate() -> Ranges:
                for index in worker.batches:
                    for session, tensor in zip(sessions, worker.inputs, strict=True):
                        session.observe(tensor, index=index, copy=False)
                names = [session.name for session in sessions]
                client.wait(names, BATCHES)
                found = client.minmax(names)
                return [(f.min.torch(), f.max.torch()) for f in found.values()]

            yield calibrate

    return way


LIMIT, REDUCED = "limit", "Calipers"
WAYS: dict[str, Way] = {
    LIMIT: locally(core_range, each=False, end=False),
    REDUCED: by_calipers("worker"),
    "sent raw": by_calipers("server"),
    "gloo at the end": locally(core_range, each=False, end=True),
    "gloo each batch": locally(core_range, each=True, end=False),
    "llm-compressor": locally(torch_range, each=False, end=True),
}


def bytes_sent() -> int:
    """Bytes that this process has sent over its open TCP connections."""
    total = 0
    for descriptor in map(int, os.listdir("/proc/self/fd")):
        with contextlib.suppress(OSError):
            if not stat.S_ISSOCK(os.fstat(descriptor).st_mode):
                continue
            with socket.socket(fileno=os.dup(descriptor)) as connection:
                if connection.family in (socket.AF_INET, socket.AF_INET6):
                    info = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 256)
                    total += struct.unpack_from("=Q", info, TCPI_BYTES_SENT)[0]
    return total


def inputs_of(rank: int) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(rank)
    return [
        torch.randn(SHAPE, generator=generator, dtype=torch.float32).to(torch.bfloat16)
        for _ in range(LAYERS)
    ]


def work(rank: int, world: int, server: str, store: str, barrier: Any, answers: Any) -> None:
    """Runs all rounds of one worker."""
    os.environ["GLOO_SOCKET_IFNAME"] = "lo"  # instead of the host name's interface
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{store}", rank=rank, world_size=world)
    worker = Worker(rank, world, server, inputs_of(rank))
    names = list(WAYS)
    for turn in range(ROUNDS):
        for name in names[turn % len(names) :] + names[: turn % len(names)]:
            run = f"{world}-{turn}-{names.index(name)}"
            with WAYS[name](worker, run) as calibrate:
                barrier.wait(WAIT_SECONDS)
                sent, began = bytes_sent(), time.perf_counter()
                ranges = calibrate()
                seconds, sent = time.perf_counter() - began, bytes_sent() - sent
                barrier.wait(WAIT_SECONDS)
            ends = [(low.item(), high.item()) for low, high in ranges]
            answers.put((turn, name, seconds, sent, ends))
    dist.destroy_process_group()


@dataclass
class Round:
    """The result of one method in one round."""

    turn: int
    seconds: float
    sent: int


def gather(world: int, answers: Any) -> dict[str, list[Round]]:
    """All rounds by method. Checks that all workers and methods have the same ranges."""
    of_rounds: dict[tuple[int, str], list[Any]] = {}
    for _ in range(ROUNDS * len(WAYS) * world):
        turn, name, *rest = answers.get(timeout=WAIT_SECONDS)
        of_rounds.setdefault((turn, name), []).append(rest)
    whole = of_rounds[0, REDUCED][0][2]
    rounds: dict[str, list[Round]] = {name: [] for name in WAYS}
    for (turn, name), of_workers in of_rounds.items():
        if name != LIMIT and any(ranges != whole for _, _, ranges in of_workers):
            raise RuntimeError(f"{name} does not give the ranges that Calipers gives")
        seconds = max(taken for taken, _, _ in of_workers)
        rounds[name].append(Round(turn, seconds, sum(sent for _, sent, _ in of_workers)))
    return rounds


def calibrations(programs: Programs, world: int) -> dict[str, list[Round]]:
    """All rounds of `world` workers, by method."""
    context = multiprocessing.get_context("spawn")
    barrier, answers = context.Barrier(world), context.Queue()
    with tempfile.TemporaryDirectory() as folder, calipers_server(programs) as server:
        given = (world, server, f"{folder}/store", barrier, answers)
        workers = [
            context.Process(target=work, args=(r, *given), daemon=True) for r in range(world)
        ]
        for worker in workers:
            worker.start()
        rounds = gather(world, answers)
        for worker in workers:
            worker.join()
    return rounds


def row(name: str, unit: str, figures: dict[str, float], ratio: float | None) -> dict[str, Any]:
    peers = {way: value for way, value in figures.items() if way not in (LIMIT, REDUCED)}
    return {
        "name": name,
        "unit": unit,
        "calipers": figures[REDUCED],
        "limit": figures[LIMIT],
        "ratio": ratio,
        "peers": peers,
    }


def rows_of(world: int, rounds: dict[str, list[Round]]) -> list[dict[str, Any]]:
    """The rows of bytes and of seconds."""
    later = {name: [r for r in of_way if r.turn > 0] for name, of_way in rounds.items()}
    sent = {name: statistics.median(r.sent for r in of) / BATCHES for name, of in later.items()}
    seconds = {name: statistics.median(r.seconds for r in of) for name, of in later.items()}
    return [
        row(name_of(world, "bytes"), "B/batch", sent, None),
        row(name_of(world, "seconds"), "s", seconds, seconds[LIMIT] / seconds[REDUCED]),
    ]


def name_of(world: int, figure: str) -> str:
    return f"workers-sync/{world} workers/{figure}"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--build", type=Path, required=True, help="the release build")
    parser.add_argument("--only", default="*", help="rows to measure")
    parser.add_argument("--json", type=Path, required=True, help="where the rows go")
    arguments = parser.parse_args()
    if not BACKEND.startswith("core"):
        parser.exit(1, f"calipers reduces with {BACKEND}: run scripts/extension\n")
    rows: list[dict[str, Any]] = []
    for world in WORKERS:
        names = (name_of(world, "bytes"), name_of(world, "seconds"))
        if any(fnmatch.fnmatch(name, arguments.only) for name in names):
            rows += rows_of(world, calibrations(Programs(arguments.build), world))
    arguments.json.write_text(json.dumps(rows, indent=2) + "\n")


if __name__ == "__main__":
    main()
