"""The calibrations of scripts/drop-in, as plain data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

INT8 = {"num_bits": 8, "type": "int"}
WEIGHTS = {**INT8, "strategy": "channel"}


@dataclass(frozen=True, eq=False)
class Recipe:
    """The arguments of a QuantizationModifier, except the observer of inputs."""

    name: str
    observer: str
    """The name of llm-compressor's observer. The drop-in's name is this with `calipers_` before
    it."""
    arguments: dict[str, Any]


def _static(**inputs: Any) -> dict[str, Any]:
    args = {**INT8, "strategy": "tensor", **inputs}
    group = {"targets": ["Linear"], "weights": WEIGHTS, "input_activations": args}
    return {"config_groups": {"group_0": group}}


RECIPES = (
    Recipe("W8A8 static", "minmax", _static()),
    Recipe("W8A8 static, asymmetric inputs", "minmax", _static(symmetric=False)),
    Recipe("FP8", "static_minmax", {"scheme": "FP8"}),
    Recipe("NVFP4", "static_minmax", {"scheme": "NVFP4"}),
    Recipe("NVFP4, moving average", "minmax", {"scheme": "NVFP4"}),
)

DTYPES = {"float32": "F32", "bfloat16": "BF16"}
PROCESSES = (1, 2, 4)
VERSIONS = {"0.14": "reference-current", "0.10": "reference-moving-base"}


@dataclass(frozen=True)
class Side:
    """The side whose observers calibrate: llm-compressor or Calipers."""

    name: str
    prefix: str = ""
    arithmetic: str = "reference"

    def observer(self, recipe: Recipe) -> str:
        return self.prefix + recipe.observer


OWN = Side("own")
REFERENCE = Side("reference", "calipers_", "reference")
EXACT = Side("exact", "calipers_", "exact")
SIDES = (OWN, REFERENCE, EXACT)


@dataclass(frozen=True)
class Plan:
    """The calibrations of one run of the script."""

    versions: tuple[str, ...]
    recipes: tuple[Recipe, ...]
    dtypes: tuple[str, ...]
    processes: tuple[int, ...]


WHOLE = Plan(tuple(VERSIONS), RECIPES, tuple(DTYPES), PROCESSES)
QUICK = Plan(("0.14",), RECIPES[1:2], ("bfloat16",), (1, 2))
