"""Runs llm-compressor's `oneshot` on a real model for another process. references.py starts it like
reference_worker.py."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from datasets import Dataset
from llmcompressor import oneshot
from llmcompressor.modifiers.quantization import QuantizationModifier
from llmcompressor.modifiers.utils.hooks import HooksMixin
from llmcompressor.observers.helpers import FUSED_LAYER_NAMES
from safetensors.torch import save_file
from torch import Tensor, nn
from transformers import AutoModel, AutoTokenizer

from oneshot_schemes import SCHEMES, Scheme
from qparams_tensors import DTYPES
from worker_loop import answer_jobs

PACKAGES = ("llmcompressor", "compressed-tensors", "transformers", "datasets", "torch")
PARAMETERS = ("scale", "zero_point", "global_scale")


class Capture(HooksMixin):
    """Saves the inputs of linear modules by MODULE/input/INDEX.

    Its hooks are of the same kind as those of llm-compressor's observers. They run in the same
    passes, and not in passes in which oneshot disables hooks.
    """

    def watch(self, model: nn.Module) -> dict[str, Tensor]:
        """Yields a dict that is filled while the model runs."""
        found: dict[str, Tensor] = {}
        for name, module in linear_modules(model):
            self.register_hook(module, self._saver(name, found), "forward_pre")
        return found

    @staticmethod
    def _saver(name: str, found: dict[str, Tensor]):
        indices = iter(range(sys.maxsize))

        def save(_module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
            found[f"{name}/input/{next(indices)}"] = inputs[0].detach().contiguous().clone()

        return save


def linear_modules(model: nn.Module) -> Iterator[tuple[str, nn.Linear]]:
    for name, module in model.named_modules():
        if isinstance(module, nn.Linear):
            yield name, module


def modifier(scheme: Scheme) -> QuantizationModifier:
    if scheme.preset:
        return QuantizationModifier(targets=["Linear"], scheme=scheme.preset)
    return QuantizationModifier(config_groups=scheme.config_groups())


@contextmanager
def also_fused(names: tuple[str, ...]) -> Iterator[None]:
    """Adds a fused group to llm-compressor's list, because there is no setting for it."""
    before = list(FUSED_LAYER_NAMES)
    FUSED_LAYER_NAMES.extend([names] if names else [])
    try:
        yield
    finally:
        FUSED_LAYER_NAMES[:] = before


def calibrate(scheme: Scheme, job: dict) -> tuple[nn.Module, dict[str, Tensor]]:
    """The model after oneshot, and the inputs of its linear modules meanwhile."""
    model = AutoModel.from_pretrained(job["model"], dtype=DTYPES[job["dtype"]])
    capture = Capture()
    inputs = capture.watch(model)
    with also_fused(scheme.fused):
        oneshot(
            model=model,
            processor=AutoTokenizer.from_pretrained(job["model"]),
            dataset=Dataset.from_dict({"text": job["lines"]}),
            recipe=modifier(scheme),
            shuffle_calibration_samples=False,
        )
    capture.remove_hooks()
    return model, inputs


def left_on_modules(model: nn.Module) -> dict[str, Tensor]:
    """All quantization parameters, by their names in the model's state."""
    sides = ("weight", "input", "output")
    wanted = {f"{side}_{name}" for side in sides for name in PARAMETERS}
    return {
        name: tensor.contiguous()
        for name, tensor in model.state_dict().items()
        if name.rpartition(".")[2] in wanted
    }


def require_same(first: dict[str, Tensor], other: dict[str, Tensor], scheme: Scheme) -> None:
    """Checks that all schemes have the same inputs, so that one calibration represents all."""
    if first.keys() != other.keys() or any(
        not torch.equal(first[name], other[name]) for name in first
    ):
        raise RuntimeError(f"the model saw other tensors under {scheme.name}")


def run(job: dict) -> dict[str, int]:
    """Writes weights.safetensors and inputs.safetensors, and the parameters of oneshot for the
    scheme at each place in SCHEMES as PLACE.safetensors. Returns the size of the calibration."""
    out = Path(job["out"])
    inputs: dict[str, Tensor] = {}
    weights: dict[str, Tensor] = {}
    for place, scheme in enumerate(SCHEMES):
        model, seen = calibrate(scheme, job)
        if seen:
            inputs = inputs or seen
            require_same(inputs, seen, scheme)
        found = {f"{name}.weight": module.weight.data for name, module in linear_modules(model)}
        weights = weights or found
        require_same(weights, found, scheme)
        save_file(left_on_modules(model), out / f"{place}.safetensors")
    save_file(weights, out / "weights.safetensors")
    save_file(inputs, out / "inputs.safetensors")
    first = next(iter(weights)).removesuffix(".weight")
    batches = [tensor for name, tensor in inputs.items() if name.startswith(f"{first}/")]
    return {
        "modules": len(weights),
        "batches": len(batches),
        "tokens": sum(tensor[..., 0].numel() for tensor in batches),
    }


if __name__ == "__main__":
    answer_jobs(PACKAGES, run)
