"""Random cases: a session's settings and its series of tensors."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from shapes import Layout, choose_layout
from values import fill

BATCHES = 20
DTYPES = ("F32", "BF16", "F16")
OBSERVERS = ("minmax", "static_minmax", "memoryless_minmax")
STRATEGIES = ("tensor", "channel", "group", "tensor_group", "block", "token", "attn_head")
BASE_NAMES = ("weight", "input", "output", "q", "k", "v")
# The strategies that the reference accepts.
ACCEPTED: dict[str, tuple[str, ...]] = {
    "weight": ("tensor", "channel", "group", "tensor_group", "block"),
    **dict.fromkeys(("input", "output"), ("tensor", "token", "group", "tensor_group")),
    **dict.fromkeys(("q", "k", "v"), ("tensor", "attn_head")),
}
PLACES = [(base_name, strategy) for base_name in BASE_NAMES for strategy in ACCEPTED[base_name]]
COMBINATIONS = len(PLACES) * len(DTYPES) * len(OBSERVERS)
DEFAULT_CONSTANT = 0.01


@dataclass(frozen=True)
class Case:
    """One session, to be compared at each checkpoint (a number of batches)."""

    seed: int
    number: int
    base_name: str
    strategy: str
    dtype: str
    observer: str
    # As given to the session; None leaves the default.
    averaging_constant: float | None
    layout: Layout
    checkpoints: tuple[int, ...]
    tensors: list[np.ndarray]

    @property
    def constant(self) -> float:
        return DEFAULT_CONSTANT if self.averaging_constant is None else self.averaging_constant

    @property
    def group_size(self) -> int | None:
        return self.layout.group_size

    @property
    def block_structure(self) -> tuple[int, int] | None:
        return self.layout.block_structure

    def describe(self) -> str:
        """A description that identifies the case, for readers."""
        return (
            f"case {self.number} of seed {self.seed} (scripts/parity --seed {self.seed} "
            f"--case {self.number}): {self.base_name} {self.strategy} {self.dtype} "
            f"{self.observer} averaging_constant={self.averaging_constant} "
            f"group_size={self.group_size} block_structure={self.block_structure} "
            f"checkpoints={list(self.checkpoints)} shapes={self.layout.shapes}"
        )


def combination(number: int) -> tuple[str, str, str, str]:
    """Base name, strategy, dtype and observer of a case. Any COMBINATIONS consecutive numbers
    contain all combinations, and each value changes after at most a few numbers."""
    place = number % len(PLACES)
    turn = number // len(PLACES)
    dtype = DTYPES[(turn + place) % len(DTYPES)]
    observer = OBSERVERS[(turn // len(DTYPES) + place // len(DTYPES)) % len(OBSERVERS)]
    return (*PLACES[place], dtype, observer)


def _constant(rng: np.random.Generator) -> float | None:
    kind = rng.integers(8)
    if kind < 2:
        return None
    if kind < 4:
        return float(rng.choice([1e-3, 0.01, 0.1, 0.3, 0.5, 0.99]))
    if kind == 4:
        return float(rng.choice([0.0, 1.0]))
    return float(rng.random())


def make_case(seed: int, number: int) -> Case:
    """Makes a case, the same for the same seed and number."""
    base_name, strategy, dtype, observer = combination(number)
    rng = np.random.default_rng([seed, number])
    layout = choose_layout(rng, base_name, strategy, BATCHES)
    middle = sorted(rng.choice(np.arange(2, BATCHES), 2, replace=False).tolist())
    return Case(
        seed=seed,
        number=number,
        base_name=base_name,
        strategy=strategy,
        dtype=dtype,
        observer=observer,
        averaging_constant=_constant(rng),
        layout=layout,
        checkpoints=(1, *middle, BATCHES),
        tensors=fill(rng, dtype, layout.shapes),
    )
