"""Sessions that are created, sealed, reset, deleted and created again between kills.

A call that the server did not answer before it was killed was either executed completely or not at
all. Until the call is repeated, both states are correct."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace

import grpc

from .oracle import Known, SeriesOracle
from .report import Tally
from .service import RefusedError, Service
from .wire import Outcome
from .workload import KINDS, Series

KIND_NUMBERS = (0, 2)
BATCH = 12
CHANGES = ("create", "observe", "seal", "reset", "delete-session", "delete-run")


@dataclass(frozen=True)
class Side:
    """An existing session."""

    life: int
    certain: frozenset[int] = frozenset()
    # Sent, and possibly stored.
    possible: frozenset[int] = frozenset()
    sealed: int | None = None


# Existing sessions by the number of their kind.
State = dict[int, Side]


class SideRun:
    """A run with such sessions, and its allowed states."""

    def __init__(self, run: str, rng: random.Random, tally: Tally) -> None:
        self._run = run
        self._random = rng
        self._tally = tally
        self._life = 0
        # The state; while a call is unanswered, the states before and after the call.
        self._states: list[State] = [{}]
        self._open: tuple[str, int] | None = None
        self._service: Service

    def change(self, wanted: str | None = None) -> None:
        """Makes one change, or repeats an unanswered change. Raises as `Service`."""
        if self._open is None:
            self._open = self._choose(wanted)
            if self._open is None:
                return
            self._states.append(self._after(*self._open))
        self._make(*self._open)
        self._tally.lifecycle[self._open[0]] += 1
        self._settle()

    def _choose(self, wanted: str | None) -> tuple[str, int] | None:
        (state,) = self._states
        possible = []
        for number in KIND_NUMBERS:
            side = state.get(number)
            if side is None:
                possible.append(("create", number))
                continue
            possible += [("reset", number), ("delete-session", number), ("delete-run", number)]
            if side.sealed is None:
                possible += [("observe", number)] * 3
                if side.certain:
                    possible += [("seal", number)] * 2
        chosen = [change for change in possible if change[0] == wanted] or possible
        return self._random.choice(chosen)

    def _after(self, what: str, number: int) -> State:
        (before,) = self._states
        state = dict(before)
        if what == "delete-run":
            return {}
        if what == "delete-session":
            del state[number]
        elif what in ("create", "reset"):
            self._life += 1
            state[number] = Side(self._life)
        elif what == "observe":
            side = state[number]
            sent = frozenset(range(len(side.certain), len(side.certain) + BATCH))
            state[number] = replace(side, possible=sent)
        else:
            state[number] = replace(state[number], sealed=len(state[number].certain))
        return state

    def _series(self, number: int, life: int) -> Series:
        kind = KINDS[number]
        return Series(f"{self._run}/sessions/{kind.session_id}", kind, life)

    def _make(self, what: str, number: int) -> None:
        name = f"{self._run}/sessions/{KINDS[number].session_id}"
        after = self._states[-1]
        if what == "create":
            self._service.create(self._run, KINDS[number])
        elif what == "observe":
            self._observe(number, after[number])
        elif what == "seal":
            self._service.seal(name, after[number].sealed)
        elif what == "reset":
            self._service.reset(name)
        else:
            self._delete(what, name)

    def _delete(self, what: str, name: str) -> None:
        try:
            if what == "delete-run":
                self._service.delete_run(self._run)
            else:
                self._service.delete(name)
        except RefusedError as refused:
            # The unanswered call may have deleted it.
            if refused.code != grpc.StatusCode.NOT_FOUND:
                raise

    def _observe(self, number: int, side: Side) -> None:
        series = self._series(number, side.life)
        acks = self._service.observe(series, sorted(side.possible))
        stored = (Outcome.OUTCOME_STORED, Outcome.OUTCOME_DUPLICATE)
        bad = [ack for ack in acks if ack.outcome not in stored]
        if bad or len(acks) != len(side.possible):
            raise RefusedError(
                grpc.StatusCode.DATA_LOSS, f"{series.name}: {len(acks)} acks, {bad[:1]}"
            )

    def _settle(self) -> None:
        state = self._states[-1]
        self._states = [
            {
                number: replace(side, certain=side.certain | side.possible, possible=frozenset())
                for number, side in state.items()
            }
        ]
        self._open = None

    def use(self, service: Service) -> None:
        """Sets the connection for `change` and `check`."""
        self._service = service

    def check(self) -> list[str]:
        """Returns the differences if the run has none of the allowed states."""
        found = [self._differences(state) for state in self._states]
        return [] if any(not differences for differences in found) else found[-1]

    def _differences(self, state: State) -> list[str]:
        names = {f"{self._run}/sessions/{KINDS[number].session_id}" for number in state}
        there = set(self._service.names(self._run))
        if there != names:
            return [f"{self._run}: expected {sorted(names)}, found {sorted(there)}"]
        wrong: list[str] = []
        for number, side in state.items():
            wrong += self._session_differences(self._series(number, side.life), side)
        return wrong

    def _session_differences(self, series: Series, side: Side) -> list[str]:
        oracle = SeriesOracle(series)
        known = Known(set(side.certain), set(side.certain | side.possible))
        records = self._service.read(series.name)
        wrong = oracle.check_series(records, known)
        session = self._service.get(series.name)
        sealed = session.sealed_count if session.HasField("sealed_count") else None
        if sealed != side.sealed:
            wrong.append(f"{series.name}: sealed at {sealed}, not {side.sealed}")
        if wrong:
            return wrong
        if side.certain:
            wrong += oracle.check_answer(self._service.answer(series.name), known)
            self._tally.answers_verified += 1
        elif not records:
            wrong += self._has_no_answer(series.name)
        if side.sealed is not None:
            wrong += self._takes_no_more(series, side)
        self._tally.records_verified += len(records)
        return wrong

    def _has_no_answer(self, name: str) -> list[str]:
        try:
            self._service.answer(name)
        except RefusedError as refused:
            if refused.code == grpc.StatusCode.FAILED_PRECONDITION:
                return []
            raise
        return [f"{name}: has an answer, though it has no record"]

    def _takes_no_more(self, series: Series, side: Side) -> list[str]:
        acks = self._service.observe(series, [side.sealed])
        if [ack.outcome for ack in acks] == [Outcome.OUTCOME_REJECTED]:
            return []
        return [f"{series.name}: took a record after it was sealed"]
