"""The observers for llm-compressor 0.11 and later, whose observers gather statistics. It computes
qparams from them after all batches of a layer."""

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
    """The observer of an activation or an attention state. Its statistics come from the server."""

    def __init__(
        self, kind: str, base_name: str, args: SupportsQuantizationArgs, **observer_kwargs: Any
    ) -> None:
        super().__init__(base_name, args, **observer_kwargs)
        self._kind = kind
        self._series: Series | None = None

    def attach(self, module: Any) -> None:
        """Called by llm-compressor when it attaches the observer to a module."""
        self._series = Series(module, self._kind, self.base_name, self.args)

    @property
    def series(self) -> Series:
        """The series of the module. Raises RuntimeError before the observer is attached."""
        if self._series is None:
            raise RuntimeError(f"the observer of {self.base_name} was not attached to a module")
        return self._series

    def forward(self, observed: Any) -> RemoteObserver:
        """Sends one observation. An empty tensor is not sent."""
        if observed.numel() > 0:
            self.series.observe(observed)
        return self

    @property
    def has_statistics(self) -> bool:
        """Waits for the records of all workers. True if any worker observed an element."""
        if not hasattr(self, "min_vals"):
            answer = self.series.answer()
            if answer is None:
                return False
            self.take([answer])
        return True

    def take(self, answers: Sequence[MinMax]) -> None:
        """Sets the statistics to the range of the answers: its own answer, or the answers of its
        peers."""
        pairs = [self.series.tensors(answer.range) for answer in answers]
        self.min_vals, self.max_vals = widest(pairs)

    def sync_activation_stats(self) -> list[Any]:
        """Waits for the records of all workers. No collective is needed, so the list is empty."""
        self.has_statistics  # noqa: B018
        return []


def make_observer(kind: str, base_name: str, args: Any, **observer_kwargs: Any) -> RemoteObserver:
    """Makes an observer for llm-compressor's registry."""
    call_at_the_end(put_answers_of_peers)
    return RemoteObserver(kind, base_name, args, **observer_kwargs)


def put_answers_of_peers(model: Any) -> None:
    """Sets the qparams of every module that no worker observed from the range of its peers. Called
    at the end of the calibration, because peers in later layers have no range before."""
    found = list(observers_of(model, RemoteObserver))
    answers = answers_of_peers(observer.series for _, observer in found)
    for module, observer in found:
        if of_peers := answers.get(observer.series.name):
            observer.take(of_peers)
            update_qparams(module, observer.base_name)
