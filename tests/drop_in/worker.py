"""One process of a calibration: runs llm-compressor's own `oneshot` on a real model, for each job
of a file, and leaves the quantization parameters. Needs an environment with llm-compressor, and
the client on its path.

    RANK=0 WORLD_SIZE=2 python worker.py JOBS
"""

from __future__ import annotations

import inspect
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from datasets import Dataset
from llmcompressor import oneshot
from llmcompressor.args import DatasetArguments
from llmcompressor.modifiers.quantization import QuantizationModifier
from safetensors.torch import save_file
from torch import nn
from transformers import AutoModel, AutoTokenizer

import calipers.llmcompressor  # noqa: F401: the observers' names

PARAMETERS = ("scale", "zero_point", "global_scale")
SHORTEST = 8
SIDES = ("weight", "input", "output")


def modifier(job: dict[str, Any]) -> QuantizationModifier:
    """The recipe: of the two kinds of observers by one word."""
    return QuantizationModifier(targets=["Linear"], input_observer=job["observer"], **job["recipe"])


def left_on_modules(model: nn.Module) -> dict[str, torch.Tensor]:
    """Every quantization parameter, by its name in the model's state."""
    wanted = {f"{side}_{name}" for side in SIDES for name in PARAMETERS}
    return {
        name: tensor.contiguous()
        for name, tensor in model.state_dict().items()
        if name.rpartition(".")[2] in wanted
    }


def without_passes_in_between() -> dict[str, Any]:
    """So that what one layer sees does not depend on the scales of another: off by default in
    some versions, absent in others."""
    names = inspect.signature(oneshot).parameters
    off = {"quantization_aware_calibration": False, "propagate_error": False}
    known = set(names) | {field for field in DatasetArguments.__dataclass_fields__}
    return {name: value for name, value in off.items() if name in known}


def pieces(lines: list[str], tokenizer: Any) -> list[dict[str, list[int]]]:
    """The text in pieces of as many tokens as no other has, the longest first.

    llm-compressor has each process read its part by length, and equal lengths in any order: so
    the parts, one behind the other, are what one process reads that has all of them.
    """
    text = [token for line in lines for token in tokenizer(line)["input_ids"][1:-1]]
    first, last = tokenizer.cls_token_id, tokenizer.sep_token_id
    found = []
    for place in range(len(lines)):
        length = SHORTEST + len(lines) - 1 - place
        piece, text = text[: length - 2], text[length - 2 :] + text[: length - 2]
        ids = [first, *piece, last]
        found.append({"input_ids": ids, "attention_mask": [1] * length})
    return found


def own_part(whole: list[Any], order: str) -> list[Any]:
    """Of this process: each one its own piece, as llm-compressor's get_rank_partition cuts
    them, or dealt one by one."""
    rank, world_size = int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1"))
    if order == "interleaved":
        return whole[rank::world_size]
    return whole[len(whole) * rank // world_size : len(whole) * (rank + 1) // world_size]


def run(job: dict[str, Any]) -> None:
    os.environ.update(job["environment"])
    tokenizer = AutoTokenizer.from_pretrained(job["model"])
    model = AutoModel.from_pretrained(job["model"], dtype=getattr(torch, job["dtype"]))
    part = own_part(pieces(job["lines"], tokenizer), os.environ["CALIPERS_ORDER"])
    begin = time.monotonic()
    oneshot(
        model=model,
        processor=tokenizer,
        dataset=Dataset.from_list(part),
        recipe=modifier(job),
        num_calibration_samples=len(part),
        shuffle_calibration_samples=False,
        **without_passes_in_between(),
    )
    seconds = time.monotonic() - begin
    save_file(left_on_modules(model), job["out"], metadata={"seconds": f"{seconds:.3f}"})


def main() -> None:
    torch.set_num_threads(1)
    world_size = int(os.environ.get("WORLD_SIZE", "1"))
    if world_size > 1 and "MASTER_PORT" in os.environ:
        dist.init_process_group("gloo")
    jobs = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    for job in jobs:
        run(job)


if __name__ == "__main__":
    main()
