"""Random shapes for a base name and a strategy."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Layout:
    """The shapes of a series, and the sizes of the strategy's groups and blocks."""

    shapes: list[Shape]
    group_size: int | None = None
    block_structure: tuple[int, int] | None = None
    # True if exact arithmetic supports the shapes, too.
    exact: bool = True


class _Dice:
    """Random sizes: mostly small, rarely large enough for vectorized loops."""

    def __init__(self, rng: np.random.Generator) -> None:
        self._rng = rng

    def chance(self, probability: float) -> bool:
        return bool(self._rng.random() < probability)

    def size(self, limit: int) -> int:
        return int(self._rng.integers(1, limit + 1))

    def long(self) -> int:
        return self.size(700) if self.chance(0.2) else self.size(40)

    def pick(self, *choices: int) -> int:
        return int(self._rng.choice(choices))

    def group(self) -> int:
        return self.pick(1, 2, 3, 7, 16, 32, 128) if self.chance(0.8) else self.size(50)


def _weight(dice: _Dice, strategy: str, batches: int) -> Layout:
    if strategy == "tensor":
        ranks = [dice.pick(1, 2, 2, 3) for _ in range(batches)]
        return Layout([(*(dice.size(9) for _ in range(r - 1)), dice.long()) for r in ranks])
    if strategy == "block":
        block = (dice.pick(1, 2, 3, 8, 16, 128), dice.pick(1, 2, 5, 8, 64, 128))
        rows, columns = (dice.size(min(5 * side, 150)) for side in block)
        return Layout([(rows, columns)] * batches, block_structure=block)
    outer = tuple(dice.size(8) for _ in range(dice.pick(1, 2, 2, 3) - 1))
    if strategy == "channel":
        return Layout([(*outer, dice.long())] * batches)
    group = dice.group()
    return Layout([(*outer, group * dice.size(4))] * batches, group_size=group)


def _activation(dice: _Dice, strategy: str, batches: int) -> Layout:
    # Only sizes of reduced dimensions differ between batches.
    def leading(count: int) -> Shape:
        return tuple(dice.size(6) for _ in range(count))

    if strategy == "tensor":
        rank = dice.pick(1, 2, 3, 4)
        return Layout([(*leading(rank - 1), dice.long()) for _ in range(batches)])
    if strategy == "token":
        kept = leading(dice.pick(0, 1, 1, 2))
        hidden = dice.long()
        if not kept:
            return Layout([(dice.size(6), hidden)] * batches)
        return Layout([(*leading(1), *kept, hidden) for _ in range(batches)])
    group = dice.group()
    hidden = group * dice.size(6)
    rank = dice.pick(2, 3, 3, 4)
    if rank == 2 and dice.chance(0.3):
        # The reference flattens tokens and hidden, so the group size must only divide the
        # number of elements.
        shapes: list[Shape] = [(group * dice.size(4), hidden + 1) for _ in range(batches)]
        return Layout(shapes, group_size=group, exact=(hidden + 1) % group == 0)
    if rank == 2:
        return Layout([(dice.size(12), hidden) for _ in range(batches)], group_size=group)
    kept = leading(rank - 3)
    return Layout([(*leading(2), *kept, hidden) for _ in range(batches)], group_size=group)


def _attention(dice: _Dice, batches: int) -> Layout:
    heads, head_dim = dice.size(12), dice.pick(1, 3, 8, 32, 64)
    return Layout([(dice.size(3), heads, dice.size(9), head_dim) for _ in range(batches)])


def _with_gaps(dice: _Dice, layout: Layout) -> Layout:
    """Sometimes inserts a batch without tokens, like the batch of an idle expert."""
    shapes = [(0, *s[1:]) if dice.chance(0.15) else s for s in layout.shapes]
    return replace(layout, shapes=shapes)


def choose_layout(rng: np.random.Generator, base_name: str, strategy: str, batches: int) -> Layout:
    """A layout that the reference accepts."""
    dice = _Dice(rng)
    if base_name == "weight":
        return _weight(dice, strategy, batches)
    if base_name in ("input", "output"):
        layout = _activation(dice, strategy, batches)
    else:
        layout = _attention(dice, batches)
    # With two dimensions `token` keeps the dimension of the tokens, so its size is fixed.
    keeps_first = strategy == "token" and len(layout.shapes[0]) == 2
    return _with_gaps(dice, layout) if dice.chance(0.2) and not keeps_first else layout
