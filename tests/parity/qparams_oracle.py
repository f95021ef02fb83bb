"""A slow implementation of the rules of exact arithmetic in core/qparams/qparams.h, with exact
numbers instead of floating point."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from qparams_forms import Answer, Question, Refusal, Tensor

# The core computes in float64. This is the allowed error, relative to the exact number, before
# rounding.
SLACK = Fraction(1, 10**12)
SLACK_OF_F64 = Fraction(1, 2**50)
# For a subnormal float64 every operation can have an error of this size.
UNITS_OF_F64 = 4 * Fraction(1, 2**1074)

NAMES = {
    "float64": "F64",
    "float32": "F32",
    "float16": "F16",
    "bfloat16": "BF16",
    "float8_e4m3fn": "F8_E4M3",
    "float8_e5m2": "F8_E5M2",
    "int8": "I8",
    "uint8": "U8",
    "int16": "I16",
    "int32": "I32",
    "int64": "I64",
}


@dataclass(frozen=True)
class Floats:
    """A binary floating-point format."""

    mantissa_bits: int
    least_exponent: int
    greatest: Fraction

    @property
    def least_positive(self) -> Fraction:
        return Fraction(2) ** (self.least_exponent - self.mantissa_bits)

    @property
    def epsilon(self) -> Fraction:
        return Fraction(2) ** -self.mantissa_bits

    @property
    def lowest(self) -> Fraction:
        return -self.greatest

    def rounded(self, x: Fraction) -> Fraction | None:
        """The nearest number, ties to even; None above the largest number."""
        if x == 0:
            return x
        unit = Fraction(2) ** (max(_exponent(abs(x)), self.least_exponent) - self.mantissa_bits)
        found = round(x / unit) * unit
        return None if abs(found) > self.greatest else found


@dataclass(frozen=True)
class Integers:
    lowest: int
    greatest: int
    least_positive: int = 1
    epsilon: int = 1

    def rounded(self, x: Fraction) -> Fraction | None:
        return Fraction(round(x))


def _float(mantissa_bits: int, exponent_bits: int) -> Floats:
    bias = 2 ** (exponent_bits - 1) - 1
    greatest = (2 - Fraction(1, 2**mantissa_bits)) * Fraction(2) ** bias
    return Floats(mantissa_bits, 1 - bias, greatest)


FORMATS: dict[str, Floats | Integers] = {
    "F64": _float(52, 11),
    "F32": _float(23, 8),
    "F16": _float(10, 5),
    "BF16": _float(7, 8),
    "F8_E5M2": _float(2, 5),
    # The bit pattern of all ones is the only NaN, and there is no infinity.
    "F8_E4M3": Floats(3, -6, Fraction(448)),
    "U8": Integers(0, 255),
    **{f"I{bits}": Integers(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) for bits in (8, 16, 32, 64)},
}
GREATEST_OF_FLOATS = {4: Fraction(6), 6: Fraction(15, 2), 8: Fraction(448)}


class Refused(Exception):
    """The reason why there are no parameters."""


def _exponent(x: Fraction) -> int:
    """The exponent of the largest power of two that is not above `x`; `x` must be positive."""
    guess = x.numerator.bit_length() - x.denominator.bit_length()
    return guess if Fraction(2) ** guess <= x else guess - 1


def _dtype(args: dict[str, Any], name: str) -> str | None:
    given = args.get(name)
    return given and NAMES[given.removeprefix("torch.")]


@dataclass(frozen=True)
class Rules:
    """The rules for args and a module's dtype."""

    args: dict[str, Any]
    module: str
    global_scale: Fraction | None

    @property
    def bits(self) -> int:
        return self.args["num_bits"]

    @property
    def is_float(self) -> bool:
        return self.args.get("type", "int") == "float"

    @property
    def symmetric(self) -> bool:
        return self.args.get("symmetric", True)

    @property
    def levels(self) -> tuple[Fraction, Fraction]:
        if self.is_float:
            greatest = GREATEST_OF_FLOATS[self.bits]
            return -greatest, greatest
        half = Fraction(2) ** (self.bits - 1)
        return -half, half - 1

    @property
    def zp_dtype(self) -> str:
        if given := _dtype(self.args, "zp_dtype"):
            return given
        if self.is_float:
            return "F8_E4M3"
        return "I8" if self.bits <= 8 else "I16"

    @property
    def mx(self) -> bool:
        in_32 = self.args.get("group_size") == 32
        return self.is_float and in_32 and _dtype(self.args, "scale_dtype") == "U8"

    def check(self) -> None:
        lowest, greatest = self.levels
        if self.mx and (not self.symmetric or self.global_scale is not None):
            raise Refused("MX")
        if self.symmetric:
            return
        if self.is_float and self.bits < 8:
            raise Refused("asymmetric")
        holds = FORMATS[self.zp_dtype]
        if holds.lowest > lowest or holds.greatest < greatest:
            raise Refused("zp_dtype")

    def scale(self, low: Fraction, high: Fraction, factor: Fraction) -> Fraction:
        """The scale in the module's dtype, from the exact scale times `factor`."""
        module = FORMATS[self.module]
        if low == high == 0:
            return self._scale_of_zero(module)
        wanted = self._mx_scale(max(-low, high)) if self.mx else self._plain(low, high, factor)
        found = module.rounded(wanted)
        if found is None:
            raise Refused("scale")
        return found or module.least_positive

    def _scale_of_zero(self, module: Floats) -> Fraction:
        if self.mx and (least := module.rounded(Fraction(2) ** -127)):
            return least
        named = _dtype(self.args, "scale_dtype")
        return (
            module.rounded(Fraction(FORMATS[named or self.module].epsilon)) or module.least_positive
        )

    def _plain(self, low: Fraction, high: Fraction, factor: Fraction) -> Fraction:
        lowest, greatest = self.levels
        reach = 2 * max(-low, high) if self.symmetric else high - low
        exact = factor * reach / (greatest - lowest)
        if self.global_scale is not None:
            exact *= self.global_scale
        if (named := _dtype(self.args, "scale_dtype")) is None:
            return exact
        held = FORMATS[named]
        return held.rounded(min(exact, Fraction(held.greatest))) or Fraction(held.least_positive)

    def _mx_scale(self, absmax: Fraction) -> Fraction:
        exponent = _exponent(absmax)
        step = Fraction(1, 16) if self.bits == 6 else Fraction(1, 4)
        if absmax / Fraction(2) ** exponent >= 2 - step:
            exponent += 1
        exponent -= 8 if self.bits == 8 else 2
        return Fraction(2) ** max(-127, min(127, exponent))

    def zero_point(self, low: Fraction, high: Fraction, factor: Fraction) -> Fraction:
        lowest, greatest = self.levels
        if self.symmetric:
            return Fraction(0)
        if low == high == 0:
            return lowest
        exact = lowest - factor * low * (greatest - lowest) / (high - low)
        return FORMATS[self.zp_dtype].rounded(max(lowest, min(greatest, exact)))


