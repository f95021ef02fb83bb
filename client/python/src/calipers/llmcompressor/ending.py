"""Actions at the end of a calibration, before llm-compressor removes the observers."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import torch
import torch.distributed
from llmcompressor.modifiers.quantization.quantization.mixin import QuantizationMixin

from calipers.llmcompressor.publishing import hide_settings
from calipers.ranks import is_distributed

_BASE_NAMES = ("input", "output", "q", "k", "v")

_Observer = TypeVar("_Observer")


@functools.cache
def call_at_the_end(put: Callable[[Any], None]) -> None:
    """Patches QuantizationMixin.end_calibration, in which every modifier removes its observers: it
    calls `put` with the model first. At the end it removes the settings of this client from the
    model's quantization args, and waits for all workers of torch.distributed."""
    end_calibration = QuantizationMixin.end_calibration

    @functools.wraps(end_calibration)
    def end(self: Any, model: Any) -> None:
        with torch.no_grad():
            put(model)
        end_calibration(self, model)
        hide_settings(model)
        if is_distributed():
            # Workers that share offloaded parameters each set the scales of some weights. Without
            # the wait, a worker could read a scale of the last layer before it is set.
            torch.distributed.barrier()

    QuantizationMixin.end_calibration = end


def observers_of(model: Any, kind: type[_Observer]) -> Iterator[tuple[Any, _Observer]]:
    """The model's observers of this class, each with its module."""
    for module in model.modules():
        for base_name in _BASE_NAMES:
            observer = getattr(module, f"{base_name}_observer", None)
            if isinstance(observer, kind):
                yield module, observer
