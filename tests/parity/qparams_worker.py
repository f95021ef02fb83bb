"""Runs compressed-tensors and llm-compressor on quantization args and ranges for another process.
references.py starts it like reference_worker.py."""

from __future__ import annotations

import json

import torch
from compressed_tensors.quantization import (
    QuantizationArgs,
    QuantizationScheme,
    initialize_module_for_quantization,
)
from compressed_tensors.quantization.quant_scheme import PRESET_SCHEMES
from compressed_tensors.quantization.utils import calculate_qparams
from llmcompressor.modifiers.quantization.calibration import initialize_observer, update_qparams
from llmcompressor.observers import Observer
from llmcompressor.observers.helpers import FUSED_LAYER_NAMES
from pydantic import ValidationError

from qparams_loading import compare_loaded
from qparams_tensors import Raw, to_raw, to_tensor
from worker_loop import answer_jobs


def say_args(args: QuantizationArgs) -> dict:
    return {"json": args.model_dump_json(), "zp_dtype": str(args.zp_dtype)}


def answer_args(text: str) -> dict:
    """The result of pydantic for a JSON object, or its refusal."""
    try:
        return say_args(QuantizationArgs.model_validate(json.loads(text)))
    except ValidationError as error:
        found = error.errors()
        said = "; ".join(part["msg"] for part in found)
        return {"refused": said, "members": [str(part["loc"][0]) for part in found if part["loc"]]}
    except Exception as error:  # The validators raise various exceptions.
        return {"refused": f"{type(error).__name__}: {error}", "members": []}


def answer_presets() -> list[dict]:
    def args_of(scheme: dict, name: str) -> dict | None:
        return say_args(scheme[name]) if name in scheme else None

    kinds = ("weights", "input_activations", "output_activations")
    return [
        {"name": name, **{kind: args_of(scheme, kind) for kind in kinds}}
        for name, scheme in PRESET_SCHEMES.items()
    ]


def with_statistics(args: QuantizationArgs, low: torch.Tensor, high: torch.Tensor) -> Observer:
    observer = Observer.load_from_registry("static_minmax", base_name="weight", args=args)
    observer.min_vals, observer.max_vals = low, high
    return observer


def fused_global_scale(args: QuantizationArgs, ranges: list[list[Raw]]) -> torch.Tensor | None:
    """The global scale of one group, computed as in llm-compressor's observers."""
    observers = [with_statistics(args, to_tensor(low), to_tensor(high)) for low, high in ranges]
    modules = [torch.nn.Module() for _ in observers]
    type(observers[0].fusion_handler).fuse(zip(observers, modules, strict=True))
    return observers[0].get_global_scale()


def module_with(args: QuantizationArgs, shape: tuple[int, ...], dtype: torch.dtype):
    """A layer with uninitialised scales of this shape for its weight; None if there is no such
    weight."""
    if args.strategy == "tensor" and shape == (1,):
        sizes = (2, 3)
    elif args.strategy == "channel" and len(shape) == 2 and shape[1] == 1:
        sizes = (shape[0], 3)
    elif args.strategy in ("group", "tensor_group") and len(shape) == 2:
        sizes = (shape[0], shape[1] * args.group_size)
    elif args.strategy == "block" and len(shape) == 2:
        sizes = tuple(n * size for n, size in zip(shape, args.block_structure, strict=True))
    else:
        return None
    if sizes[0] * sizes[1] > 1 << 20:
        return None
    layer = torch.nn.Linear(sizes[1], sizes[0], bias=False, dtype=dtype)
    scheme = QuantizationScheme(targets=["Linear"], weights=args)
    initialize_module_for_quantization(layer, scheme)
    initialize_observer(layer, "weight")
    return layer


def stored_on_module(args: QuantizationArgs, job: dict) -> dict | None:
    """The parameters that a module holds after its observer's parameters are written to it."""
    low, high = (to_tensor(raw) for raw in job["range"])
    layer = module_with(args, tuple(low.shape), low.dtype)
    if layer is None or not hasattr(layer, "weight_observer"):
        return None
    layer.weight_observer.min_vals, layer.weight_observer.max_vals = low, high
    others = job["global_ranges"][1:]
    observers = [with_statistics(args, *(to_tensor(raw) for raw in pair)) for pair in others]
    members = [layer.weight_observer, *observers]
    modules = [layer, *(torch.nn.Module() for _ in observers)]
    type(members[0].fusion_handler).fuse(zip(members, modules, strict=True))
    update_qparams(layer, "weight")
    names = ("scale", "zero_point", "global_scale")
    return {name: to_raw(getattr(layer, f"weight_{name}", None)) for name in names}


def answer_qparams(job: dict) -> dict:
    args = QuantizationArgs.model_validate(json.loads(job["args"]))
    low, high = (to_tensor(raw) for raw in job["range"])
    try:
        global_scale = fused_global_scale(args, job["global_ranges"])
        scale, zero_point = calculate_qparams(low, high, args, global_scale)
    except (RuntimeError, NotImplementedError, TypeError) as error:
        return {"refused": f"{type(error).__name__}: {error}"}
    returned = {"scale": scale, "zero_point": zero_point, "global_scale": global_scale}
    return {
        "returned": {name: to_raw(value) for name, value in returned.items()},
        "stored": stored_on_module(args, job),
    }


@torch.no_grad()
def run(job: dict):
    if job["op"] == "args":
        return [answer_args(text) for text in job["texts"]]
    if job["op"] == "presets":
        return answer_presets()
    if job["op"] == "fused":
        return [list(names) for names in FUSED_LAYER_NAMES]
    if job["op"] == "load":
        return compare_loaded(job)
    return [answer_qparams(question) for question in job["questions"]]


if __name__ == "__main__":
    answer_jobs(("compressed-tensors", "llmcompressor", "torch"), run)