def _global_scale(question: Question) -> Fraction | None:
    if question.args["strategy"] != "tensor_group":
        return None
    ends = [
        np.concatenate([-found.min.numbers(), found.max.numbers()])
        for found in question.global_ranges
    ]
    absmax = np.max(np.concatenate(ends))
    if not np.isfinite(absmax):
        raise Refused("global range")
    if absmax <= 0:  # It is negative if a range's ends are exchanged.
        return Fraction(1)
    found = FORMATS["F32"].rounded(2688 / Fraction(absmax))
    if found == 0:
        raise Refused("global scale of 0")
    return Fraction(1) if found is None else found


def _differences(
    label: str, tensor: Tensor, rounded: list[tuple[Fraction, Fraction, Fraction]]
) -> tuple[int, list[str]]:
    """Compares with the smallest, the correct and the largest allowed value of each element."""
    ties = 0
    beside = UNITS_OF_F64 if tensor.dtype == "F64" else 0
    if not np.isfinite(tensor.numbers()).all():
        return 0, [f"{label}: not finite: {tensor.numbers()}"]
    given = [Fraction(float(number)) for number in tensor.numbers()]
    for place, (got, (least, right, greatest)) in enumerate(zip(given, rounded, strict=True)):
        if not least - beside <= got <= greatest + beside:
            return ties, [f"{label}[{place}]: expected {float(right)!r}, got {float(got)!r}"]
        ties += got != right
    return ties, []


def _expected(question: Question, module: str) -> tuple[Rules, list[tuple[Fraction, Fraction]]]:
    rules = Rules(question.args, module, _global_scale(question))
    rules.check()
    lows, highs = question.range.min.numbers(), question.range.max.numbers()
    if not np.isfinite([lows, highs]).all():
        raise Refused("range")
    pairs = zip(lows, highs, strict=True)
    return rules, [(min(Fraction(low), 0), max(Fraction(high), 0)) for low, high in pairs]


def check_exact(question: Question, module: str, given: Answer | Refusal) -> tuple[int, list[str]]:
    """The number of values on the other side of a tie, and the differences."""
    slack = SLACK_OF_F64 if module == "F64" else SLACK
    factors = (1 - slack, Fraction(1), 1 + slack)
    try:
        rules, bounds = _expected(question, module)
        scales = [tuple(rules.scale(*pair, factor) for factor in factors) for pair in bounds]
        zeros = [tuple(rules.zero_point(*pair, factor) for factor in factors) for pair in bounds]
    except Refused as reason:
        return 0, [] if isinstance(given, Refusal) else [f"not refused: {reason}"]
    if isinstance(given, Refusal):
        return 0, [f"refused: {given.words}"]
    found = given.returned
    wanted_shape = question.range.min.shape or (1,)
    forms = {"scale": (found.scale, module), "zero_point": (found.zero_point, rules.zp_dtype)}
    differences = [
        f"{name}: expected {dtype} of shape {wanted_shape}, got {tensor.dtype} {tensor.shape}"
        for name, (tensor, dtype) in forms.items()
        if (tensor.dtype, tensor.shape) != (dtype, wanted_shape)
    ]
    if differences:
        return 0, differences
    of_scale, scale_differences = _differences("scale", found.scale, scales)
    of_zero, zero_differences = _differences("zero_point", found.zero_point, zeros)
    differences = scale_differences + zero_differences
    if found.global_scale:
        got = Fraction(float(found.global_scale.numbers()[0]))
        if got != rules.global_scale:
            differences.append(
                f"global_scale: expected {float(rules.global_scale)}, got {float(got)}"
            )
    return of_scale + of_zero, differences
