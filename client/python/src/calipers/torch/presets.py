"""The calibrated parts of compressed-tensors' presets.

docs/qparams.md lists the presets. The server has the same presets, and computes qparams for them
by name.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

ByBaseName: TypeAlias = Mapping[str, Mapping[str, Any]]
"""Quantization args by base name. Fully dynamic args are left out, because their ranges are not
calibrated."""

_E4M3 = "float8_e4m3fn"


def _int_group(bits: int, *, symmetric: bool = True) -> dict[str, Any]:
    args = {"num_bits": bits, "type": "int", "strategy": "group", "group_size": 128}
    return {**args, "symmetric": symmetric}


def _float8(strategy: str, **more: Any) -> dict[str, Any]:
    return {"num_bits": 8, "type": "float", "strategy": strategy, **more}


def _mx(bits: int) -> dict[str, Any]:
    args = {"num_bits": bits, "type": "float", "strategy": "group", "group_size": 32}
    return {**args, "scale_dtype": "uint8", "zp_dtype": "uint8"}


_INT8_CHANNEL = {"num_bits": 8, "type": "int", "strategy": "channel"}
_NVFP4 = {
    "num_bits": 4,
    "type": "float",
    "strategy": "tensor_group",
    "group_size": 16,
    "scale_dtype": _E4M3,
    "zp_dtype": _E4M3,
}
_INT_WEIGHTS = [
    *(("A16", bits) for bits in range(2, 9)),
    *(("A8", bits) for bits in range(2, 8)),
    *(("A4", bits) for bits in range(2, 5)),
]

PRESETS: dict[str, ByBaseName] = {
    "UNQUANTIZED": {},
    "W8A8": {"weight": _INT8_CHANNEL},
    "INT8": {"weight": _INT8_CHANNEL},
    **{f"W{bits}{inputs}": {"weight": _int_group(bits)} for inputs, bits in _INT_WEIGHTS},
    "W4A16_ASYM": {"weight": _int_group(4, symmetric=False)},
    "W4AFP8": {"weight": _int_group(4)},
    "FP8": {
        "weight": _float8("tensor"),
        "input": _float8("tensor", observer="static_minmax"),
    },
    "FP8_DYNAMIC": {"weight": _float8("channel")},
    "FP8_BLOCK": {"weight": _float8("block", block_structure=[128, 128])},
    "NVFP4A16": {"weight": _NVFP4},
    "NVFP4": {
        "weight": _NVFP4,
        "input": {**_NVFP4, "dynamic": "local", "observer": "static_minmax"},
    },
    **{name: {"weight": _mx(4)} for name in ("MXFP4A16", "MXFP4", "MXFP4XFP8")},
    **{name: {"weight": _mx(6)} for name in ("MXFP6A16", "MXFP6A8")},
    **{name: {"weight": _mx(8)} for name in ("MXFP8A16", "MXFP8")},
}
"""The presets by name, in upper case."""
