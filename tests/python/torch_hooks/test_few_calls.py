"""The number of calls in a calibration; a calibration changes only its own sessions."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

import calipers
import calipers.torch
from models import make_batches, make_model

ONES = np.ones((1, 4), np.float32)
BATCH = [torch.ones(1, 4)]


@pytest.mark.parametrize("resume", [False, True])
def test_modules_are_created_one_by_one_and_then_asked_together(client, calls, resume):
    model = make_model()
    options = {"scheme": "FP8", "peers_behind": ("experts",), "resume": resume}
    found = calipers.torch.calibrate(model, make_batches(6), client, **options)
    # A session with only empty records has no range, so its count needs another call.
    silent = [name for name in found.answers if ".experts.3." in name and "input" in name]
    assert calls == {
        "CreateSession": len(found.answers),
        # One call for 1 record, and one call for 6 records.
        "BatchGetMinMax": 2,
        "GetSession": len(silent),
        "ListSessions": 2,
        "SealRun": 2,
        "BatchGetQParams": 2,
    }
    calls.clear()
    again = calipers.torch.load_qparams(client, "FP8", peers_behind=("experts",))
    assert calls == {"ListSessions": 1, "BatchGetQParams": 2}
    assert list(again) == sorted(found)
    assert all(torch.equal(again[name].float(), found[name].float()) for name in found)


def test_answers_are_in_the_order_of_what_is_observed(client):
    model = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4))
    found = calipers.torch.calibrate(model, BATCH, client, scheme="FP8")
    assert list(found.answers) == ["0/input", "1/input", "0/weight", "1/weight"]


def test_invalid_args_raise_their_own_error(client):
    model = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4))
    calipers.torch.calibrate(model, (), client)
    with pytest.raises(calipers.InvalidArgumentError, match="group_size") as error:
        calipers.torch.load_qparams(client, {"weights": {"strategy": "group"}})
    assert "has no answer" not in error.value.message


def test_other_sessions_of_the_run_are_not_sealed(client, calls):
    others = [
        client.session("elsewhere/input", args={}),
        client.session("elsewhere/output", args={}),
    ]
    for session in others:
        session.observe(ONES, index=0)
    calipers.torch.calibrate(nn.Sequential(nn.Linear(4, 4)), BATCH, client, scheme="FP8")
    sealed = {row.session: row.sealed for row in client.sessions()}
    assert sealed == {
        "0/input": 1,
        "0/weight": 1,
        "elsewhere/input": None,
        "elsewhere/output": None,
    }
    # The run has other sessions of inputs, and no other sessions of weights.
    assert (calls["SealRun"], calls["SealSession"]) == (1, 1)


def test_a_seal_that_takes_too_long_at_once_is_made_one_by_one(client, calls, monkeypatch):
    def late(*_: object) -> None:
        raise calipers.DeadlineExceededError("too many")

    monkeypatch.setattr(client, "seal", late)
    calipers.torch.calibrate(nn.Sequential(nn.Linear(4, 4)), BATCH, client, scheme="FP8")
    assert [row.sealed for row in client.sessions()] == [1, 1]
    assert calls["SealSession"] == 2


def test_a_timeout_seals_no_session(client):
    model = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4))
    for module in (0, 1):
        args = {"num_bits": 8, "type": "float", "observer": "static_minmax"}
        client.session(f"{module}/input", args=args).observe(ONES, index=3)
    options = {"scheme": "FP8", "rank": 0, "world_size": 2, "total": 4, "timeout": 0.1}
    message = r"^0/input has 3 of 4 records after 0.1 s; missing are 1:"
    with pytest.raises(calipers.DeadlineExceededError, match=message):
        calipers.torch.calibrate(model, 2 * BATCH, client, **options)
    assert {row.sealed for row in client.sessions()} == {None}


def test_resuming_counts_records_in_flight(client):
    model, window = nn.Sequential(nn.Linear(4, 4)), []
    args = {"num_bits": 8, "type": "float", "observer": "static_minmax"}
    client.session("0/input", args=args).observe(ONES, index=0)
    calipers.torch.calibrate(
        model,
        2 * BATCH,
        client,
        scheme="FP8",
        observe="input",
        resume=True,
        forward=lambda model, batch: window.append(model(batch)),
    )
    assert len(window) == 1


def test_a_session_knows_how_far_it_had_come(client):
    first = client.session("m/input", args={})
    assert first.progress_at_opening.count == 0
    for index in (0, 1, 4):
        first.observe(ONES, index=index)
    client.flush()
    for again in (client.session("m/input"), client.session("m/input", args={})):
        assert again.progress_at_opening == first.progress()
        assert again.progress_at_opening.missing == (range(2, 4),)
    assert first.progress_at_opening.count == 0
