"""A run with other records is refused early, so that the model does not run in vain."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
import torch
from torch import Tensor, nn

import calipers
import calipers.torch
from models import hooks_of

OPTIONS = {"scheme": "FP8", "observe": "input"}
BATCHES = [torch.full((1, 4), float(number)) for number in range(12)]


def model() -> nn.Sequential:
    torch.manual_seed(6)
    return nn.Sequential(nn.Linear(4, 4), nn.ReLU()).train()


class Forward:
    """Counts batches, and waits in the third batch until a refusal is known."""

    def __init__(self) -> None:
        self.ran = 0
        self._changed = threading.Condition()
        self._refused = 0

    def __call__(self, model: nn.Module, batch: Tensor) -> None:
        model(batch)
        self.ran += 1
        if self.ran == 3:
            with self._changed:
                assert self._changed.wait_for(lambda: self._refused > 0, 30)

    def acknowledged(self, totals: calipers.Totals) -> None:
        with self._changed:
            self._refused = totals.conflicts + totals.rejected
            self._changed.notify_all()


def must_not_run(*_: object) -> None:
    pytest.fail("it ran")


@pytest.mark.parametrize("finish", ["seal", "wait"])
def test_other_batches_end_calibration_at_the_first_conflict(server, client, finish):
    calipers.torch.calibrate(model(), BATCHES, client, finish=finish, **OPTIONS)
    forward, changed = Forward(), model()
    with (
        calipers.connect(server.address, run=client.run, progress=forward.acknowledged) as other,
        pytest.raises(calipers.RefusedError, match="two calibrations under one run name"),
    ):
        calipers.torch.calibrate(changed, BATCHES[::-1], other, forward=forward, **OPTIONS)
    assert forward.ran == 3
    assert hooks_of(changed) == 0
    assert all(module.training for module in changed.modules())


@pytest.mark.parametrize("count", [5, 7])
@pytest.mark.parametrize("known", ["length", "total"])
def test_a_run_sealed_at_another_number_of_batches_is_refused(client, count, known):
    calipers.torch.calibrate(model(), BATCHES[:6], client, **OPTIONS)
    dataloader, total = BATCHES[:count], None
    if known == "total":
        dataloader, total = iter(dataloader), count
    message = f"0/input is sealed at 6 records, and {count} batches are to be observed"
    with pytest.raises(calipers.FailedPreconditionError, match=message):
        calipers.torch.calibrate(
            model(), dataloader, client, total=total, forward=must_not_run, **OPTIONS
        )


def test_a_batch_behind_the_sealed_count_is_refused(client):
    calipers.torch.calibrate(model(), BATCHES[:6], client, **OPTIONS)
    yielded = []

    def batches() -> Iterator[Tensor]:
        for batch in BATCHES:
            yielded.append(batch)
            yield batch

    with pytest.raises(calipers.FailedPreconditionError, match=r"at 6 .* a batch at index 6"):
        calipers.torch.calibrate(model(), batches(), client, **OPTIONS)
    assert len(yielded) == 7
    assert client.totals.observed == 2 * 6


def test_an_open_run_holds_more_than_the_batches(client):
    calipers.torch.calibrate(model(), BATCHES[:6], client, finish="wait", **OPTIONS)
    with pytest.raises(calipers.FailedPreconditionError, match=r"index 5, and 4 batches"):
        calipers.torch.calibrate(model(), BATCHES[:4], client, forward=must_not_run, **OPTIONS)
    # Without sealing fewer batches are allowed.
    calipers.torch.calibrate(model(), BATCHES[:4], client, finish="wait", **OPTIONS)


def test_other_weights_are_refused_before_the_model_runs(client):
    calipers.torch.calibrate(model(), (), client, scheme="FP8", observe="weight")
    changed = model()
    with torch.no_grad():
        changed[0].weight.mul_(2)
    with pytest.raises(calipers.RefusedError, match="0/weight at index 0 holds another record"):
        calipers.torch.calibrate(changed, BATCHES, client, scheme="FP8", forward=must_not_run)


def test_refusals_reported_before_do_not_end_calibration(client):
    calipers.torch.calibrate(model(), BATCHES[:1], client, finish="wait", **OPTIONS)
    session = client.session("0/input")
    session.observe(BATCHES[1], index=0)
    with pytest.raises(calipers.RefusedError):
        client.flush()
    found = calipers.torch.calibrate(model(), BATCHES[:6], client, **OPTIONS)
    assert found.total == 6
