"""Says at the beginning of a calibration what the recipe leaves to llm-compressor."""

from __future__ import annotations

import functools
import logging
from collections.abc import Iterator
from typing import Any

from llmcompressor.modifiers.quantization.quantization.mixin import QuantizationMixin

_log = logging.getLogger("calipers")

_BASE_NAMES = ("input", "output", "q", "k", "v")
_KV_CACHE = ("k", "v")


@functools.cache
def say_at_the_beginning() -> None:
    """Patches QuantizationMixin.start_calibration, in which every modifier makes its observers."""
    start_calibration = QuantizationMixin.start_calibration

    @functools.wraps(start_calibration)
    def start(self: Any, model: Any) -> None:
        start_calibration(self, model)
        if names := sorted(_named(self.model_dump())):
            _say(names, dict(_observers(model)))

    QuantizationMixin.start_calibration = start


def _say(names: list[str], observers: dict[tuple[str, str], Any]) -> None:
    ours = [key for key, observer in observers.items() if hasattr(observer, "series")]
    if not ours:
        _log.warning(
            "the recipe names %s, but no activation has a static scale to calibrate, so Calipers "
            "observes nothing: dynamic activations get their scales while the model runs, and "
            "weights are observed by each worker. Choose a scheme with static activations, such as "
            "FP8, or set dynamic: false in input_activations",
            ", ".join(names),
        )
        return
    own = [module for module, base in observers if base in _KV_CACHE and (module, base) not in ours]
    if own:
        _log.warning(
            "the KV cache of %d attention modules, such as %s, stays with llm-compressor's own "
            "observers, which depend on the number of processes. To observe it with Calipers, name "
            'the observer there, too: kv_cache_scheme={..., "observer": "%s"}',
            len({*own}),
            own[0] or "model",
            names[0],
        )


def _observers(model: Any) -> Iterator[tuple[tuple[str, str], Any]]:
    """The observers of activations, by module and base name."""
    for name, module in model.named_modules():
        for base in _BASE_NAMES:
            if (observer := getattr(module, f"{base}_observer", None)) is not None:
                yield (name, base), observer


def _named(recipe: Any) -> set[str]:
    """The names of Calipers' observers anywhere in a recipe."""
    if isinstance(recipe, str):
        return {recipe} if recipe.startswith("calipers_") else set()
    if isinstance(recipe, dict):
        return _named([*recipe.values()])
    if isinstance(recipe, list | tuple | set):
        return {name for part in recipe for name in _named(part)}
    return set()
