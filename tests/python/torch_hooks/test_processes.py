"""Calibrations in several processes have the bits of one process, also if processes die."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import Tensor

import calipers
import calipers.torch
from models import make_batches, make_model
from server_process import TOP, fixed_address
from worker import OPTIONS, TOTAL

HERE = Path(__file__).parent


def meeting(folder: Path) -> str:
    """A rendezvous in a file, for a process group whose store belongs to no process."""
    return f"file://{folder / 'rendezvous'}"


class Workers:
    """Starts ranks, and reads their results."""

    def __init__(self, address: str, folder: Path) -> None:
        self._address = address
        self._folder = folder
        self._started: list[subprocess.Popen[str]] = []

    def start(self, run: str, rank: int, world_size: int, **options: object) -> subprocess.Popen:
        path = os.pathsep.join([str(TOP / "client" / "python" / "src"), str(HERE)])
        texts = [f"{name}={value}" for name, value in options.items()]
        variables = {"RANK": str(rank), "WORLD_SIZE": str(world_size), "PYTHONPATH": path}
        process = subprocess.Popen(
            [sys.executable, HERE / "worker.py", self._address, run, self._out(run, rank), *texts],
            env={**os.environ, **variables, "CUDA_VISIBLE_DEVICES": ""},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._started.append(process)
        return process

    def start_all(self, run: str, world_size: int, **options: object) -> list[subprocess.Popen]:
        return [self.start(run, rank, world_size, **options) for rank in range(world_size)]

    def found(self, run: str, rank: int, process: subprocess.Popen) -> tuple[int, dict]:
        """The number of batches that the rank ran, and its parameters."""
        out, errors = process.communicate(timeout=120)
        assert process.returncode == 0, errors
        return int(out), torch.load(self._out(run, rank))

    def failed(self, process: subprocess.Popen) -> tuple[int, str]:
        """The number of batches that the rank ran before it failed, and its error."""
        out, errors = process.communicate(timeout=120)
        assert process.returncode == 1, errors
        return int(out), errors

    def stop(self) -> None:
        for process in self._started:
            process.kill()
            process.communicate()

    def _out(self, run: str, rank: int) -> Path:
        return self._folder / f"{run}-{rank}.pt"


@pytest.fixture
def workers(server, tmp_path):
    workers = Workers(server.address, tmp_path)
    yield workers
    workers.stop()


@pytest.fixture(scope="module")
def whole(server, tmp_path_factory) -> dict[str, object]:
    """The parameters of a calibration in one process."""
    workers = Workers(server.address, tmp_path_factory.mktemp("whole"))
    try:
        ran, found = workers.found("whole", 0, workers.start("whole", 0, 1))
    finally:
        workers.stop()
    assert (ran, found["total"]) == (TOTAL, TOTAL)
    # Scale and zero point of each side, for 2 layers (4 modules, 4 experts with 2) and the head.
    assert len(found) == 1 + (2 * (4 + 4 * 2) + 1) * 4
    return found


def same(one: dict, other: dict) -> bool:
    return one.keys() == other.keys() and all(_same_value(one[key], other[key]) for key in one)


def _same_value(one: object, other: object) -> bool:
    if not isinstance(one, Tensor) or not isinstance(other, Tensor):
        return one == other
    bits = [tensor.contiguous().view(torch.uint8) for tensor in (one, other)]
    return one.dtype == other.dtype and torch.equal(*bits)


@pytest.mark.parametrize(
    ("world_size", "options"),
    [
        (2, {"total": TOTAL}),
        (4, {"total": TOTAL}),
        (4, {"yields": "all"}),
    ],
    ids=["2 shares", "4 shares", "4 of all"],
)
def test_the_bits_of_one_process(workers, whole, world_size, options, request):
    run = request.node.callspec.id.replace(" ", "-")
    processes = workers.start_all(run, world_size, **options)
    runs = []
    for rank, process in enumerate(processes):
        ran, found = workers.found(run, rank, process)
        runs.append(ran)
        assert same(found, whole)
    assert runs == [len(range(rank, TOTAL, world_size)) for rank in range(world_size)]


def test_a_process_group_knows_the_total(workers, whole, tmp_path):
    processes = workers.start_all("grouped", 4, init=meeting(tmp_path))
    # 18 batches cannot be divided into equal shares.
    for rank, process in enumerate(processes):
        assert same(workers.found("grouped", rank, process)[1], whole)


def test_a_rank_with_fewer_batches_fills_up_with_empty_ones(server, workers, tmp_path):
    processes = workers.start_all("uneven", 2, init=meeting(tmp_path), more1=-4)
    totals = [
        workers.found("uneven", rank, process)[1]["total"] for rank, process in enumerate(processes)
    ]
    assert totals == [17, 17]
    with calipers.connect(server.address, run="uneven") as client:
        progress = client.session("head/input").progress()
        assert (progress.count, progress.folded_count) == (17, 9 + 5)


def test_a_worker_that_dies_is_replaced(workers, whole):
    lasting = workers.start("replaced", 0, 2, total=TOTAL)
    dying = workers.start("replaced", 1, 2, total=TOTAL, die=5)
    assert dying.wait(60) == -signal.SIGKILL
    second = workers.start("replaced", 1, 2, total=TOTAL, die=7, resume="yes")
    assert second.wait(60) == -signal.SIGKILL
    third = workers.start("replaced", 1, 2, total=TOTAL, resume="yes")
    ran, found = workers.found("replaced", 1, third)
    assert ran == TOTAL // 2 - 7
    assert same(found, whole)
    ran, found = workers.found("replaced", 0, lasting)
    assert ran == TOTAL // 2
    assert same(found, whole)


def test_one_that_starts_over_without_resuming_brings_duplicates(workers, whole):
    dying = workers.start("over", 0, 1, die=5)
    assert dying.wait(60) == -signal.SIGKILL
    ran, found = workers.found("over", 0, workers.start("over", 0, 1))
    assert ran == TOTAL
    assert same(found, whole)


def test_missing_batches_of_a_dead_rank_are_named_after_the_wait(server, workers):
    dying = workers.start("gone", 1, 2, total=TOTAL, die=3)
    assert dying.wait(60) == -signal.SIGKILL
    with (
        calipers.connect(server.address, run="gone") as client,
        pytest.raises(calipers.DeadlineExceededError, match=r"12 of 18.*missing are 7, 9, 11") as e,
    ):
        calipers.torch.calibrate(
            make_model(torch.bfloat16),
            make_batches(TOTAL)[::2],
            client,
            rank=0,
            world_size=2,
            total=TOTAL,
            **{**OPTIONS, "observe": "input", "timeout": 0.1},
        )
    assert "resume=True" in str(e.value)


def test_a_rank_that_does_not_know_the_total_is_refused(workers):
    process = workers.start("unknown", 1, 2)
    _, errors = process.communicate(timeout=60)
    assert "rank 1 of 2 does not know how many batches the other ranks have" in errors


def test_ranks_of_a_run_that_is_sealed_at_more_batches_run_nothing(workers, tmp_path):
    options = {"init": meeting(tmp_path), "sized": "yes", "more1": -4}
    workers.found("sealed", 0, workers.start("sealed", 0, 1))
    for process in workers.start_all("sealed", 2, **options):
        ran, error = workers.failed(process)
        assert (ran, "sealed at 18 records, and 17 batches" in error) == (0, True), error


@pytest.mark.parametrize("fewer", [0, TOTAL // 2 - 1], ids=["soon", "with the last batch"])
def test_a_rank_whose_batches_are_refused_tells_the_others(workers, tmp_path, fewer):
    run = f"refused-{fewer}"
    workers.found(run, 0, workers.start(run, 0, 1))
    options = {"init": meeting(tmp_path), "reversed1": "yes", "more1": -fewer}
    other, refused = workers.start_all(run, 2, **options)
    _, error = workers.failed(refused)
    assert "two calibrations under one run name" in error
    ran, error = workers.failed(other)
    # The run is sealed, so a rank that starts late gets the error before its first batch.
    assert ran in (0, TOTAL // 2)
    assert "FailedPreconditionError: rank 1 of 2 stopped" in error
    assert "the number of batches is unknown: RefusedError: " in error


def test_a_rank_that_was_killed_is_not_waited_for_forever(workers, tmp_path):
    options = {"init": meeting(tmp_path), "die": 3, "timeout": 0.5}
    other = workers.start("killed", 0, 2, **{**options, "die": -1})
    assert workers.start("killed", 1, 2, **options).wait(60) == -signal.SIGKILL
    _, error = workers.failed(other)
    message = "rank 1 of 2 did not report its number of batches within 0.5 s"
    assert f"DeadlineExceededError: {message}" in error


def test_a_dead_rank_that_held_the_store_is_reported(workers):
    options = {"init": f"tcp://{fixed_address()}"}
    holder = workers.start("holder", 0, 2, **options, die=3)
    other = workers.start("holder", 1, 2, **options)
    assert holder.wait(60) == -signal.SIGKILL
    _, error = workers.failed(other)
    assert "UnavailableError: the store of torch.distributed does not give" in error
