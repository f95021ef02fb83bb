"""The observers for llm-compressor from 0.11 on, where observers gather statistics and are
asked for their qparams when a layer's batches are through."""

from __future__ import annotations

from typing import Any

from llmcompressor.observers import Observer

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

    def forward(self, observed: Any) -> RemoteObserver:
        """Sends one observation; one without tokens is none."""
        if observed.numel() > 0:
            self._attached().observe(observed)
        return self

    @property
    def has_statistics(self) -> bool:
        """True once some worker's module saw something; waits for all of their records."""
        if not hasattr(self, "min_vals"):
            answer = self._attached().answer()
            if answer is None:
                return False
            self.min_vals, self.max_vals = self._attached().tensors(answer.range)
        return True

    def sync_activation_stats(self) -> list[Any]:
        """Waits for the records of all workers: there is nothing to reduce between them."""
        self.has_statistics  # noqa: B018
        return []

    def _attached(self) -> Series:
        if self._series is None:
            raise RuntimeError(f"the observer of {self.base_name} was not attached to a module")
        return self._series


def make_observer(kind: str, base_name: str, args: Any, **observer_kwargs: Any) -> RemoteObserver:
    """For the registry."""
    return RemoteObserver(kind, base_name, args, **observer_kwargs)
