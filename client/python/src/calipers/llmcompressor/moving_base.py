"""The observers for llm-compressor up to 0.10, where observers are asked for scales at every
batch, and nothing is said to them at the end.

Within a worker they fold as the reference does, which gives the scales of each batch. The
server's answer is put on the modules when the calibration ends.
"""

from __future__ import annotations

import functools
from typing import Any

import torch
from compressed_tensors.quantization import QuantizationStrategy
from compressed_tensors.quantization.utils import calculate_qparams, generate_gparam
from compressed_tensors.utils import align_module_device, update_offload_parameter
from llmcompressor.modifiers.quantization.quantization.mixin import QuantizationMixin
from llmcompressor.observers import (
    MemorylessMinMaxObserver,
    MinMaxObserver,
    StaticMinMaxObserver,
)

from calipers.answers import MinMax
from calipers.llmcompressor.series import Series
from calipers.ranks import is_distributed

_BASE_NAMES = ("input", "output", "q", "k", "v")


class _Remote:
    """What is added to an observer of the reference."""

    kind: str

    def __init__(self, base_name: str, args: Any, module: Any, **observer_kwargs: Any) -> None:
        super().__init__(base_name, args, module, **observer_kwargs)  # type: ignore[call-arg]
        self.base_name = base_name
        self.args = args
        self.series = Series(module, self.kind, base_name, args)

    @property
    def _has_global_scale(self) -> bool:
        return bool(self.args.strategy == QuantizationStrategy.TENSOR_GROUP)

    def forward(self, observed: Any) -> Any:
        """The scales so far, in this worker."""
        if not self._has_global_scale:
            self.series.observe(observed)
        return super().forward(observed)  # type: ignore[misc]

    def get_global_scale(self, observed: Any) -> Any:
        """The global scale so far, in this worker; asked for before the scales."""
        self.series.observe(observed)
        return super().get_global_scale(observed)  # type: ignore[misc]

    def put_answer(self, module: Any) -> None:
        """Gives the module what the server has of all workers; nothing if none saw anything."""
        if (answer := self.series.answer()) is None:
            return
        for name, value in self._qparams(answer).items():
            if hasattr(module, full_name := f"{self.base_name}_{name}"):
                update_offload_parameter(module, full_name, value)

    def _qparams(self, answer: MinMax) -> dict[str, Any]:
        found: dict[str, Any] = {}
        if self._has_global_scale:
            found["global_scale"] = generate_gparam(*self.series.tensors(answer.global_))
        if self.args.dynamic is False:
            low, high = self.series.tensors(answer.range)
            found["scale"], found["zero_point"] = calculate_qparams(
                min_vals=low,
                max_vals=high,
                quantization_args=self.args,
                global_scale=found.get("global_scale"),
            )
        return found


class _RemoteMinMax(_Remote, MinMaxObserver):  # type: ignore[misc]
    kind = "minmax"


class _RemoteStaticMinMax(_Remote, StaticMinMaxObserver):  # type: ignore[misc]
    kind = "static_minmax"


class _RemoteMemorylessMinMax(_Remote, MemorylessMinMaxObserver):  # type: ignore[misc]
    kind = "memoryless_minmax"


_OBSERVERS: dict[str, type[_Remote]] = {
    observer.kind: observer
    for observer in (_RemoteMinMax, _RemoteStaticMinMax, _RemoteMemorylessMinMax)
}


def make_observer(kind: str, base_name: str, args: Any, module: Any, **kwargs: Any) -> _Remote:
    """For the registry."""
    _ask_at_the_end()
    return _OBSERVERS[kind](base_name, args, module, **kwargs)


@functools.cache
def _ask_at_the_end() -> None:
    """Has every modifier put the answers on its model's modules before it takes the observers
    away, in the one place where they all do that."""
    end_calibration = QuantizationMixin.end_calibration

    @functools.wraps(end_calibration)
    def end(self: Any, model: Any) -> None:
        with torch.no_grad():
            put_answers(model)
        end_calibration(self, model)

    QuantizationMixin.end_calibration = end


def put_answers(model: Any) -> None:
    """Gives every module of the model what the server has of its observers."""
    if is_distributed():
        # Processes of one machine share the parameters that are offloaded: none may go on
        # putting its scales of a batch there.
        torch.distributed.barrier()
    for module in model.modules():
        for base_name in _BASE_NAMES:
            observer = getattr(module, f"{base_name}_observer", None)
            if isinstance(observer, _Remote):
                with align_module_device(module):
                    observer.put_answer(module)
