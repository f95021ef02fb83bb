"""Progress bars during a calibration."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

import calipers
import calipers.torch
from calipers.torch import bar

OPTIONS = {"scheme": "FP8", "observe": "input"}
BATCHES = [torch.full((1, 4), float(number)) for number in range(5)]


def model() -> nn.Sequential:
    torch.manual_seed(7)
    return nn.Sequential(nn.Linear(4, 4))


class Recorder:
    """A bar that records its updates."""

    def __init__(self) -> None:
        self.count: int | None = None
        self.seen: list[tuple[int, int]] = []
        self.closed = 0

    def open(self, count: int | None) -> Recorder:
        self.count = count
        return self

    def update(self, done: int, totals: calipers.Totals) -> None:
        self.seen.append((done, totals.observed))
        assert totals.acknowledged <= totals.observed

    def close(self) -> None:
        self.closed += 1


@pytest.fixture
def recorder(monkeypatch) -> Recorder:
    recorder = Recorder()
    monkeypatch.setitem(bar._BARS, "tqdm", recorder.open)
    return recorder


class Unsized:
    """Has __len__ without a length, like a DataLoader of an iterable data set."""

    def __iter__(self):
        return iter(BATCHES)

    def __len__(self) -> int:
        raise TypeError("no length")


@pytest.mark.parametrize(
    ("dataloader", "options", "count"),
    [
        (BATCHES, {}, 5),
        (BATCHES, {"yields": "all"}, 5),
        (iter(BATCHES), {"total": 5}, 5),
        (iter(BATCHES), {}, None),
        (Unsized(), {}, None),
    ],
    ids=["length", "all", "total", "iterator", "no length"],
)
def test_a_bar_has_every_batch(client, recorder, dataloader, options, count):
    calipers.torch.calibrate(model(), dataloader, client, progress="tqdm", **options, **OPTIONS)
    assert recorder.count == count
    assert recorder.seen == [(n, n) for n in (1, 2, 3, 4, 5, 5)]
    assert recorder.closed == 1


@pytest.mark.parametrize("yields", ["share", "all"])
def test_a_bar_of_one_of_two_ranks_has_its_own_batches(client, recorder, yields):
    options = {"rank": 1, "world_size": 2, "total": 5, "timeout": 0.1, "progress": "tqdm"}
    own = BATCHES if yields == "all" else BATCHES[1::2]
    with pytest.raises(calipers.DeadlineExceededError, match="2 of 5 records"):
        calipers.torch.calibrate(model(), own, client, yields=yields, **options, **OPTIONS)
    assert recorder.count == 2
    assert [done for done, _ in recorder.seen] == [1, 2, 2]


def test_batches_that_are_there_are_done(client, recorder):
    calipers.torch.calibrate(model(), BATCHES[:3], client, finish="wait", **OPTIONS)
    calipers.torch.calibrate(model(), BATCHES, client, resume=True, progress="tqdm", **OPTIONS)
    assert [done for done, _ in recorder.seen] == [4, 5, 5]


def test_a_bar_is_closed_if_the_model_fails(client, recorder):
    def fail(model: nn.Module, batch: Tensor) -> None:
        raise RuntimeError("out of memory")

    with pytest.raises(RuntimeError, match="out of memory"):
        calipers.torch.calibrate(model(), BATCHES, client, progress="tqdm", forward=fail, **OPTIONS)
    assert recorder.closed == 1


@pytest.mark.parametrize(
    ("progress", "sized", "shown"),
    [
        ("tqdm", True, " 5/5 ["),
        ("tqdm", False, " 5batch ["),
        ("rich", True, "5/5 batches"),
        ("rich", False, "5 batches"),
    ],
)
def test_bars_of_each_package(client, capsys, monkeypatch, progress, sized, shown):
    monkeypatch.setenv("COLUMNS", "120")
    dataloader = BATCHES if sized else iter(BATCHES)
    calipers.torch.calibrate(model(), dataloader, client, progress=progress, **OPTIONS)
    written = "".join(capsys.readouterr())
    assert shown in written
    assert "5 of 5 observations acknowledged" in written
    assert "%" in written if sized and progress == "tqdm" else "%" not in written


def test_an_invalid_bar(client):
    with pytest.raises(calipers.InvalidArgumentError, match="progress is 'dots'"):
        calipers.torch.calibrate(model(), BATCHES, client, progress="dots", **OPTIONS)
