"""The observers for llm-compressor up to 0.10, which asks observers for scales at every batch and
does not notify them at the end.

During the calibration the observers fold the batches of their own worker, as llm-compressor's
observers do, and return these scales. At the end the modules get the qparams of the server's
answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from compressed_tensors.quantization import QuantizationStrategy
from compressed_tensors.quantization.utils import calculate_qparams, generate_gparam
from compressed_tensors.utils import align_module_device, update_offload_parameter
from llmcompressor.observers import (
    MemorylessMinMaxObserver,
    MinMaxObserver,
    StaticMinMaxObserver,
)

from calipers.answers import MinMax
from calipers.llmcompressor.ending import call_at_the_end, observers_of
from calipers.llmcompressor.peers import answers_of_peers, widest
from calipers.llmcompressor.series import Series
from calipers.ranks import is_distributed


class _Remote:
    """Extends an observer of llm-compressor: sends observations and takes the server's answer."""

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
        """The scales of this worker's batches so far."""
        if not self._has_global_scale:
            self.series.observe(observed)
        return super().forward(observed)  # type: ignore[misc]

    def get_global_scale(self, observed: Any) -> Any:
        """The global scale of this worker's batches so far. llm-compressor calls it before
        `forward`."""
        self.series.observe(observed)
        return super().get_global_scale(observed)  # type: ignore[misc]

    def put(self, module: Any, answers: Sequence[MinMax]) -> None:
        """Sets the module's qparams from the range of the answers: its own answer, or the answers
        of its peers."""
        for name, value in self._qparams(answers).items():
            if hasattr(module, full_name := f"{self.base_name}_{name}"):
                update_offload_parameter(module, full_name, value)

    def _qparams(self, answers: Sequence[MinMax]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        if self._has_global_scale:
            pairs = [self.series.tensors(answer.global_) for answer in answers]
            found["global_scale"] = generate_gparam(*widest(pairs))
        if self.args.dynamic is False:
            low, high = widest(self.series.tensors(answer.range) for answer in answers)
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
    """Makes an observer for llm-compressor's registry."""
    call_at_the_end(put_answers)
    return _OBSERVERS[kind](base_name, args, module, **kwargs)


def put_answers(model: Any) -> None:
    """Sets the qparams of every module of the model from the server's answer for all workers, or
    from the answers of its peers if no worker observed it. A module without either is unchanged."""
    if is_distributed():
        # Processes of one machine share offloaded parameters. After the barrier no process writes
        # scales of a batch to them.
        torch.distributed.barrier()
    found = list(observers_of(model, _Remote))
    own = {each.series.name: [answer] for _, each in found if (answer := each.series.answer())}
    answers = own | answers_of_peers(each.series for _, each in found)
    for module, observer in found:
        if of_module := answers.get(observer.series.name):
            with align_module_device(module):
                observer.put(module, of_module)
