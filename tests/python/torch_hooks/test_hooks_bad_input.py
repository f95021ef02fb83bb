"""Errors for invalid input."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import calipers
import calipers.torch

ONE = [torch.ones(1, 4)]


def model() -> nn.Sequential:
    torch.manual_seed(5)
    return nn.Sequential(nn.Linear(4, 4), nn.ReLU())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"targets": "Linea"}, r"targets \['Linea'\].*match no module.*Linear, ReLU, Sequential"),
        ({"ignore": "Linear"}, "without ignore"),
        ({"targets": "re:("}, r'targets has "re:\("'),
        ({"ignore": ["re:*"]}, r'ignore has "re:\*"'),
        ({"targets": "Sequential"}, "match the model itself"),
        ({"scheme": "W9A9"}, r'scheme is "W9A9" \(allowed: UNQUANTIZED, W8A8'),
        ({"scheme": {"weight": {}}}, r"scheme has 'weight' \(allowed: weights"),
        ({"scheme": {"weights": {"bits": 8}}}, 'args has "bits"'),
        ({"scheme": {"input_activations": {"strategy": "channel"}}}, "channel"),
        ({"scheme": 8}, "scheme is a int; allowed are"),
        ({"scheme": "UNQUANTIZED"}, "scheme UNQUANTIZED calibrates nothing"),
        ({"scheme": "W8A8", "observe": "input"}, "calibrates nothing of input"),
        ({"observe": ()}, "calibrates nothing"),
        ({"observe": "inputs"}, "observe has 'inputs'"),
        ({"observe": ("weight", "q")}, "observe has 'q'"),
        ({"rank": 2, "world_size": 2}, "rank is 2 and world_size 2"),
        ({"rank": -1, "world_size": 2}, "rank is -1"),
        ({"rank": 0, "world_size": 0}, "world_size 0"),
        ({"rank": 1, "world_size": 2}, "rank 1 of 2 does not know"),
        ({"yields": "some"}, "yields is 'some'"),
        ({"total": 0}, "total is 0"),
        ({"total": 2}, "ended after 1 batches; with total 2 it must yield 2"),
        ({"repeats": "join"}, "repeats is 'join'"),
        ({"finish": "close"}, "finish is 'close'"),
        ({"granularity": "fine"}, "granularity is 'fine'"),
        ({"arithmetic": "fast"}, "arithmetic is 'fast'"),
    ],
)
def test_invalid_arguments(client, options, message):
    given = {"scheme": "FP8", **options}
    with pytest.raises(calipers.InvalidArgumentError, match=message):
        calipers.torch.calibrate(model(), ONE, client, **given)


@pytest.mark.parametrize("variable", ["RANK", "WORLD_SIZE"])
def test_an_invalid_environment(client, monkeypatch, variable):
    monkeypatch.setenv(variable, "two")
    with pytest.raises(calipers.InvalidArgumentError, match=rf"\${variable} is 'two'"):
        calipers.torch.calibrate(model(), ONE, client)


@pytest.mark.parametrize("yields", ["share", "all"])
def test_a_dataloader_without_batches(client, yields):
    with pytest.raises(calipers.InvalidArgumentError, match="yields no batch"):
        calipers.torch.calibrate(model(), [], client, scheme="FP8", yields=yields)
    # No session was sealed, so the calibration can be repeated.
    calipers.torch.calibrate(model(), ONE, client, scheme="FP8")


def test_more_batches_than_there_are(client):
    with pytest.raises(calipers.InvalidArgumentError, match="a batch for index 3, and total is 3"):
        calipers.torch.calibrate(
            model(), ONE * 2, client, scheme="FP8", rank=1, world_size=2, total=3
        )


def test_a_closed_client(client):
    client.close()
    with pytest.raises(calipers.FailedPreconditionError, match="the client is closed"):
        calipers.torch.calibrate(model(), ONE, client)


def test_another_calibration_under_the_same_run_name(client):
    calipers.torch.calibrate(model(), ONE, client, scheme="FP8", observe="input")
    with pytest.raises(calipers.RefusedError, match="two calibrations under one run name"):
        calipers.torch.calibrate(model(), [2 * ONE[0]], client, scheme="FP8", observe="input")
    scheme = {"input_activations": {"num_bits": 4}}
    with pytest.raises(calipers.AlreadyExistsError, match="0/input"):
        calipers.torch.calibrate(model(), ONE, client, scheme=scheme)


def test_a_weight_that_groups_do_not_divide_is_named(client):
    with pytest.raises(calipers.InvalidArgumentError, match=r"0/weight: shape .* group_size 128"):
        calipers.torch.calibrate(model(), ONE, client, scheme="W4A16")


def test_an_activation_of_a_dtype_that_is_not_observed_is_named(client):
    boolean = nn.Sequential(nn.Identity())
    with pytest.raises(calipers.InvalidArgumentError, match=r"0/input: dtype torch\.bool"):
        calipers.torch.calibrate(
            boolean, [torch.ones(1, 4) > 0], client, targets="Identity", scheme="FP8"
        )


class Counts(nn.Module):
    def forward(self, value: torch.Tensor) -> int:
        return value.numel()


def test_an_activation_that_is_no_tensor(client):
    scheme = {"output_activations": {"num_bits": 8}}
    with pytest.raises(calipers.InvalidArgumentError, match=r"output of a Counts .* only int"):
        calipers.torch.calibrate(
            nn.Sequential(Counts()), ONE, client, targets="Counts", scheme=scheme
        )


def test_weights_that_are_not_there(client):
    meta = nn.Sequential(nn.Linear(4, 4, device="meta"))
    with pytest.raises(calipers.InvalidArgumentError, match=r"0/weight.*meta"):
        calipers.torch.calibrate(meta, ONE, client)


@pytest.mark.parametrize("dtype", [torch.float8_e4m3fn, torch.int8])
@pytest.mark.parametrize("scale", ["weight_scale", "weight_scale_inv"])
def test_a_weight_that_is_stored_quantized(client, dtype, scale):
    quantized = model()
    quantized[0].weight = nn.Parameter(quantized[0].weight.to(dtype), requires_grad=False)
    setattr(quantized[0], scale, torch.ones(1))
    with pytest.raises(calipers.InvalidArgumentError, match=rf"weight of 0 .*, with {scale}\)"):
        calipers.torch.calibrate(quantized, ONE, client, observe="weight")
    assert len(client.sessions()) == 0


def test_a_weight_that_is_sharded(client, monkeypatch):
    sharded = model()
    monkeypatch.setattr(torch.nn.Parameter, "full_tensor", None, raising=False)
    with pytest.raises(calipers.InvalidArgumentError, match="0/weight is sharded"):
        calipers.torch.calibrate(sharded, ONE, client)


def test_parts_of_one_activation_that_do_not_go_together(client):
    class Both(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.same = nn.Identity()

        def forward(self, value: torch.Tensor) -> torch.Tensor:
            return self.same(value) + self.same(value[:, :1])

    with pytest.raises(calipers.InvalidArgumentError, match=r"same/input was observed .* \[1, 1\]"):
        calipers.torch.calibrate(
            Both(), ONE, client, targets="Identity", scheme="FP8", repeats="concatenate"
        )
