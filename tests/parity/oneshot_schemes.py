"""The schemes that the layer `oneshot` compares, as plain data for both of its processes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

INT8 = {"num_bits": 8, "type": "int"}
W8_CHANNEL = {**INT8, "strategy": "channel"}


@dataclass(frozen=True)
class Scheme:
    """A preset, or args in the form of a recipe's config_groups.

    `fused` names modules whose weights share a global scale, in addition to the groups that
    llm-compressor knows.
    """

    name: str
    preset: str | None = None
    weights: dict[str, Any] | None = None
    input_activations: dict[str, Any] | None = None
    fused: tuple[str, ...] = ()

    def config_groups(self) -> dict[str, Any]:
        args = {"weights": self.weights, "input_activations": self.input_activations}
        return {"group_0": {"targets": ["Linear"], **args}}


SCHEMES = (
    Scheme(
        "W8A8 static",
        weights=W8_CHANNEL,
        input_activations={**INT8, "strategy": "tensor"},
    ),
    Scheme(
        "W8A8 static, asymmetric inputs",
        weights=W8_CHANNEL,
        input_activations={**INT8, "strategy": "tensor", "symmetric": False},
    ),
    Scheme("W4A16", preset="W4A16"),
    Scheme("W4A16_ASYM", preset="W4A16_ASYM"),
    Scheme("FP8", preset="FP8"),
    Scheme("NVFP4", preset="NVFP4"),
    # llm-compressor does not fuse modules with BERT's names.
    Scheme("NVFP4, query/key/value fused", preset="NVFP4", fused=("query", "key", "value")),
)
