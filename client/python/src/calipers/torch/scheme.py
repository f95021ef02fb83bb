"""Schemes: for each base name the args of its sessions, and the args of its qparams."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol, TypeAlias

from calipers import args as quantization_args
from calipers.errors import InvalidArgumentError
from calipers.torch.presets import PRESETS, ByBaseName

BaseName: TypeAlias = Literal["input", "output", "weight"]
Granularity: TypeAlias = Literal["scheme", "finest"]
"""The granularity of observations: that of the scheme's args, or fine enough for every preset."""

_BASE_NAMES = ("input", "output", "weight")
PARTS = {
    "weight": "weights",
    "input": "input_activations",
    "output": "output_activations",
}
"""The names of a scheme's parts, by base name."""
# Fine enough for every preset: docs/qparams.md, "Which series gives which strategy".
_FINEST_GROUP = 16
_FINEST: ByBaseName = {
    "weight": {"num_bits": 8, "strategy": "group", "group_size": _FINEST_GROUP},
    "input": {"num_bits": 8, "strategy": "tensor"},
    "output": {"num_bits": 8, "strategy": "tensor"},
}


class SupportsParts(Protocol):
    """compressed-tensors' QuantizationScheme."""

    weights: Any
    input_activations: Any
    output_activations: Any


Scheme: TypeAlias = str | Mapping[str, quantization_args.Args | None] | SupportsParts
"""The name of a compressed-tensors preset, such as "FP8"; or a QuantizationScheme; or a mapping
with the same parts: {"weights": {"num_bits": 8}, "input_activations": {"num_bits": 8}}."""


@dataclass(frozen=True)
class Wanted:
    """A resolved scheme."""

    preset: str | None
    """The preset's name; None if the scheme is not a preset."""
    args: ByBaseName
    """The args of the calibrated values, by base name."""

    def __str__(self) -> str:
        return f"scheme {self.preset or dict(self.args)}"

    def asked_args(self, base_name: str) -> Mapping[str, Any] | None:
        """The args of a query for qparams; None if the query names the preset."""
        return None if self.preset is not None else self.args.get(base_name)

    def has_answer(self, base_name: str) -> bool:
        """True if sessions with this base name have qparams."""
        return base_name in self.args


def resolve_scheme(scheme: Scheme) -> Wanted:
    """Raises InvalidArgumentError for an unknown preset, and for unknown names of parts or args."""
    if isinstance(scheme, str):
        if (preset := scheme.upper()) not in PRESETS:
            raise InvalidArgumentError(
                f'scheme is "{scheme}" (allowed: {", ".join(PRESETS)}; a mapping of weights, '
                "input_activations, output_activations)"
            )
        return Wanted(preset, PRESETS[preset])
    parts = _parts_of(scheme)
    given = {
        base_name: quantization_args.to_mapping(parts[part])
        for base_name, part in PARTS.items()
        if parts.get(part) is not None
    }
    return Wanted(
        None, {name: one for name, one in given.items() if one.get("dynamic") is not True}
    )


def check_observe(observe: Sequence[str] | None) -> tuple[str, ...]:
    """The base names without repetitions (None: all base names).

    Raises InvalidArgumentError for an unknown base name.
    """
    if observe is None:
        return _BASE_NAMES
    names = (observe,) if isinstance(observe, str) else tuple(dict.fromkeys(observe))
    for name in names:
        if name not in _BASE_NAMES:
            raise InvalidArgumentError(f"observe has {name!r} (allowed: {', '.join(_BASE_NAMES)})")
    return names


def session_args(
    wanted: Wanted, base_name: str, granularity: Granularity, columns: int = 0
) -> Mapping[str, Any] | None:
    """The args for creating a session of `base_name`; None if the value is not observed. `columns`
    is the last dimension of a weight. If it is not divisible by 16, granularity="finest" uses the
    scheme's args for the weight, or channels if the scheme has none."""
    if granularity == "scheme":
        return wanted.args.get(base_name)
    if granularity != "finest":
        raise InvalidArgumentError(f'granularity is {granularity!r} (allowed: "scheme", "finest")')
    if base_name == "weight" and columns % _FINEST_GROUP != 0:
        return wanted.args.get(base_name, {"num_bits": 8, "strategy": "channel"})
    return _FINEST[base_name]


def _parts_of(scheme: Any) -> Mapping[str, Any]:
    allowed = tuple(PARTS.values())
    if isinstance(scheme, Mapping):
        for name in scheme:
            if name not in allowed:
                raise InvalidArgumentError(f"scheme has {name!r} (allowed: {', '.join(allowed)})")
        return scheme
    if not all(hasattr(scheme, part) for part in allowed):
        raise InvalidArgumentError(
            f"scheme is a {type(scheme).__qualname__}; allowed are a preset's name, a "
            f"QuantizationScheme, and a mapping of {', '.join(allowed)}"
        )
    return {part: getattr(scheme, part) for part in allowed}
