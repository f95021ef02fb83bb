"""Removes the settings of this client from a model before it is saved.

A saved model publishes its quantization args in config.json, and a server's address or a run's name
must not be in it.
"""

from __future__ import annotations

from typing import Any

from calipers.llmcompressor.settings import SETTINGS

_ARGS = ("weights", "input_activations", "output_activations")


def hide_settings(model: Any) -> None:
    """Removes the settings from observer_kwargs in the schemes of the model's modules. The recipe
    keeps them, because the modules get copies."""
    copies: dict[int, tuple[Any, Any]] = {}
    for module in model.modules():
        scheme = getattr(module, "quantization_scheme", None)
        if scheme is None:
            continue
        if id(scheme) not in copies:
            copies[id(scheme)] = scheme, _without_settings(scheme)
        module.quantization_scheme = copies[id(scheme)][1]


def _without_settings(scheme: Any) -> Any:
    """The scheme itself if it has no settings, else a copy without them."""
    changed = {}
    for name in _ARGS:
        args: Any = getattr(scheme, name, None)
        given = getattr(args, "observer_kwargs", None) or {}
        kept = {key: value for key, value in given.items() if key not in SETTINGS}
        if len(kept) < len(given):
            changed[name] = args.model_copy(update={"observer_kwargs": kept})
    return scheme.model_copy(update=changed) if changed else scheme
