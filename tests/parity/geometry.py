"""The oracle's reduction, in plain numpy: the elements that share a range.

It follows the definition of each strategy instead of the reference's reshapes. Here an activation
with two dimensions is one sequence of tokens.
"""

from __future__ import annotations

import numpy as np


def _pad_to_blocks(weight: np.ndarray, height: int, width: int) -> np.ndarray:
    rows, columns = weight.shape
    return np.pad(weight, ((0, -rows % height), (0, -columns % width)))


def _arrange(
    tensor: np.ndarray,
    base_name: str,
    strategy: str,
    group_size: int | None,
    block_structure: tuple[int, int] | None,
) -> tuple[np.ndarray, tuple[int, ...], tuple[int, ...]]:
    """The tensor with additional dimensions, the dimensions to reduce, and the qparam shape."""
    if strategy == "tensor":
        return tensor.reshape(-1), (0,), (1,)
    if strategy == "attn_head":
        return tensor, (0, 2, 3), (tensor.shape[1], 1, 1)
    if strategy == "channel":
        return tensor, (tensor.ndim - 1,), (*tensor.shape[:-1], 1)
    if strategy == "block":
        assert block_structure
        height, width = block_structure
        padded = _pad_to_blocks(tensor, height, width)
        grid = (padded.shape[0] // height, padded.shape[1] // width)
        return padded.reshape(grid[0], height, grid[1], width), (1, 3), grid
    if base_name != "weight" and tensor.ndim == 2:
        tensor = tensor[np.newaxis]
    if strategy == "token":
        return tensor, (0, tensor.ndim - 1), tensor.shape[1:-1]
    assert group_size
    grouped = (*tensor.shape[:-1], tensor.shape[-1] // group_size, group_size)
    reduced = (len(grouped) - 1,) if base_name == "weight" else (0, 1, len(grouped) - 1)
    shape = tuple(n for axis, n in enumerate(grouped) if axis not in reduced)
    return tensor.reshape(grouped), reduced, shape


def reduce(
    tensor: np.ndarray,
    base_name: str,
    strategy: str,
    group_size: int | None,
    block_structure: tuple[int, int] | None,
) -> tuple[np.ndarray, np.ndarray]:
    """The minimum and maximum of every parameter in qparam shape; NaN if an element is NaN."""
    arranged, axes, shape = _arrange(
        tensor.astype(np.float64), base_name, strategy, group_size, block_structure
    )
    with np.errstate(invalid="ignore"):
        return arranged.min(axes).reshape(shape), arranged.max(axes).reshape(shape)
