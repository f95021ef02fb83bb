"""In any order of events, the window loses, duplicates and reorders no observation."""

from __future__ import annotations

from collections import Counter

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from calipers._wire import observation_pb2 as wire
from calipers.stream import Pending, RawTensor, ReducedTensor, Window, WindowOptions

ACK = wire.ObservationAck
OPTIONS = WindowOptions(linger_seconds=0, first_pause_seconds=0, max_attempts=10**6)
UNAVAILABLE = 14


class AnyOrder(RuleBasedStateMachine):
    """Puts, takes, acknowledgements and failed calls in any order, compared with a plain list."""

    def __init__(self) -> None:
        super().__init__()
        self.window = Window(OPTIONS)
        self.count = 0
        self.call: int | None = None
        self.on_the_wire: list[int] = []
        self.kept: Counter[int] = Counter()

    def left(self) -> int:
        return self.count - len(self.kept)

    @rule(is_raw=st.booleans())
    def put(self, is_raw: bool) -> None:
        header = wire.ObservationHeader(index=self.count)
        pending: Pending = ReducedTensor(wire.ReducedObservation(header=header))
        self.window.put(RawTensor(header, memoryview(b"x")) if is_raw else pending)
        self.count += 1

    @precondition(lambda self: self.call is None and self.left() > 0)
    @rule()
    def open_call(self) -> None:
        self.call = self.window.open_call()

    @precondition(lambda self: self.call is not None and self.left() > len(self.on_the_wire))
    @rule()
    def take(self) -> None:
        assert self.call is not None
        batch = self.window.take(self.call)
        assert batch
        assert len(batch) == 1 or all(isinstance(each, ReducedTensor) for each in batch)
        self.on_the_wire.extend(pending.header.index for pending in batch)

    @precondition(lambda self: self.on_the_wire)
    @rule(outcome=st.sampled_from([ACK.OUTCOME_STORED, ACK.OUTCOME_DUPLICATE]))
    def acknowledge(self, outcome: ACK.Outcome) -> None:
        self.kept[self.on_the_wire.pop(0)] += 1
        self.window.acknowledge(ACK(outcome=outcome))

    @precondition(lambda self: self.on_the_wire)
    @rule()
    def refuse_for_the_moment(self) -> None:
        self.on_the_wire.pop(0)
        ack = ACK(outcome=ACK.OUTCOME_REJECTED)
        ack.status.code = UNAVAILABLE
        self.window.acknowledge(ack)

    @precondition(lambda self: self.call is not None)
    @rule()
    def break_call(self) -> None:
        assert self.call is not None
        assert self.window.end_call(self.call)[0] == self.left()
        assert self.window.take(self.call) is None
        self.call = None
        self.on_the_wire.clear()

    @invariant()
    def counts_agree(self) -> None:
        totals = self.window.totals()
        assert self.window.unacknowledged() == self.left()
        assert totals.observed == self.count
        assert totals.stored + totals.duplicates == totals.acknowledged == len(self.kept)

    def teardown(self) -> None:
        if self.left() > 0 and self.call is None:
            self.open_call()
        while self.left() > 0:
            if self.on_the_wire:
                self.acknowledge(ACK.OUTCOME_STORED)
            else:
                self.take()
        self.window.flush(0)
        # Each observation was acknowledged exactly once.
        assert self.kept == Counter(range(self.count))


AnyOrder.TestCase.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
TestAnyOrder = AnyOrder.TestCase
