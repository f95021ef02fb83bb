"""The state that all observers of one calibration share."""

from __future__ import annotations

import threading
import weakref
from typing import Any

from llmcompressor.core import active_session

from calipers.client import Client, connect
from calipers.environment import resolve_worker
from calipers.errors import FailedPreconditionError
from calipers.llmcompressor.dealing import find_order
from calipers.llmcompressor.settings import Settings
from calipers.llmcompressor.share import Share, find_share
from calipers.ranks import resolve_rank

# Seconds. Waits for other workers have a longer timeout, Settings.timeout.
_LONGEST_QUESTION = 60.0


class Calibration:
    """A connection to the server and this worker's share of the batches, for one state of
    llm-compressor's session and one set of settings. The connection is closed when the last
    observer of the calibration is deleted."""

    def __init__(self, settings: Settings, state: Any) -> None:
        self.settings = settings
        self.share = share_of(settings, state.data.calib)
        """This worker's share of the batches."""
        worker = f"{resolve_worker(None)}-batches-from-{self.share.first}"
        timeout = min(settings.timeout, _LONGEST_QUESTION)
        self.client = connect(
            settings.server,
            run=settings.run,
            worker=worker,
            timeout=timeout,
            on_conflict=settings.on_conflict,
        )
        """The client of the run."""
        self._state = state
        self._names: weakref.WeakKeyDictionary[Any, str] = weakref.WeakKeyDictionary()
        weakref.finalize(self, _close, self.client)

    def is_of(self, settings: Settings, state: Any) -> bool:
        """True if this calibration has these settings and this state."""
        return self._state is state and self.settings == settings

    def name_of(self, module: Any) -> str:
        """The module's name in `named_modules` of the model; "model" for the model itself.

        Raises FailedPreconditionError if the module is not in the model.
        """
        if module not in self._names:
            model = self._state.model
            named = () if model is None else model.named_modules()
            self._names.update({part: name for name, part in named})
        if module not in self._names:
            raise FailedPreconditionError(
                f"a {type(module).__name__} has no name: it is not in the model of "
                "llm-compressor's session. oneshot sets this model; in your own code call "
                "active_session().state.update(model=model)"
            )
        return self._names[module] or "model"

    def current_batch(self) -> int | None:
        """The position, from 0, of the current batch among this worker's batches. None with
        llm-compressor 0.9, which does not give it.

        Raises FailedPreconditionError if a later llm-compressor does not give it.
        """
        batch: int | None = getattr(self._state, "current_batch_idx", None)
        if batch is not None and batch < 0:
            raise FailedPreconditionError(
                "the index of the current batch is unknown: llm-compressor's pipelines set "
                "active_session().state.current_batch_idx; your own loop must set it, too"
            )
        return batch


def _close(client: Client) -> None:
    """Closes the client in a thread of its own. Garbage collection can run in the middle of a call
    of gRPC, where closing another channel would wait for ever."""
    try:
        threading.Thread(target=client.close, name="calipers-close", daemon=True).start()
    except RuntimeError:
        # The interpreter ends, and starts no thread. No call is in progress then.
        client.close()


_calibrations: weakref.WeakSet[Calibration] = weakref.WeakSet()


def current_calibration(settings: Settings) -> Calibration:
    """The calibration for the current state of llm-compressor's session.

    Raises UnavailableError if no server answers; InvalidArgumentError if the worker's share of the
    batches is unknown.
    """
    state = active_session().state
    for calibration in _calibrations:
        if calibration.is_of(settings, state):
            return calibration
    calibration = Calibration(settings, state)
    _calibrations.add(calibration)
    return calibration


def share_of(settings: Settings, batches: Any) -> Share:
    """This worker's share of the calibration's batches. `batches` is this worker's data loader.

    The rank is that of torch.distributed, if that is initialised; else $RANK of $WORLD_SIZE; else 0
    of 1. With torch.distributed the workers exchange what their loaders show of the order, unless
    the settings name it, and their numbers of batches, unless the settings have their sum. They
    exchange nothing else.

    Raises InvalidArgumentError, naming the variable to set, if the share is unknown.
    """
    place = resolve_rank(None, None)
    order = find_order(batches, place) if settings.order == "auto" else settings.order
    return find_share(place, order, settings.batches, _length(batches))


def _length(batches: Any) -> int | None:
    return len(batches) if hasattr(batches, "__len__") else None
