"""Random sessions and tensors, for property tests."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from hypothesis import strategies as st

from calipers.dtypes import Dtype
from calipers.tensors import HostTensor

_KINDS = [
    *(("weight", strategy) for strategy in ("tensor", "channel", "group", "tensor_group")),
    *(("weight", "block") for _ in range(5)),
    *(("input", strategy) for strategy in ("tensor", "token", "group", "tensor_group")),
    *(("output", strategy) for strategy in ("token", "group")),
    *((base_name, "attn_head") for base_name in ("q", "k", "v")),
    ("q", "tensor"),
]
_SELDOM = st.sampled_from([False] * 7 + [True])


@dataclass(frozen=True)
class Case:
    """A session's layout and a tensor."""

    base_name: str
    args: dict[str, Any]
    arithmetic: str
    tensor: HostTensor


def torch_tensor(tensor: HostTensor) -> torch.Tensor:
    """The same tensor in PyTorch."""
    packed = np.ascontiguousarray(tensor.bits).reshape(tensor.shape)
    integer = packed if tensor.dtype is Dtype.U8 else packed.view(f"i{tensor.dtype.size}")
    return torch.from_numpy(integer.copy()).view(getattr(torch, tensor.dtype.torch_name))


def patterns(dtype: Dtype) -> np.ndarray:
    """Bits of special elements: zeros, ones, the largest numbers, infinities and several NaNs."""
    if dtype.float_bits is None:
        limits = np.iinfo(dtype.bits)
        return np.array([limits.min, limits.max, 0, 1], dtype.bits)
    sign, known = 1 << (8 * dtype.size - 1), dtype.float_bits
    sizes = [0, 1, known.greatest - 1, known.greatest, known.greatest + 1, known.nan, sign - 1]
    return np.array([size | s for size in sizes for s in (0, sign)], dtype.bits)


@st.composite
def bits(draw: st.DrawFn, dtype: Dtype, shape: tuple[int, ...]) -> np.ndarray:
    """Elements with any bits, or with few different values, so that ties, zeros and NaN occur."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    if draw(st.booleans()):
        chosen = draw(st.lists(st.sampled_from(list(patterns(dtype))), min_size=1, max_size=3))
        return rng.choice(np.array(chosen, dtype.bits), size=shape)
    raw = np.frombuffer(rng.bytes(math.prod(shape) * dtype.size), dtype.bits).reshape(shape)
    if dtype.float_bits is None or draw(st.booleans()):
        return raw
    # Without NaN, which would determine the result.
    sign = 1 << (8 * dtype.size - 1)
    return np.where((raw & (sign - 1)) > dtype.float_bits.greatest, raw & sign, raw)


@st.composite
def strided(draw: st.DrawFn, dtype: Dtype, shape: tuple[int, ...]) -> np.ndarray:
    """The same elements with other strides: unchanged, transposed, reversed, or with gaps."""
    how = draw(st.sampled_from(["contiguous", "transposed", "backwards", "every other"]))
    if how == "transposed":
        return draw(bits(dtype, shape[::-1])).T
    if how == "every other" and shape:
        return draw(bits(dtype, (*shape[:-1], 2 * shape[-1])))[..., ::2]
    if how == "backwards" and shape:
        return draw(bits(dtype, shape))[::-1]
    return draw(bits(dtype, shape))


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Random layouts and tensors. Some tensors do not fit the layout."""
    base_name, strategy = draw(st.sampled_from(_KINDS))
    args: dict[str, Any] = {"strategy": strategy}
    if strategy in ("group", "tensor_group"):
        args["group_size"] = draw(st.integers(1, 4))
    if strategy == "block":
        args["block_structure"] = draw(st.lists(st.integers(1, 5), min_size=2, max_size=2))
    arithmetic = draw(st.sampled_from(["exact", "reference"]))
    dtype = draw(st.sampled_from(list(Dtype)))
    if arithmetic == "reference" and dtype in (Dtype.F8_E4M3, Dtype.F8_E5M2):
        arithmetic = "exact"
    usual = 4 if base_name in ("q", "k", "v") else 2 if strategy == "block" else None
    rank = draw(st.integers(0, 4)) if usual is None or draw(_SELDOM) else usual
    shape = draw(st.lists(st.integers(1, 7), min_size=rank, max_size=rank))
    if shape and draw(_SELDOM):
        shape[draw(st.integers(0, rank - 1))] = 0
    if shape and not draw(_SELDOM):
        shape[-1] *= args.get("group_size", 1)
    return Case(base_name, args, arithmetic, HostTensor(dtype, draw(strided(dtype, tuple(shape)))))
