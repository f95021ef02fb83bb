"""Quantization args as JSON objects: a grid and random args, valid and invalid."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np

ABSENT = object()
STRATEGIES = ("tensor", "channel", "group", "tensor_group", "block", "token", "attn_head")

# Every combination of these is among the cases of each run.
SHAPES_OF_ARGS: dict[str, list[Any]] = {
    "strategy": [ABSENT, None, "GROUP", "row", *STRATEGIES],
    "group_size": [ABSENT, None, -2, -1, 0, 1, 32, 128],
    "block_structure": [ABSENT, None, [128, 128], [1], "2x4", [0, 2], []],
    "dynamic": [ABSENT, False, True, "local"],
}
FORMATS_OF_ARGS: dict[str, list[Any]] = {
    "num_bits": [ABSENT, *range(-1, 18), 24, 32, 33, 64],
    "type": [ABSENT, "int", "float", "Float", "bool"],
    "symmetric": [ABSENT, False],
    "zp_dtype": [ABSENT, None, "torch.int8", "float8_e4m3fn", "int4x"],
}
# A value of each is chosen at random.
VALUES: dict[str, list[Any]] = {
    "num_bits": [2, 3, 4, 5, 6, 8, 8.0, 16, 17, 0, -1, 2.5, None, [8], "eight"],
    "type": ["int", "float", "INT", "Float", "uint", "", None, 4, ["int"]],
    "symmetric": [True, False, None, "maybe", 2, []],
    "strategy": [*STRATEGIES, "Tensor", "ATTN_HEAD", "rows", "", None, 1, True],
    "group_size": [None, -1, 0, 1, 16, 32, 128, 128.0, -2, 0.5, 1e30, [], "all"],
    "block_structure": [None, [128, 128], [1, 64], [1, 2, 3], [], [128], [0, 1], [-1, 1], "8x16"]
    + ["8x", "x", "8X16", "8x-1", [1.0, 2.0], ["1", "2"], {"rows": 1}, 5, True],
    "dynamic": [True, False, "local", "LOCAL", "global", None, 2, []],
    "actorder": [None, False, True, "weight", "static", "group", "GROUP", "dynamic", "Weight"]
    + ["", 2, []],
    "scale_dtype": [None, "torch.float8_e4m3fn", "torch.uint8", "uint8", "half", "torch.float"]
    + ["bfloat16", "double", "torch.int", "short", "torch.long", "float8_e5m2", "torch", "", 8]
    + ["torch.torch.int8", "Torch.int8", "torch.Tensor", "INT8"],
    "zp_dtype": [None, "torch.float8_e4m3fn", "torch.uint8", "int8", "torch.int16", "long"]
    + ["float32", "fp8", "", 0, []],
    "observer": [None, "minmax", "mse", "memoryless_minmax", "anything", 5, ["minmax"], True],
    "observer_kwargs": [{}, {"averaging_constant": 0.5}, {"averaging_constant": 1, "grid": 20}]
    + [{"maxshrink": 0.2, "patience": 5, "norm": 2.4}, {"deep": [{"a": None}]}, None, [], "a"],
}
# Values of types that pydantic converts, and dtypes that are not used for scales or zero points:
# pydantic accepts them, Calipers refuses them.
STRICTER: list[dict[str, Any]] = [
    {"num_bits": "8"},
    {"num_bits": True},
    {"num_bits": 1 << 70},
    {"symmetric": 1},
    {"symmetric": "yes"},
    {"dynamic": 0},
    {"dynamic": 1},
    {"actorder": 0},
    {"actorder": 1},
    {"group_size": True},
    {"strategy": "block", "block_structure": [True, True]},
    {"scale_dtype": "torch.complex64"},
    {"scale_dtype": "bool"},
    {"zp_dtype": "torch.uint16"},
    {"zp_dtype": "quint8"},
    {"observer": ""},
    {"observer_kwargs": {"averaging_constant": 2}},
    {"observer_kwargs": {"averaging_constant": "0.5"}},
]


def _product(values: dict[str, list[Any]]) -> Iterator[dict[str, Any]]:
    for picked in itertools.product(*values.values()):
        pairs = zip(values, picked, strict=True)
        yield {name: value for name, value in pairs if value is not ABSENT}


def grid() -> list[dict[str, Any]]:
    """All combinations of related members."""
    return [*_product(SHAPES_OF_ARGS), *_product(FORMATS_OF_ARGS)]


def random_args(rng: np.random.Generator, count: int) -> list[dict[str, Any]]:
    """Random args with a few members, sometimes with an unknown member."""
    found = []
    for _ in range(count):
        # Those that change most depend on each other most.
        names = [name for name in VALUES if rng.random() < 0.25]
        args = {name: VALUES[name][rng.integers(len(VALUES[name]))] for name in names}
        if rng.random() < 0.02:
            args["bits"] = 8
        found.append(args)
    return found
