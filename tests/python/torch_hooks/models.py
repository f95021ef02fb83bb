"""A small model with attention, experts and a module that runs twice, and its batches."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

HIDDEN, WIDE, VOCABULARY, EXPERTS = 32, 64, 50, 4


class Attention(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.q_proj, self.k_proj, self.v_proj, self.o_proj = (
            nn.Linear(HIDDEN, HIDDEN) for _ in range(4)
        )

    def forward(self, value: Tensor) -> Tensor:
        query, key, values = (
            project(value).unflatten(-1, (4, -1)).transpose(1, 2)
            for project in (self.q_proj, self.k_proj, self.v_proj)
        )
        attended = functional.scaled_dot_product_attention(query, key, values)
        return self.o_proj(attended.transpose(1, 2).flatten(-2))


class Expert(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.up_proj = nn.Linear(HIDDEN, WIDE)
        self.down_proj = nn.Linear(WIDE, HIDDEN)

    def forward(self, tokens: Tensor) -> Tensor:
        return self.down_proj(functional.silu(self.up_proj(tokens)))


class Experts(nn.Module):
    """A token's id selects its expert. An expert without tokens does not run. The last expert never
    has tokens."""

    def __init__(self) -> None:
        super().__init__()
        self.experts = nn.ModuleList(Expert() for _ in range(EXPERTS))

    def forward(self, value: Tensor, ids: Tensor) -> Tensor:
        result = torch.zeros_like(value)
        for number, expert in enumerate(self.experts):
            chosen = ids % 7 == number if number < EXPERTS - 1 else ids < 0
            if chosen.any():
                result[chosen] = expert(value[chosen])
        return result


class Layer(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.attention = Attention()
        self.mlp = Experts()
        self.norm = nn.LayerNorm(HIDDEN)
        self.dropout = nn.Dropout(0.5)

    def forward(self, value: Tensor, ids: Tensor) -> Tensor:
        value = self.norm(value + self.dropout(self.attention(value)))
        return value + self.mlp(value, ids)


class Model(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(VOCABULARY, HIDDEN)
        self.layers = nn.ModuleList(Layer() for _ in range(2))
        self.head = nn.Linear(HIDDEN, VOCABULARY)

    def forward(self, ids: Tensor) -> Tensor:
        value = self.embed(ids)
        for layer in self.layers:
            value = layer(value, ids)
        return self.head(value)


class Twice(nn.Module):
    """A module that runs twice, and whose output is changed in place."""

    def __init__(self) -> None:
        super().__init__()
        self.shared = nn.Linear(8, 8)

    def forward(self, value: Tensor) -> Tensor:
        return self.shared(self.shared(value).relu_()[:, :2]).mul_(0)


def make_model(dtype: torch.dtype = torch.float32) -> Model:
    torch.manual_seed(20)
    return Model().to(dtype)


def make_batches(count: int) -> list[Tensor]:
    """Batches of token ids. The experts with tokens differ between batches."""
    random = torch.Generator().manual_seed(21)
    return [
        torch.randint(0, VOCABULARY, (1, 1 + number % 5), generator=random)
        for number in range(count)
    ]


def captured(model: nn.Module, batches: list[Tensor]) -> dict[str, list[list[Tensor]]]:
    """The inputs and outputs of every linear module for each call, by session and batch. A slow
    reference implementation."""
    seen: dict[str, list[list[Tensor]]] = {}
    handles = []
    for name, module in model.named_modules():
        if isinstance(module, nn.Linear):
            ins, outs = seen[f"{name}/input"], seen[f"{name}/output"] = [[], []], [[], []]
            ins.clear()
            outs.clear()

            def keep(_, given, returned, ins=ins, outs=outs) -> None:
                ins[-1].append(given[0].clone())
                outs[-1].append(returned.clone())

            handles.append(module.register_forward_hook(keep))
    model.eval()
    with torch.no_grad():
        for batch in batches:
            for series in seen.values():
                series.append([])
            model(batch)
    for handle in handles:
        handle.remove()
    return seen


def hooks_of(model: nn.Module) -> int:
    """Number of hooks of all modules."""
    return sum(
        len(module._forward_hooks) + len(module._forward_pre_hooks) for module in model.modules()
    )
