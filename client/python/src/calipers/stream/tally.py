"""The outcomes of a client's observations."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

from calipers._wire import observation_pb2 as wire
from calipers.errors import Refusal, RefusedError, code_name
from calipers.names import session_id

OnConflict: TypeAlias = Literal["raise", "keep"]
"""What a client does if another record is stored at an index: "raise" raises RefusedError at the
next flush or query, "keep" counts and logs it. The first record stays in both cases."""

_log = logging.getLogger("calipers")

_MOST_REFUSALS = 100


@dataclass(frozen=True)
class Totals:
    """Number of observations by outcome."""

    observed: int = 0
    """Observations given to `observe`."""
    stored: int = 0
    """New observations, now stored."""
    duplicates: int = 0
    """Observations that were already stored."""
    conflicts: int = 0
    """Observations refused because another record is stored at their index."""
    rejected: int = 0
    """Observations refused for another reason."""
    reconnects: int = 0
    """Connections after the first one."""

    @property
    def acknowledged(self) -> int:
        """Observations with a known outcome."""
        return self.stored + self.duplicates + self.conflicts + self.rejected


_FIELDS = {
    wire.ObservationAck.OUTCOME_STORED: "stored",
    wire.ObservationAck.OUTCOME_DUPLICATE: "duplicates",
    wire.ObservationAck.OUTCOME_CONFLICT: "conflicts",
    wire.ObservationAck.OUTCOME_REJECTED: "rejected",
}


class Tally:
    """Counts outcomes, and holds the first refusals until they are raised. Not thread-safe."""

    def __init__(self, on_conflict: OnConflict = "raise") -> None:
        self.totals = Totals()
        self._on_conflict = on_conflict
        self._refusals: list[Refusal] = []
        self._refused = 0

    def count(self, field: str) -> None:
        """Adds 1 to a field of Totals."""
        self.totals = replace(self.totals, **{field: getattr(self.totals, field) + 1})

    def count_ack(self, header: wire.ObservationHeader, ack: wire.ObservationAck) -> None:
        """Counts the acknowledgement of the observation with this header."""
        field = _FIELDS.get(ack.outcome, "rejected")
        self.count(field)
        if field in ("stored", "duplicates"):
            return
        if field == "conflicts" and self._on_conflict == "keep":
            self._tell_of_conflict(header)
            return
        self._refused += 1
        if len(self._refusals) < _MOST_REFUSALS:
            self._refusals.append(
                Refusal(
                    session=session_id(header.session),
                    index=header.index,
                    outcome="conflict" if field == "conflicts" else "rejected",
                    code=code_name(ack.status.code),
                    message=ack.status.message,
                )
            )

    def _tell_of_conflict(self, header: wire.ObservationHeader) -> None:
        if self.totals.conflicts > 1:
            return
        _log.warning(
            "%s at index %d holds another record, which stays (on_conflict is keep); "
            "Client.totals.conflicts counts further conflicts",
            session_id(header.session),
            header.index,
        )

    def raise_refused(self) -> None:
        """Raises RefusedError if observations were refused since the last call."""
        if not self._refusals:
            return
        refused = RefusedError(self._refusals, self._refused)
        self._refusals, self._refused = [], 0
        raise refused
