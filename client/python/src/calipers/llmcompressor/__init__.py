"""Observers of llm-compressor that keep their statistics in Calipers.

    import calipers.llmcompressor

registers the observers `calipers_minmax`, `calipers_static_minmax` and
`calipers_memoryless_minmax` with llm-compressor, so that a recipe changes one word. Every worker
sends the records of its batches, and all workers use the same answer for any number of workers.
docs/llm-compressor.md describes it.

llm-compressor 0.11 to 0.14 (statistics) and 0.9, 0.10 (moving base).
"""

from __future__ import annotations

from calipers import extras

extras.require("llmcompressor", "calipers.llmcompressor")

from calipers.llmcompressor import registry  # noqa: E402

__all__ = ["OBSERVERS"]

OBSERVERS = registry.OBSERVERS
"""The observers' names for recipes."""

registry.register()
