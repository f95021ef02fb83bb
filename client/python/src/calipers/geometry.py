"""Reduction geometry: which elements of a tensor share a parameter. docs/geometry.md has the rules.

The server implements the same rules in core/reduce/geometry.cc and checks every record.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from calipers.errors import InvalidArgumentError

_MOST_DIMENSIONS = 16
_MOST_ELEMENTS = 1 << 56

_ALLOWED = {
    "weight": ("tensor", "channel", "group", "tensor_group", "block"),
    "input": ("tensor", "token", "group", "tensor_group"),
    "output": ("tensor", "token", "group", "tensor_group"),
    "q": ("tensor", "attn_head"),
    "k": ("tensor", "attn_head"),
    "v": ("tensor", "attn_head"),
}


@dataclass(frozen=True)
class Layout:
    """The parts of a session's spec that determine its geometry."""

    base_name: str
    strategy: str
    group_size: int = 0
    """Elements in a group; positive with "group" and "tensor_group"."""
    block_structure: tuple[int, ...] = ()
    """(height, width) in elements with "block"."""
    reference: bool = False
    """True for reference arithmetic, which collapses a 2-D input."""


@dataclass(frozen=True)
class View:
    """A C-contiguous tensor seen as `rows` rows of `row_length` elements.

    `reduced_outer` consecutive rows share their parameters. A row is cut into runs of
    `reduced_inner` elements, with one parameter for each run. With the block strategy the last
    rows and the last run can be incomplete; the missing elements count as zeros.
    """

    rows: int
    row_length: int
    reduced_outer: int
    reduced_inner: int

    @property
    def kept_outer(self) -> int:
        """ceil(rows / reduced_outer)"""
        return -(-self.rows // self.reduced_outer)

    @property
    def kept_inner(self) -> int:
        """ceil(row_length / reduced_inner)"""
        return -(-self.row_length // self.reduced_inner)

    @property
    def num_elements(self) -> int:
        """Number of elements; 0 for an empty observation, which changes no fold."""
        return self.rows * self.row_length

    @property
    def pads_rows(self) -> bool:
        """True if the last row of parameters covers padding."""
        return self.rows % self.reduced_outer != 0

    @property
    def pads_columns(self) -> bool:
        """True if the last column of parameters covers padding."""
        return self.row_length % self.reduced_inner != 0

    @property
    def is_padded(self) -> bool:
        """True if a parameter covers padding."""
        return self.pads_rows or self.pads_columns


def make_view(layout: Layout, shape: Sequence[int]) -> View:
    """The view of a tensor of `shape`.

    Raises InvalidArgumentError, naming the allowed values, for every shape that the server
    refuses, such as a wrong rank, a group_size that does not divide, or an empty weight.
    """
    shape = tuple(shape)
    allowed = _ALLOWED[layout.base_name]
    if layout.strategy not in allowed:
        raise InvalidArgumentError(
            f'strategy "{layout.strategy}" cannot be applied to {layout.base_name}: the '
            f"reference refuses it (allowed: {', '.join(allowed)})"
        )
    _check_size(shape)
    if layout.base_name == "weight":
        return _weight_view(layout, shape)
    if layout.base_name in ("input", "output"):
        return _activation_view(layout, shape)
    return _attention_view(layout, shape)


def _view(rows: int, row_length: int, reduced_outer: int, reduced_inner: int) -> View:
    # A divisor is 0 if a dimension is 0.
    return View(rows, row_length, max(reduced_outer, 1), max(reduced_inner, 1))


def _one_parameter(shape: tuple[int, ...]) -> View:
    elements = math.prod(shape)
    return _view(1, elements, 1, elements)


def _weight_view(layout: Layout, shape: tuple[int, ...]) -> View:
    if math.prod(shape) == 0:
        raise InvalidArgumentError(f"shape {list(shape)} has no elements: a weight cannot be empty")
    if layout.strategy == "tensor":
        return _one_parameter(shape)
    if layout.strategy == "block":
        if len(shape) != 2:
            raise _rank_error(layout, shape, "exactly 2 (rows, columns)")
        height, width = layout.block_structure
        return _view(shape[0], shape[1], height, width)
    if not shape:
        raise _rank_error(layout, shape, "at least 1 (..., columns)")
    rows, columns = math.prod(shape[:-1]), shape[-1]
    if layout.strategy == "channel":
        return _view(rows, columns, 1, columns)
    _check_divides(shape, columns, layout.group_size, " along its last dimension")
    return _view(rows, columns, 1, layout.group_size)


def _activation_view(layout: Layout, shape: tuple[int, ...]) -> View:
    if not shape:
        raise _rank_error(layout, shape, "at least 1 (..., hidden)")
    if layout.strategy == "tensor":
        return _one_parameter(shape)
    if len(shape) < 2:
        raise _rank_error(layout, shape, "at least 2 (tokens, hidden)")
    is_2d = len(shape) == 2
    if is_2d and layout.reference:
        return _collapsed_view(layout, shape)
    hidden = shape[-1]
    if layout.strategy == "token":
        # (batch, positions ..., hidden); a 2-D input is a batch of one.
        batch = 1 if is_2d else shape[0]
        positions = shape[:-1] if is_2d else shape[1:-1]
        return _view(batch, math.prod(positions) * hidden, batch, hidden)
    # (batch, seq, kept ..., hidden): the first two dimensions are reduced. In 2-D, (tokens,
    # hidden), the first one is.
    _check_divides(shape, hidden, layout.group_size, " along its last dimension")
    reduced = 1 if is_2d else 2
    tokens = math.prod(shape[:reduced])
    return _view(tokens, math.prod(shape[reduced:]), tokens, layout.group_size)


def _collapsed_view(layout: Layout, shape: tuple[int, ...]) -> View:
    # The reference treats the first dimension as the batch, even of an input without a batch.
    if layout.strategy != "token":
        where = " once flattened, as the reference flattens a 2-D input"
        _check_divides(shape, math.prod(shape), layout.group_size, where)
    return _one_parameter(shape)


def _attention_view(layout: Layout, shape: tuple[int, ...]) -> View:
    if len(shape) != 4:
        raise _rank_error(layout, shape, "exactly 4 (batch, heads, seq, head_dim)")
    if layout.strategy == "tensor":
        return _one_parameter(shape)
    batch, heads, seq, head_dim = shape
    return _view(batch, heads * seq * head_dim, batch, seq * head_dim)


def _check_size(shape: tuple[int, ...]) -> None:
    if len(shape) > _MOST_DIMENSIONS:
        raise InvalidArgumentError(
            f"shape {list(shape)} has {len(shape)} dimensions (allowed: up to {_MOST_DIMENSIONS})"
        )
    # Zeros are left out, so that the limit also holds for products of a part of the dimensions.
    if math.prod(dim for dim in shape if dim != 0) > _MOST_ELEMENTS:
        raise InvalidArgumentError(
            f"shape {list(shape)} is too large: its dimensions multiply to more than 2^56"
        )


def _check_divides(shape: tuple[int, ...], length: int, group_size: int, where: str) -> None:
    if length % group_size != 0:
        raise InvalidArgumentError(
            f"shape {list(shape)} is not divisible by group_size {group_size}{where} "
            f"({length} = {length // group_size} x {group_size} + {length % group_size})"
        )


def _rank_error(layout: Layout, shape: tuple[int, ...], needed: str) -> InvalidArgumentError:
    return InvalidArgumentError(
        f'shape {list(shape)} has rank {len(shape)}; strategy "{layout.strategy}" on '
        f"{layout.base_name} needs {needed}"
    )
