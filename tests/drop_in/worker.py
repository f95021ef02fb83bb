"""One process of a calibration: runs llm-compressor's `oneshot` on a real model for each job of its
orders, and writes the quantization parameters. Needs an environment with llm-compressor, and the
client on its path.

    RANK=0 WORLD_SIZE=2 python worker.py ORDERS.json
"""

from __future__ import annotations

import inspect
import json
import os
import signal
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
from llmcompressor.modifiers.quantization.quantization import base as quantization
from safetensors.torch import save_file
from torch import nn
from transformers import AutoModel, AutoTokenizer

import calipers.llmcompressor  # noqa: F401 (registers its observers)

PARAMETERS = ("scale", "zero_point", "global_scale")
SIDES = ("weight", "input", "output")
RANK, WORLD_SIZE = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
SHORTEST = 8
TEXT = Path(__file__).resolve().parents[1] / "data" / "text.txt"
# A module in the middle of the model.
WATCHED = "encoder.layer.3.intermediate.dense"


def pieces(tokenizer: Any, count: int) -> list[dict[str, list[int]]]:
    """Pieces of a text with different numbers of tokens, the longest first.

    Each process of llm-compressor reads its part sorted by length, and equal lengths in any order.
    With different lengths the concatenated parts are in the order in which one process reads all
    pieces.
    """
    lines = TEXT.read_text(encoding="utf-8").splitlines()
    text = [token for line in lines for token in tokenizer(line)["input_ids"][1:-1]]
    first, last = tokenizer.cls_token_id, tokenizer.sep_token_id
    found = []
    for length in range(SHORTEST + count - 1, SHORTEST - 1, -1):
        piece, text = text[: length - 2], text[length - 2 :] + text[: length - 2]
        found.append({"input_ids": [first, *piece, last], "attention_mask": [1] * length})
    return found


def own_part(whole: list[Any], order: str) -> Dataset:
    """The part of this process: batches in turn, or a contiguous part with the name that
    llm-compressor's get_rank_partition gives it, which shows the order to the observers."""
    if order == "interleaved":
        return Dataset.from_list(whole[RANK::WORLD_SIZE])
    begin, end = (len(whole) * rank // WORLD_SIZE for rank in (RANK, RANK + 1))
    return Dataset.from_list(whole[begin:end], split=f"train[{begin}:{end}]")


def without_scales_in_between() -> dict[str, bool]:
    """Arguments of oneshot that disable quantization during the calibration, so that the input of
    a layer does not depend on the scales of other layers."""
    off = {"quantization_aware_calibration": False, "propagate_error": False}
    known = {*inspect.signature(oneshot).parameters, *DatasetArguments.__dataclass_fields__}
    return {name: value for name, value in off.items() if name in known}


def left_on_modules(model: nn.Module) -> dict[str, torch.Tensor]:
    """All quantization parameters, by their names in the model's state."""
    wanted = {f"{side}_{name}" for side in SIDES for name in PARAMETERS}
    return {
        name: tensor.contiguous()
        for name, tensor in model.state_dict().items()
        if name.rpartition(".")[2] in wanted
    }


def die_at(model: nn.Module, batch: int) -> None:
    """Kills this process when a module in the middle of the model runs on the batch."""
    batches = iter(range(sys.maxsize))

    def look(*_: object) -> None:
        if next(batches) == batch:
            os.kill(os.getpid(), signal.SIGKILL)

    model.get_submodule(WATCHED).register_forward_pre_hook(look)


def set_weights_late() -> None:
    """The last process sets the scales of weights late, so that a process that does not wait for
    it reads scales that are not set. Only where the processes share this work."""
    if RANK == 0 or RANK < WORLD_SIZE - 1 or not hasattr(quantization, "update_qparams"):
        return
    update = quantization.update_qparams

    def late(modules: Any, base_name: Any) -> None:
        if base_name == "weight":
            time.sleep(0.1)
        update(modules, base_name)

    quantization.update_qparams = late


def run(job: dict[str, Any], orders: dict[str, Any], out: str) -> None:
    """Runs one calibration. The name of the observer selects the side."""
    os.environ.update(job["environment"])
    tokenizer = AutoTokenizer.from_pretrained(orders["model"])
    model = AutoModel.from_pretrained(orders["model"], dtype=getattr(torch, job["dtype"]))
    if "die_at" in orders:
        die_at(model, orders["die_at"])
    part = own_part(pieces(tokenizer, job["batches"]), job["order"])
    begin = time.monotonic()
    oneshot(
        model=model,
        processor=tokenizer,
        dataset=part,
        recipe=QuantizationModifier(
            targets=["Linear"], input_observer=job["observer"], **job["arguments"]
        ),
        num_calibration_samples=len(part),
        shuffle_calibration_samples=False,
        **without_scales_in_between(),
    )
    seconds = time.monotonic() - begin
    if dist.is_initialized() and not job["observer"].startswith("calipers_"):
        # Processes share offloaded parameters, and each process sets a part of the weights' scales.
        # With the observers of Calipers, oneshot itself waits for the others.
        dist.barrier()
    save_file(left_on_modules(model), out, metadata={"seconds": f"{seconds:.3f}"})


def main() -> None:
    torch.set_num_threads(1)
    set_weights_late()
    orders = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    if rendezvous := orders["rendezvous"]:
        dist.init_process_group("gloo", f"file://{rendezvous}", rank=RANK, world_size=WORLD_SIZE)
    for place, job in enumerate(orders["jobs"]):
        run(job, orders, orders["out"] % place)
    if rendezvous:
        dist.destroy_process_group()


if __name__ == "__main__":
    main()
