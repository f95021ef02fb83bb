"""What the observers of one calibration share."""

from __future__ import annotations

import weakref
from typing import Any

from llmcompressor.core import active_session

from calipers.client import connect
from calipers.environment import resolve_worker
from calipers.errors import FailedPreconditionError
from calipers.llmcompressor.settings import Settings
from calipers.llmcompressor.share import find_share

# Seconds; that others are waited for longer is said where it is.
_LONGEST_QUESTION = 60.0


class Calibration:
    """A connection to the server, and this worker's place among others, for one state of
    llm-compressor's session and one set of settings. It goes with the last of its observers."""

    def __init__(self, settings: Settings, state: Any) -> None:
        self.settings = settings
        self.share = find_share(settings, _length(state.data.calib))
        """This worker's batches."""
        worker = f"{resolve_worker(None)}-batches-from-{self.share.first}"
        timeout = min(settings.timeout, _LONGEST_QUESTION)
        self.client = connect(settings.server, run=settings.run, worker=worker, timeout=timeout)
        """Of the run."""
        self._state = state
        self._names: weakref.WeakKeyDictionary[Any, str] = weakref.WeakKeyDictionary()
        weakref.finalize(self, self.client.close)

    def is_of(self, settings: Settings, state: Any) -> bool:
        """True if it is the one of these."""
        return self._state is state and self.settings == settings

    def name_of(self, module: Any) -> str:
        """The module's name in the model, as `named_modules` has it; "model" for the model.

        Raises FailedPreconditionError if it is no part of it.
        """
        if module not in self._names:
            model = self._state.model
            named = () if model is None else model.named_modules()
            self._names.update({part: name for name, part in named})
        if module not in self._names:
            raise FailedPreconditionError(
                f"a {type(module).__name__} has no name: it is not in the model of "
                "llm-compressor's session; oneshot sets that, and so does "
                "active_session().state.update(model=model)"
            )
        return self._names[module] or "model"

    def current_batch(self) -> int | None:
        """Which of this worker's batches the model is being given, from 0 on; None if this
        llm-compressor, 0.9, never says.

        Raises FailedPreconditionError if it does not say now.
        """
        batch: int | None = getattr(self._state, "current_batch_idx", None)
        if batch is not None and batch < 0:
            raise FailedPreconditionError(
                "which batch this is cannot be told: llm-compressor's pipelines set "
                "active_session().state.current_batch_idx; a loop of your own has to do so, too"
            )
        return batch


_calibrations: weakref.WeakSet[Calibration] = weakref.WeakSet()


def current_calibration(settings: Settings) -> Calibration:
    """The one of llm-compressor's session as it is now.

    Raises UnavailableError if no server answers; InvalidArgumentError if the worker's place
    among others cannot be told.
    """
    state = active_session().state
    for calibration in _calibrations:
        if calibration.is_of(settings, state):
            return calibration
    calibration = Calibration(settings, state)
    _calibrations.add(calibration)
    return calibration


def _length(batches: Any) -> int | None:
    return len(batches) if hasattr(batches, "__len__") else None
