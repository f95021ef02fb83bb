"""Registers the observers with llm-compressor."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llmcompressor.observers import Observer

from calipers.llmcompressor.beginning import say_at_the_beginning

KINDS = ("minmax", "static_minmax", "memoryless_minmax")
"""The observers' names in llm-compressor and in the server."""

OBSERVERS = tuple(f"calipers_{kind}" for kind in KINDS)
"""The observers' names in a recipe."""


def register() -> None:
    """Registers every observer. Raises ImportError for a version of llm-compressor with another
    observer interface."""
    make = _maker()
    say_at_the_beginning()
    for kind, name in zip(KINDS, OBSERVERS, strict=True):
        Observer.register_value(_factory(kind, make), name=name)


def _maker() -> Callable[..., Any]:
    if hasattr(Observer, "update_statistics_from_observed"):
        from calipers.llmcompressor import statistics

        return statistics.make_observer
    if hasattr(Observer, "get_global_min_max"):
        from calipers.llmcompressor import moving_base

        return moving_base.make_observer
    raise ImportError(
        "the observers of this llm-compressor have an unknown interface; calipers.llmcompressor "
        "supports llm-compressor 0.9 to 0.14"
    )


def _factory(kind: str, make: Callable[..., Any]) -> Callable[..., Any]:
    def observer(base_name: str, args: Any, **kwargs: Any) -> Any:
        """Makes the observer that llm-compressor requests by name."""
        if base_name == "weight":
            # Every worker has all weights, so each computes their ranges itself.
            return Observer.load_from_registry(
                "memoryless_minmax", base_name=base_name, args=args, **kwargs
            )
        return make(kind, base_name, args, **kwargs)

    observer.__name__ = f"calipers_{kind}"
    return observer
