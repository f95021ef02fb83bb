"""Texts of log messages and errors."""

from __future__ import annotations

import logging

import pytest
import torch
from torch import nn

import calipers
import calipers.torch
from models import make_batches, make_model

ONE = [torch.ones(1, 4)]


def model() -> nn.Sequential:
    torch.manual_seed(8)
    return nn.Sequential(nn.Linear(4, 4))


def said(caplog) -> list[tuple[int, str]]:
    return [
        (record.levelno, record.getMessage())
        for record in caplog.records
        if record.name == "calipers" and record.getMessage().startswith("not observed")
    ]


def test_a_requested_base_name_that_is_not_observed_is_a_warning(client, caplog):
    caplog.set_level(logging.INFO, "calipers")
    calipers.torch.calibrate(model(), ONE, client, observe=("input", "output", "weight"))
    ((level, message),) = said(caplog)
    assert level == logging.WARNING
    assert message.startswith(
        "not observed: input, output, of which scheme W8A8 calibrates nothing"
    )
    assert "the model does not run" in message
    assert 'granularity="finest"' in message
    assert message.endswith("a mapping with input_activations, output_activations")


def test_a_default_base_name_that_is_not_observed_is_logged_as_info(client, caplog):
    caplog.set_level(logging.INFO, "calipers")
    calipers.torch.calibrate(model(), ONE, client, scheme="FP8")
    ((level, message),) = said(caplog)
    assert level == logging.INFO
    assert message.startswith("not observed: output, of which scheme FP8")
    assert "does not run" not in message


@pytest.mark.parametrize(
    "options",
    [
        {"scheme": "FP8", "observe": ("input", "weight")},
        {"granularity": "finest", "observe": ("input", "output", "weight")},
    ],
)
def test_what_is_observed_as_named_is_not_talked_of(client, caplog, options):
    caplog.set_level(logging.INFO, "calipers")
    calipers.torch.calibrate(model(), ONE, client, **options)
    assert said(caplog) == []


def test_the_error_for_an_unseen_expert_suggests_peers_behind(client):
    moe, batches = make_model(), make_batches(3)
    options = {"scheme": "FP8", "observe": "input"}
    hint = r'load_qparams\(client, scheme, peers_behind=\["experts"\]\)'
    with pytest.raises(calipers.FailedPreconditionError, match=hint):
        calipers.torch.calibrate(moe, batches, client, **options)
    with pytest.raises(calipers.FailedPreconditionError, match=hint):
        calipers.torch.load_qparams(client, "FP8")
    # A caller that gave peers_behind does not get the hint.
    with pytest.raises(calipers.FailedPreconditionError) as error:
        calipers.torch.load_qparams(client, "FP8", peers_behind="layers")
    assert "peers_behind=" not in str(error.value)
    found = calipers.torch.load_qparams(client, "FP8", peers_behind=["experts"])
    assert "layers.1.mlp.experts.3.up_proj.input_scale" in found


def test_a_str_of_peers_is_one_name(client):
    moe, batches = make_model(), make_batches(3)
    options = {"scheme": "FP8", "observe": "input"}
    found = calipers.torch.calibrate(moe, batches, client, peers_behind="experts", **options)
    for behind in ("experts", ("experts",)):
        again = calipers.torch.load_qparams(client, "FP8", peers_behind=behind)
        assert sorted(again) == sorted(found)
        assert all(torch.equal(again[name], found[name]) for name in found)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"model": "gpt2"}, r"model is 'gpt2'; a torch\.nn\.Module is allowed"),
        ({"model": nn.Linear}, r"model is a type; a torch\.nn\.Module"),
        ({"client": "127.0.0.1:50051"}, r"client is '127\.0\.0\.1:50051'; a client from"),
        ({"dataloader": 8}, "dataloader is a int; an iterable of batches is allowed"),
    ],
)
def test_what_is_given_in_place_of_a_model_or_client(client, change, message):
    given = {"model": model(), "dataloader": ONE, "client": client, **change}
    with pytest.raises(calipers.InvalidArgumentError, match=message):
        calipers.torch.calibrate(**given)


def test_parameters_of_what_is_no_client():
    with pytest.raises(calipers.InvalidArgumentError, match="client is 'localhost:1'"):
        calipers.torch.load_qparams("localhost:1", "FP8")


class StackedExperts(nn.Module):
    """The weights of three experts in one parameter."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = nn.Linear(4, 4)
        self.gate_up_proj = nn.Parameter(torch.ones(3, 4, 4))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The sum of all experts."""
        return (self.gate(x) @ self.gate_up_proj).sum(0)


def test_experts_that_are_no_modules_are_named(client, caplog):
    stacked = nn.Sequential(StackedExperts(), nn.Conv1d(4, 4, 1))
    calipers.torch.calibrate(stacked, [torch.ones(4, 4)], client, scheme="FP8", observe="input")
    ((level, message),) = said(caplog)
    assert level == logging.WARNING
    assert message.startswith(
        "not observed: 1 parameter of three dimensions, such as 0.gate_up_proj of shape [3, 4, 4]"
    )
    assert "linearize_moe" in message
