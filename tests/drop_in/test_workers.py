"""Calibrations with several workers; the other workers are clients in this process."""

from __future__ import annotations

import threading

import pytest
import torch

import calipers
from calibrating import Attention, Experts, assert_same, batches_of, calibrate, static
from calipers.llmcompressor.calibration import _close

INPUT = {"num_bits": 8, "type": "int", "strategy": "tensor", "symmetric": True}


def another(client: calipers.Client, name: str) -> calipers.Session:
    """A session with the same spec as this process's worker creates."""
    return client.session(f"{name}/input", args=INPUT, observer="minmax", arithmetic="reference")


def observe(client: calipers.Client, name: str, batches: dict[int, torch.Tensor]) -> None:
    session = another(client, name)
    for index, x in batches.items():
        session.observe(x, index=index)
    client.flush()


@pytest.mark.parametrize(
    ("order", "own"),
    [("interleaved", [1, 3, 5]), ("contiguous", [3, 4, 5, 6])],
)
def test_the_answer_covers_all_workers(order, own, client, monkeypatch):
    batches = [{**batch, "chosen": torch.tensor([0])} for batch in batches_of(7)]
    wanted = calibrate(Experts(1), batches, input_observer="minmax", **static())
    theirs = {at: batch["x"] for at, batch in enumerate(batches) if at not in own}
    observe(client, "experts.0", theirs)
    monkeypatch.setenv("RANK", "1")
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("CALIPERS_BATCHES", "7")
    monkeypatch.setenv("CALIPERS_ORDER", order)
    part = [batches[at] for at in own]
    given = calibrate(Experts(1), part, input_observer="calipers_minmax", **static())
    assert_same(given, wanted)
    alone = calibrate(Experts(1), part, input_observer="minmax", **static())
    assert alone["experts.0.input_scale"] != wanted["experts.0.input_scale"]


def test_experts_that_only_another_worker_saw(client, monkeypatch):
    batches = [
        {**batch, "chosen": torch.tensor([at % 2])} for at, batch in enumerate(batches_of(6))
    ]
    wanted = calibrate(Experts(2), batches, input_observer="minmax", **static())
    nothing = torch.empty(0, 0)
    for place in (0, 1):
        seen = {at: batches[at]["x"] if place == 1 else nothing for at in (1, 3, 5)}
        observe(client, f"experts.{place}", seen)
    monkeypatch.setenv("RANK", "0")
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("CALIPERS_BATCHES", "6")
    monkeypatch.setenv("CALIPERS_ORDER", "interleaved")
    given = calibrate(Experts(2), batches[::2], input_observer="calipers_minmax", **static())
    assert_same(given, wanted)


def test_a_worker_that_is_missing_is_named(monkeypatch):
    monkeypatch.setenv("RANK", "0")
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("CALIPERS_BATCHES", "5")
    monkeypatch.setenv("CALIPERS_ORDER", "interleaved")
    monkeypatch.setenv("CALIPERS_TIMEOUT", "2")
    with pytest.raises(calipers.DeadlineExceededError) as caught:
        calibrate(Attention(), batches_of(3), input_observer="calipers_minmax", **static())
    for words in (
        "holds 3 of 5 records",
        "missing: 1 to 1, 3 to 3",
        "same RANK",
        "CALIPERS_TIMEOUT",
    ):
        assert words in caught.value.message


def test_a_restarted_worker_whose_bits_differ(client, monkeypatch, caplog):
    batches = batches_of(4)
    wanted = calibrate(Attention(), batches, input_observer="calipers_minmax", **static())
    again = [{"x": batch["x"] * (1 + 2**-20)} for batch in batches]
    with pytest.raises(calipers.RefusedError, match="holds another record already"):
        calibrate(Attention(), again, input_observer="calipers_minmax", **static())
    monkeypatch.setenv("CALIPERS_ON_CONFLICT", "keep")
    given = calibrate(Attention(), again, input_observer="calipers_minmax", **static())
    assert_same(given, wanted)
    assert "which stays (on_conflict is keep)" in caplog.text


def test_a_client_is_closed_outside_of_garbage_collection():
    """Garbage collection can interrupt a call of gRPC, and closing a channel there never ends."""
    closed_in = []

    class Closing:
        def close(self) -> None:
            closed_in.append(threading.current_thread())
            done.set()

    done = threading.Event()
    _close(Closing())
    assert done.wait(20)
    assert closed_in != [threading.current_thread()]
