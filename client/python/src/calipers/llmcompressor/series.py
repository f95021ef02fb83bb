"""The observations that one observer sends, and the server's answer."""

from __future__ import annotations

from collections import Counter
from typing import Any, Protocol

import torch

from calipers.answers import MinMax, Range
from calipers.args import to_mapping
from calipers.errors import (
    AlreadyExistsError,
    DeadlineExceededError,
    FailedPreconditionError,
    InvalidArgumentError,
)
from calipers.llmcompressor.calibration import current_calibration
from calipers.llmcompressor.settings import read_settings
from calipers.session import Session

_OBSERVING = ("strategy", "group_size", "block_structure", "observer", "observer_kwargs")

MinMaxTuple = tuple[Any, Any]
"""llm-compressor's MinMaxTuple: two torch.Tensors."""


class SupportsQuantizationArgs(Protocol):
    """The members of compressed-tensors' QuantizationArgs that this module uses."""

    observer_kwargs: dict[str, Any]

    def model_dump(self) -> dict[str, Any]:
        """The fields by name."""
        ...


class Series:
    """This worker's part of the session {module}/{base_name}.

    A record's index is the index of the batch in the whole calibration set, times the calls per
    batch, plus the number of the call. Not thread-safe: only one thread runs a model.
    """

    def __init__(
        self, module: Any, kind: str, base_name: str, args: SupportsQuantizationArgs
    ) -> None:
        """Raises as `current_calibration` and `read_settings`."""
        self._settings = read_settings(args.observer_kwargs)
        self._calibration = current_calibration(self._settings)
        self._kind = kind
        self._args = args
        self._name = f"{self._calibration.name_of(module)}/{base_name}"
        parameter = next(module.parameters(), torch.empty(0))
        self._dtype, self._device = parameter.dtype, parameter.device
        self._calls: Counter[int] = Counter()
        # True if the index of the batch is unknown. The number of calls then gives it.
        self._is_counting = False
        self._opened: Session | None = None
        self._is_answered = False
        self._answer: MinMax | None = None
        self.is_settled = False
        """True if the range of its peers replaces its range, or if a warning said that nothing
        does."""

    @property
    def name(self) -> str:
        """{module}/{base_name}"""
        return self._name

    @property
    def peers_behind(self) -> tuple[str, ...]:
        """Parts of module names: peers differ in the part that follows one of them. Empty if no
        peers may replace the range."""
        return self._settings.peers_behind

    @property
    def must_be_seen(self) -> bool:
        """True if it is an error that no worker observed anything and no peers stand for it."""
        return self._settings.unseen == "error"

    def observed_by(self) -> dict[str, Any]:
        """The args that determine the observation and the fold."""
        args = self._session().args
        return {name: args[name] for name in _OBSERVING if args.get(name)}

    def observe(self, observed: Any) -> None:
        """Observes a tensor of the current batch, and returns before it is sent.

        Raises InvalidArgumentError for a tensor that cannot be observed, and for more calls in the
        batch than the setting allows; AlreadyExistsError if the session exists with other args.
        """
        batch = self._calibration.current_batch()
        if batch is None:
            self._is_counting = True
            batch = self._calls.total() // self._settings.calls_per_batch
        self._session().observe(observed, index=self._index(batch, self._calls[batch]))
        self._calls[batch] += 1
        self._dtype, self._device = observed.dtype, observed.device

    def answer(self) -> MinMax | None:
        """Waits for the records of all workers, and returns their fold; None if no worker observed
        any element. First sends empty observations for calls that this worker did not observe. The
        server is asked once; later calls return the same answer.

        Raises DeadlineExceededError if records are missing; RefusedError if observations were
        refused; FailedPreconditionError if the session has more records than this calibration.
        """
        if not self._is_answered:
            self._answer = self._ask()
            self._is_answered = True
        return self._answer

    def tensors(self, found: Range) -> MinMaxTuple:
        """The range as tensors on the device of the last observation. They are float64 only if the
        observed tensors are."""
        # llm-compressor calculates in the dtype of the range. The epsilon of float64, its scale of
        # a range of zeros, would be 0 in a module of 16 bits.
        low, high = found.min.torch(), found.max.torch()
        is_wide = low.dtype == torch.float64 and self._dtype != torch.float64
        dtype = torch.float32 if is_wide else low.dtype
        return low.to(self._device, dtype), high.to(self._device, dtype)

    def _ask(self) -> MinMax | None:
        self._send_unseen()
        expected = self._calibration.share.total * self._settings.calls_per_batch
        try:
            progress = self._session().wait(expected, timeout=self._settings.timeout)
        except DeadlineExceededError:
            raise self._too_few(expected) from None
        if progress.count > expected:
            raise FailedPreconditionError(
                f"session {self._name} of run {self._settings.run} holds {progress.count} records, "
                f"and this calibration has {expected}: another calibration used this run name; "
                "set CALIPERS_RUN to another name, or CALIPERS_BATCHES to the number of batches"
            )
        return self._session().minmax() if progress.folded_count else None

    def _session(self) -> Session:
        if self._opened is None:
            args = to_mapping(self._args)
            theirs = args.get("observer_kwargs", {})
            constant = theirs.get("averaging_constant")
            args["observer"] = self._kind
            args["observer_kwargs"] = {} if constant is None else {"averaging_constant": constant}
            try:
                self._opened = self._calibration.client.session(
                    self._name, args=args, arithmetic=self._settings.arithmetic
                )
            except AlreadyExistsError as error:
                raise AlreadyExistsError(
                    f"{error.message}; another recipe needs another run name: set CALIPERS_RUN"
                ) from None
        return self._opened

    def _index(self, batch: int, call: int) -> int:
        calls = self._settings.calls_per_batch
        if call >= calls:
            raise InvalidArgumentError(
                f"{self._name} is observed {call + 1} times in batch {batch}; set "
                f"CALIPERS_CALLS_PER_BATCH ({calls}) to the largest number of calls of a module in "
                "one batch"
            )
        return self._calibration.share.index(batch) * calls + call

    def _send_unseen(self) -> None:
        if self._is_counting:
            self._check_calls()
        # An empty tensor in a shape that every strategy accepts: it is counted and changes no fold.
        rank = 4 if self._name.rpartition("/")[2] in ("q", "k", "v") else 2
        nothing = torch.empty((0,) * rank, dtype=self._dtype)
        calls = self._settings.calls_per_batch
        for batch in range(self._calibration.share.count):
            for call in range(self._calls[batch], calls):
                self._session().observe(nothing, index=self._index(batch, call))
            self._calls[batch] = calls

    def _check_calls(self) -> None:
        calls = self._calibration.share.count * self._settings.calls_per_batch
        if self._calls.total() != calls:
            raise FailedPreconditionError(
                f"{self._name} was observed {self._calls.total()} times, not once for each of "
                f"{calls} calls, and this llm-compressor does not give the batch of each call: set "
                "active_session().state.current_batch_idx in your own loop, or use llm-compressor "
                "0.10"
            )

    def _too_few(self, expected: int) -> DeadlineExceededError:
        progress = self._session().progress()
        missing = [f"{part.start} to {part.stop - 1}" for part in progress.missing]
        if progress.end_index < expected:
            missing.append(f"all from {progress.end_index} on")
        return DeadlineExceededError(
            f"session {self._name} of run {self._settings.run} holds {progress.count} of "
            f"{expected} records after {self._settings.timeout:g} s (missing: "
            f"{', '.join(missing)}): is every worker running? Start a failed worker again with "
            "the same RANK and WORLD_SIZE; CALIPERS_TIMEOUT sets the timeout in seconds"
        )
