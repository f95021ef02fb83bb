"""Compares layers that load a file of qparams with layers that llm-compressor calibrated. Used by
qparams_worker.py."""

from __future__ import annotations

import torch
from compressed_tensors.quantization import (
    QuantizationStatus,
    initialize_module_for_quantization,
    preset_name_to_scheme,
)
from compressed_tensors.quantization.lifecycle.forward import fake_quantize
from llmcompressor.modifiers.quantization.calibration import initialize_observer, update_qparams
from safetensors.torch import load_file

from qparams_tensors import Raw, to_raw

Layers = dict[str, torch.nn.Linear]
Inputs = dict[str, list[torch.Tensor]]


def make_layers(weights: dict[str, torch.Tensor], scheme: str) -> Layers:
    """The layers by module, before a checkpoint is loaded."""
    layers = {}
    for module, weight in weights.items():
        rows, columns = weight.shape
        layer = torch.nn.Linear(columns, rows, bias=False, dtype=weight.dtype)
        layer.weight.data.copy_(weight)
        initialize_module_for_quantization(layer, preset_name_to_scheme(scheme, ["Linear"]))
        layers[module] = layer
    return layers


def calibrate(layers: Layers, inputs: Inputs, groups: list[list[str]]) -> None:
    """Calibrates the layers as llm-compressor's modifiers do."""
    for module, layer in layers.items():
        initialize_observer(layer, "weight")
        if module in inputs:
            initialize_observer(layer, "input")
    for group in groups:
        members = [layers[module] for module in group]
        handler = type(members[0].weight_observer.fusion_handler)
        handler.fuse((layer.weight_observer, layer) for layer in members)
    for module, layer in layers.items():
        layer.weight_observer(layer.weight)
        for batch in inputs.get(module, []) if hasattr(layer, "input_observer") else []:
            layer.input_observer(batch)
    for layer in layers.values():
        update_qparams(layer, "weight")
        if hasattr(layer, "input_observer"):
            update_qparams(layer, "input")
        for name in ("weight_observer", "input_observer"):
            if hasattr(layer, name):
                delattr(layer, name)


def load(layers: Layers, inputs: Inputs, qparams: dict[str, torch.Tensor]) -> None:
    """Loads the file. Raises RuntimeError for unknown and missing names, and for other dtypes."""
    for module, layer in layers.items():
        named = {
            name.removeprefix(f"{module}."): tensor
            for name, tensor in qparams.items()
            if name.startswith(f"{module}.")
        }
        missing, unexpected = layer.load_state_dict(named, strict=False)
        lacking = [
            name
            for name in missing
            if name.startswith("weight_") or (name.startswith("input_") and module in inputs)
        ]
        if unexpected or lacking:
            raise RuntimeError(f"{module} takes no {unexpected} and lacks {lacking}")
        kinds = {name: tensor.dtype for name, tensor in layer.state_dict().items()}
        for name, tensor in named.items():
            if tensor.dtype != kinds[name]:
                raise RuntimeError(f"{module}.{name} is {tensor.dtype}, of a layer {kinds[name]}")


def results(layer: torch.nn.Linear, batches: list[torch.Tensor]) -> dict[str, Raw]:
    """A layer's parameters, its quantized weight and its output for a batch."""
    found = {
        name: to_raw(tensor)
        for name, tensor in layer.state_dict().items()
        # The parameters of an unobserved input are uninitialised.
        if batches or not name.startswith("input_")
    }
    args = layer.quantization_scheme.weights
    quantized = fake_quantize(
        layer.weight,
        layer.weight_scale,
        layer.weight_zero_point,
        args,
        getattr(layer, "weight_global_scale", None),
    )
    found["fake_quantize(weight)"] = to_raw(quantized)
    if batches:
        layer.quantization_status = QuantizationStatus.FROZEN
        found["forward"] = to_raw(layer(batches[0]))
    return found


def compare_loaded(job: dict) -> list[tuple[str, dict[str, Raw], dict[str, Raw]]]:
    """(module, results of the calibrated layer, results of the loaded layer)."""
    named = load_file(job["weights"])
    weights = {name.removesuffix(".weight"): tensor for name, tensor in named.items()}
    inputs: Inputs = {}
    activations = load_file(job["activations"])
    for name in sorted(activations, key=lambda name: int(name.rpartition("/")[2])):
        module, base_name, _ = name.split("/")
        if base_name == "input" and module in weights:
            inputs.setdefault(module, []).append(activations[name])
    own, loaded = make_layers(weights, job["scheme"]), make_layers(weights, job["scheme"])
    calibrate(own, inputs, job["groups"])
    load(loaded, inputs, load_file(job["qparams"]))
    return [
        (module, results(own[module], batches), results(loaded[module], batches))
        for module in weights
        for batches in [inputs.get(module, [])]
    ]
