"""Observers of llm-compressor that keep their statistics in Calipers.

    import calipers.llmcompressor

registers `calipers_minmax`, `calipers_static_minmax` and `calipers_memoryless_minmax` beside
llm-compressor's own, so that a recipe changes one word. Every worker sends what its batches
were reduced to, and all take one answer, whatever their number: docs/llm-compressor.md.

llm-compressor 0.11 to 0.14 (statistics) and 0.9, 0.10 (moving base).
"""

from __future__ import annotations

from calipers import extras

extras.require("llmcompressor", "calipers.llmcompressor")

from calipers.llmcompressor import registry  # noqa: E402

__all__ = ["OBSERVERS"]

OBSERVERS = registry.OBSERVERS
"""The names that a recipe may have."""

registry.register()
