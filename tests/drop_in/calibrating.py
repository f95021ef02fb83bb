"""Small models, and their calibration with llm-compressor."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from llmcompressor.core import LifecycleCallbacks, active_session
from llmcompressor.modifiers.quantization import QuantizationModifier
from llmcompressor.observers import Observer
from llmcompressor.utils.helpers import DisableQuantization, calibration_forward_context
from torch import Tensor, nn

HIDDEN = 32
INT8 = {"num_bits": 8, "type": "int"}
PARAMETERS = ("scale", "zero_point", "global_scale")

Batch = dict[str, Tensor]


class Attention(nn.Module):
    """A module with projections that llm-compressor fuses."""

    def __init__(self) -> None:
        super().__init__()
        for name in ("q_proj", "k_proj", "v_proj", "o_proj"):
            setattr(self, name, nn.Linear(HIDDEN, HIDDEN, bias=False))

    def forward(self, x: Tensor) -> Tensor:
        return self.o_proj(self.q_proj(x) * self.k_proj(x) + self.v_proj(x))


class Experts(nn.Module):
    """Each batch names the experts that run on its tokens. An expert that is named twice runs
    twice, like a layer that is used again."""

    def __init__(self, count: int = 3) -> None:
        super().__init__()
        self.experts = nn.ModuleList(nn.Linear(HIDDEN, HIDDEN, bias=False) for _ in range(count))

    def forward(self, x: Tensor, chosen: Sequence[int]) -> Tensor:
        return torch.stack(
            [self.experts[int(place)](x * (1 + at)) for at, place in enumerate(chosen)]
        )


def batches_of(count: int, dtype: torch.dtype = torch.float32, **more: Any) -> list[Batch]:
    """Random batches of different sizes, the same for every call."""
    generator = torch.Generator().manual_seed(7)
    return [
        {"x": (3 * torch.randn(1, 3 + at % 4, HIDDEN, generator=generator)).to(dtype), **more}
        for at in range(count)
    ]


def static(**inputs: Any) -> dict[str, Any]:
    """config_groups of a recipe with int8 weights and inputs."""
    weights = {**INT8, "strategy": "channel"}
    args = {**INT8, "strategy": "tensor", **inputs}
    return {
        "config_groups": {
            "a": {"targets": ["Linear"], "weights": weights, "input_activations": args}
        }
    }


def run_pipeline(model: nn.Module, batches: Sequence[Batch]) -> None:
    """Runs the model as llm-compressor's basic pipeline, which up to 0.10 needs an accelerator. If
    the model has layers with the same input, runs them one after another, as the sequential
    pipeline."""
    # The name of this setting until 0.12.
    epoch = "_epoch" if hasattr(LifecycleCallbacks, "calibration_epoch_start") else ""
    getattr(LifecycleCallbacks, f"calibration{epoch}_start")()
    with calibration_forward_context(model), DisableQuantization(model):
        for layer in getattr(model, "layers", [model]):
            for place, batch in enumerate(batches):
                active_session().state.current_batch_idx = place
                layer(**batch)
            if not hasattr(Observer, "get_global_min_max"):
                LifecycleCallbacks.sequential_epoch_end(list(layer.modules()))
    getattr(LifecycleCallbacks, f"calibration{epoch}_end")()


def calibrate(
    model: nn.Module, batches: Sequence[Batch], dtype: torch.dtype = torch.float32, **recipe: Any
) -> dict[str, Tensor]:
    """The model's parameters after llm-compressor's own pipeline. The model always starts with the
    same weights."""
    generator = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator))
    session = active_session()
    session.reset()
    modifier = QuantizationModifier(**{"targets": ["Linear"], **recipe})
    model = model.to(dtype)
    session.initialize(model=model, recipe=modifier, calib_data=batches, start=-1)
    run_pipeline(model, batches)
    session.finalize()
    sides = ("weight", "input", "output")
    wanted = {f"{side}_{name}" for side in sides for name in PARAMETERS}
    return {
        name: tensor.clone()
        for name, tensor in model.state_dict().items()
        if name.rpartition(".")[2] in wanted
    }


def assert_same(given: dict[str, Tensor], expected: dict[str, Tensor]) -> None:
    """Checks that bits, dtypes and shapes are equal."""
    assert given.keys() == expected.keys()
    for name, wanted in expected.items():
        found = given[name]
        assert (found.dtype, found.shape) == (wanted.dtype, wanted.shape), name
        same = torch.equal(found.view(torch.uint8), wanted.view(torch.uint8))
        assert same, f"{name}: {found} is not {wanted}"
