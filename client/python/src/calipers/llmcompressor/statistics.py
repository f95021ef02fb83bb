"""The observers for llm-compressor from 0.11 on, where observers gather statistics and are
asked for their qparams when a layer's batches are through."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from llmcompressor.modifiers.quantization.calibration import update_qparams
from llmcompressor.observers import Observer

from calipers.answers import MinMax
from calipers.llmcompressor.ending import call_at_the_end, observers_of
from calipers.llmcompressor.peers import answers_of_peers, widest
from calipers.llmcompressor.series import Series, SupportsQuantizationArgs


class RemoteObserver(Observer):  # type: ignore[misc]
    """Of an activation or an attention state: its statistics are the server's."""

    def __init__(
        self, kind: str, base_name: str, args: SupportsQuantizationArgs, **observer_kwargs: Any
    ) -> None:
        super().__init__(base_name, args, **observer_kwargs)
        self._kind = kind
        self._series: Series | None = None

    def attach(self, module: Any) -> None:
        """Llm-compressor's word that the observer is the module's."""
        self._series = Series(module, self._kind, self.base_name, self.args)

    @property
    def series(self) -> Series:
        """What is sent of the module. Raises RuntimeError before the observer is attached."""
        if self._series is None:
            raise RuntimeError(f"the observer of {self.base_name} was not attached to a module")
        return self._series

    def forward(self, observed: Any) -> RemoteObserver:
        """Sends one observation; one without tokens is none."""
        if observed.numel() > 0:
            self.series.observe(observed)
        return self

    @property
    def has_statistics(self) -> bool:
        """True once some worker's module saw something; waits for all of their records."""
        if not hasattr(self, "min_vals"):
            answer = self.series.answer()
            if answer is None:
                return False
            self.take([answer])
        return True

    def take(self, answers: Sequence[MinMax]) -> None:
        """Has the range of these as its statistics: its own, or that of its peers."""
        pairs = [self.series.tensors(answer.range) for answer in answers]
        self.min_vals, self.max_vals = widest(pairs)

    def sync_activation_stats(self) -> list[Any]:
        """Waits for the records of all workers: there is nothing to reduce between them."""
        self.has_statistics  # noqa: B018
        return []


def make_observer(kind: str, base_name: str, args: Any, **observer_kwargs: Any) -> RemoteObserver:
    """For the registry."""
    call_at_the_end(put_answers_of_peers)
    return RemoteObserver(kind, base_name, args, **observer_kwargs)


def put_answers_of_peers(model: Any) -> None:
    """Gives every module that no worker saw what stands for it. Only now are all through whose
    range may: a layer that comes later was not asked when its peers were."""
    found = list(observers_of(model, RemoteObserver))
    answers = answers_of_peers(observer.series for _, observer in found)
    for module, observer in found:
        if of_peers := answers.get(observer.series.name):
            observer.take(of_peers)
            update_qparams(module, observer.base_name)
