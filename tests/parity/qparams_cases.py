"""Random ranges with args of every format, strategy and dtype."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

import numpy as np

from qparams_args import STRATEGIES
from qparams_forms import NUMPY_DTYPES, Question, Range, Tensor

DTYPES = ("F32", "BF16", "F16", "F64")
KINDS = ("normal", "positive", "negative", "zeros", "subnormal", "huge", "bits", "powers", "mixed")
TORCH_DTYPES = ("float64", "float32", "bfloat16", "float16", "float8_e4m3fn", "float8_e5m2") + (
    "int8",
    "uint8",
    "int16",
    "int32",
    "int64",
)
MX = {"scale_dtype": "torch.uint8", "zp_dtype": "torch.uint8"}
FORMATS: list[dict[str, Any]] = [
    *(
        {"num_bits": bits, "symmetric": symmetric}
        for bits in range(2, 17)
        for symmetric in (True, False)
    ),
    *({"num_bits": bits, "type": "float"} for bits in (4, 6, 8)),
    *({"num_bits": bits, "type": "float", "symmetric": False} for bits in (4, 6, 8)),
    {"num_bits": 4, "type": "float", "scale_dtype": "torch.float8_e4m3fn"},
    {"num_bits": 8, "type": "float", "scale_dtype": "torch.float8_e4m3fn"},
    *({"num_bits": bits, "type": "float", **MX} for bits in (4, 6, 8)),
    {"num_bits": 8, "type": "float", "symmetric": False, **MX},
]
COMBINATIONS = list(itertools.product(range(len(FORMATS)), STRATEGIES, DTYPES))


@dataclass(frozen=True)
class QParamsCase:
    seed: int
    number: int
    dtype: str
    kind: str
    question: Question

    def describe(self) -> str:
        found = self.question
        return (
            f"case {self.number} of seed {self.seed} (scripts/parity --layer qparams --seed "
            f"{self.seed} --case {self.number}): {found.args} {self.dtype} {self.kind} shape "
            f"{found.range.min.shape}, {len(found.global_ranges)} behind the global scale"
        )


def has_mx_scales(args: dict[str, Any]) -> bool:
    return (
        args.get("type") == "float"
        and args["num_bits"] in (4, 6, 8)
        and args.get("group_size") == 32
        and args.get("scale_dtype") in ("torch.uint8", "uint8")
    )


def _args(rng: np.random.Generator, form: dict[str, Any], strategy: str) -> dict[str, Any]:
    args = {**form, "strategy": strategy}
    if strategy in ("group", "tensor_group"):
        in_32 = "torch.uint8" in args.values() and rng.random() < 0.9
        args["group_size"] = 32 if in_32 else int(rng.choice([16, 32, 128]))
    if strategy == "block":
        args["block_structure"] = [4, 8]
    if strategy == "token":
        args["dynamic"] = True
    for name in ("scale_dtype", "zp_dtype"):
        if name not in args and rng.random() < 0.1:
            args[name] = "torch." + str(rng.choice(TORCH_DTYPES))
    return args


def _shape(rng: np.random.Generator, strategy: str) -> tuple[int, ...]:
    rows, columns = (int(n) for n in rng.integers(1, 9, 2))
    if strategy == "tensor":
        return () if rng.random() < 0.3 else (1,)
    if strategy == "channel":
        return (rows * columns, 1)
    if strategy == "attn_head":
        return (rows, 1, 1)
    if strategy == "token":
        return (rows * columns,)
    if strategy == "block":
        return (rows, columns)
    kind = rng.random()
    # The range of a 2-D input with groups collapses to a tensor without dimensions.
    return () if kind < 0.1 else (columns,) if kind < 0.3 else (rows, columns)


def _numbers(rng: np.random.Generator, kind: str, dtype: str, count: int) -> np.ndarray:
    """Random values of the dtype, as float64."""
    numpy_dtype = NUMPY_DTYPES[dtype]
    if kind == "normal":
        return rng.normal(0.0, 10.0 ** rng.uniform(-4, 4), count)
    if kind == "positive":
        return np.abs(rng.normal(0.0, 10.0 ** rng.uniform(-4, 4), count))
    if kind == "negative":
        return -np.abs(rng.normal(0.0, 10.0 ** rng.uniform(-4, 4), count))
    if kind == "zeros":
        return rng.choice([0.0, -0.0, 0.0, 1.0, -1.0], count)
    if kind == "powers":
        # The values at which MX scales change, and their neighbours.
        base = rng.choice([1.0, 1.5, 1.75, 1.9375, 1.96875, 2.0], count)
        exponents = (
            rng.integers(-30, 18, count) if dtype == "F16" else rng.integers(-140, 129, count)
        )
        beside = 1.0 + rng.integers(-1, 2, count) * 2.0 ** -int(rng.choice([7, 10, 20]))
        return rng.choice([-1, 1], count) * np.ldexp(base * beside, exponents)
    unsigned = np.dtype(f"u{numpy_dtype.itemsize}")
    bits = rng.integers(0, np.iinfo(unsigned).max, count, unsigned, endpoint=True)
    mantissa = {"F64": 52, "F32": 23, "BF16": 7, "F16": 10}[dtype]
    sign = 1 << (8 * numpy_dtype.itemsize - 1)
    if kind == "subnormal":
        bits &= unsigned.type(sign | ((1 << mantissa) - 1))
    if kind == "huge":
        largest = sign - 1 - (1 << mantissa)
        bits = (bits & unsigned.type(sign)) | unsigned.type(largest)
        bits -= rng.integers(0, 1 << mantissa, count, unsigned)
    with np.errstate(invalid="ignore"):
        found = bits.view(numpy_dtype).astype(np.float64)
    found[~np.isfinite(found)] = 1.0
    return found


def _ends(rng: np.random.Generator, kind: str, dtype: str, shape: tuple[int, ...], nan: bool):
    count = int(np.prod(shape))

    def numbers() -> np.ndarray:
        if kind != "mixed":
            return _numbers(rng, kind, dtype, count)
        return np.array(
            [_numbers(rng, str(rng.choice(KINDS[:-1])), dtype, 1)[0] for _ in range(count)]
        )

    low, high = numbers(), numbers()
    low, high = np.minimum(low, high), np.maximum(low, high)
    if rng.random() < 0.3:
        place = rng.integers(count)
        low[place] = high[place] = 0.0
    if rng.random() < 0.15:
        specials = [np.inf, -np.inf, np.nan] if nan else [np.inf, -np.inf]
        (low if rng.random() < 0.5 else high)[rng.integers(count)] = rng.choice(specials)
    return low, high


def make_range(
    rng: np.random.Generator, kind: str, dtype: str, shape: tuple[int, ...], nan: bool
) -> Range:
    with np.errstate(over="ignore", invalid="ignore"):
        ends = _ends(rng, kind, dtype, shape, nan)
        return Range(*(Tensor.of(dtype, shape, end) for end in ends))


def make_case(seed: int, number: int) -> QParamsCase:
    """Makes a case, the same for the same seed and number. COMBINATIONS consecutive numbers contain
    every combination of format, strategy and dtype."""
    position, strategy, dtype = COMBINATIONS[number % len(COMBINATIONS)]
    rng = np.random.default_rng([seed, number, 5])
    args = _args(rng, FORMATS[position], strategy)
    kind = str(rng.choice(KINDS))
    # For MX scales with NaN PyTorch's result depends on the position of NaN.
    nan = not has_mx_scales(args)
    own = make_range(rng, kind, dtype, _shape(rng, strategy), nan)
    ranges = [own]
    for _ in range(int(rng.choice([0, 0, 1, 2])) if strategy == "tensor_group" else 0):
        member = dtype if rng.random() < 0.7 else str(rng.choice(DTYPES))
        ranges.append(make_range(rng, kind, member, (3, 2), nan))
    return QParamsCase(seed, number, dtype, kind, Question(args, own, tuple(ranges)))
