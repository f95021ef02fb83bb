"""The sessions of a model's modules, and the records that they already hold."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch

from calipers.client import Arithmetic, Client
from calipers.errors import InvalidArgumentError
from calipers.names import base_name
from calipers.ranks import Rank
from calipers.session import Session
from calipers.torch.resume import Present
from calipers.torch.scheme import PARTS, Granularity, Wanted, session_args

_log = logging.getLogger("calipers")

_UNQUANTIZED = (torch.float64, torch.float32, torch.float16, torch.bfloat16)


@dataclass(frozen=True)
class Observed:
    """One observed value of a module: its input, output or weight."""

    module: torch.nn.Module
    session: Session
    present: Present

    @property
    def is_weight(self) -> bool:
        """True for a weight, False for an activation."""
        return base_name(self.session.name) == "weight"


@dataclass(frozen=True)
class Opening:
    """The options for opening sessions."""

    client: Client
    wanted: Wanted
    granularity: Granularity
    arithmetic: Arithmetic
    resume: bool

    def open(
        self, modules: Mapping[str, torch.nn.Module], base_names: Sequence[str]
    ) -> list[Observed]:
        """Opens the sessions that the scheme needs, in the order of the base names. Creates
        sessions that do not exist.

        Raises InvalidArgumentError if the scheme needs no session.
        """
        if self.resume:
            # Earlier observations of this client count as present.
            self.client.flush()
        found = [
            one
            for base in base_names
            for name, module in modules.items()
            if (one := self._open_one(name, module, base)) is not None
        ]
        if not found:
            raise InvalidArgumentError(
                f"{self.wanted} calibrates nothing of "
                f"{', '.join(base_names) or 'observe'}: dynamic activations have no range to "
                'calibrate (granularity="finest" observes them nevertheless)'
            )
        return found

    def _open_one(self, name: str, module: torch.nn.Module, base: str) -> Observed | None:
        columns = 0
        if base == "weight":
            if not isinstance(weight := getattr(module, "weight", None), torch.Tensor):
                return None
            _check_not_quantized(name, module, weight)
            columns = weight.shape[-1] if weight.dim() > 0 else 0
        args = session_args(self.wanted, base, self.granularity, columns)
        if args is None:
            return None
        session = self.client.session(f"{name}/{base}", args=args, arithmetic=self.arithmetic)
        progress = session.progress_at_opening if self.resume else None
        return Observed(module, session, Present(progress))


def _check_not_quantized(name: str, module: torch.nn.Module, weight: torch.Tensor) -> None:
    """Raises InvalidArgumentError for a weight that holds quantized values, because their range is
    no range of the weight."""
    if weight.dtype in _UNQUANTIZED:
        return
    for scale in ("weight_scale_inv", "weight_scale"):
        if hasattr(module, scale):
            raise InvalidArgumentError(
                f"the weight of {name} is stored quantized ({weight.dtype}, with {scale}): load "
                "the model decompressed (transformers: run_compressed=False or dequantize=True), "
                'or calibrate only inputs with observe=["input"]'
            )


def log_unobserved(
    wanted: Wanted,
    base_names: Sequence[str],
    observed: Iterable[Observed],
    named: str | Sequence[str] | None,
) -> None:
    """Logs the base names that the scheme does not observe. Logs a warning if the caller named them
    (`named` is not None), else an info line."""
    seen = {base_name(one.session.name) for one in observed}
    unseen = [base for base in base_names if base not in seen]
    if not unseen:
        return
    _log.log(
        logging.INFO if named is None else logging.WARNING,
        "not observed: %s, of which %s calibrates nothing (dynamic or not quantized)%s; "
        'to observe it, use granularity="finest" or a scheme that is a mapping with %s',
        ", ".join(unseen),
        wanted,
        "" if seen - {"weight"} else "; the model does not run",
        ", ".join(PARTS[base] for base in unseen),
    )


def observe_weights(weights: Iterable[Observed], rank: Rank) -> None:
    """Observes this rank's share of the weights, at index 0; each weight is observed by one rank.
    Raises InvalidArgumentError, naming the weight, for a sharded weight."""
    for weight in _dealt(weights, rank):
        tensor = weight.module.weight
        name = weight.session.name
        if hasattr(tensor, "full_tensor"):
            raise InvalidArgumentError(
                f"{name} is sharded over processes (a DTensor): calibrate a model that is not "
                'sharded, or only its inputs with observe=["input"]'
            )
        try:
            weight.session.observe(tensor, index=0)
        except InvalidArgumentError as error:
            hint = ', with observe=["input"]' if tensor.device.type == "meta" else ""
            raise InvalidArgumentError(f"{name}: {error.message}{hint}") from None


def _dealt(weights: Iterable[Observed], rank: Rank) -> Iterator[Observed]:
    for place, weight in enumerate(weights):
        if rank.owns(place) and 0 not in weight.present:
            yield weight
