"""The distance between two sets of quantization parameters."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import safetensors
from oneshot_compare import distance
from qparams_forms import Tensor

Parameters = dict[str, Tensor]


@dataclass(frozen=True)
class Distance:
    """The distance of parameters from the expected parameters."""

    values: int = 0
    differing: int = 0
    """Number of values that differ in any bit."""
    scale: float = 0.0
    """The largest relative difference of a scale or a global scale."""
    zero_point: float = 0.0
    """The largest difference of a zero point, in steps."""

    def __str__(self) -> str:
        if not self.differing:
            return "0"
        steps = f", {self.zero_point:g} steps" if self.zero_point else ""
        return f"{self.differing}, {100 * self.scale:.2g}%{steps}"

    def as_json(self) -> dict[str, float]:
        return asdict(self)


def read(path: Path) -> tuple[Parameters, float]:
    """Reads the parameters of a process, and its seconds."""
    with safetensors.safe_open(path, "numpy") as file:
        seconds = float(file.metadata()["seconds"])
    tensors = {
        name: Tensor(raw["dtype"], tuple(raw["shape"]), bytes(raw["data"]))
        for name, raw in safetensors.deserialize(path.read_bytes())
    }
    return tensors, seconds


def of_side(found: Parameters, side: str) -> Parameters:
    """The parameters of one side, "weight" or "input"."""
    return {
        name: tensor
        for name, tensor in found.items()
        if name.rpartition(".")[2].startswith(f"{side}_")
    }


def measure(expected: Parameters, given: Parameters) -> Distance:
    """Computes the distance. Raises ValueError if the names differ."""
    if expected.keys() != given.keys():
        raise ValueError(f"other parameters: {sorted(expected.keys() ^ given.keys())[:5]}")
    values = differing = 0
    greatest = {"scale": 0.0, "zero_point": 0.0}
    for name, wanted in expected.items():
        parameter = name.rpartition(".")[2]
        kind = "zero_point" if parameter.endswith("zero_point") else "scale"
        greatest[kind] = max(greatest[kind], distance(parameter, wanted, given[name]))
        values += wanted.elements().size
        differing += _differing(wanted, given[name])
    return Distance(values, differing, greatest["scale"], greatest["zero_point"])


def worst(distances: Iterable[Distance]) -> Distance:
    """The worst of several distances."""
    found = list(distances)
    return Distance(
        max(each.values for each in found),
        max(each.differing for each in found),
        max(each.scale for each in found),
        max(each.zero_point for each in found),
    )


def _differing(expected: Tensor, given: Tensor) -> int:
    if (expected.dtype, expected.shape) != (given.dtype, given.shape):
        return int(expected.elements().size)
    bits = np.dtype(f"u{expected.elements().itemsize}")
    return int((np.frombuffer(expected.data, bits) != np.frombuffer(given.data, bits)).sum())
