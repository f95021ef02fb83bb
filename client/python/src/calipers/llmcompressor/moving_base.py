"""The observers for llm-compressor up to 0.10, where observers are asked for scales at every
batch, and nothing is said to them at the end.

Within a worker they fold as the reference does, which gives the scales of each batch. The
server's answer is put on the modules when the calibration ends.
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

    def put(self, module: Any, answers: Sequence[MinMax]) -> None:
        """Gives the module the qparams of the range of these: of its own, or of its peers."""
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
    """For the registry."""
    call_at_the_end(put_answers)
    return _OBSERVERS[kind](base_name, args, module, **kwargs)


def put_answers(model: Any) -> None:
    """Gives every module of the model what the server has of all workers, or of its peers where
    none of them saw anything; nothing if there are none."""
    if is_distributed():
        # Processes of one machine share the parameters that are offloaded: none may go on
        # putting its scales of a batch there.
        torch.distributed.barrier()
    found = list(observers_of(model, _Remote))
    own = {each.series.name: [answer] for _, each in found if (answer := each.series.answer())}
    answers = own | answers_of_peers(each.series for _, each in found)
    for module, observer in found:
        if of_module := answers.get(observer.series.name):
            with align_module_device(module):
                observer.put(module, of_module)
