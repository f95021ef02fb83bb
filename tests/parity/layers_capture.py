"""Writes the input and output of every linear module of a real model for each batch. Model and text
are those of client/python/examples, which must be on PYTHONPATH."""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from minilm import load_batches, load_model
from safetensors.torch import save_file
from torch import Tensor, nn


def capture() -> dict[str, Tensor]:
    """Tensors of shape (1, tokens, columns) by MODULE/BASE_NAME/INDEX: docs/captures.md."""
    model = load_model()
    seen: dict[str, Tensor] = {}
    index = 0

    def keep(name: str):
        def hook(_module: nn.Module, inputs: tuple[Tensor], output: Tensor) -> None:
            # Copies, because three modules share an input, and a file cannot hold shared tensors.
            seen[f"{name}/input/{index}"] = inputs[0].clone().contiguous()
            seen[f"{name}/output/{index}"] = output.clone().contiguous()

        return hook

    for name, module in model.named_modules():
        if isinstance(module, nn.Linear):
            module.register_forward_hook(keep(name))
    with torch.no_grad():
        for index, batch in enumerate(load_batches()):  # hooks read it
            model(batch)
    return seen


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="output file")
    arguments = parser.parse_args()
    save_file(capture(), arguments.out)


if __name__ == "__main__":
    main()
