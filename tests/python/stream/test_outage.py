"""Log messages about outages, with a fake clock."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from calipers.stream import outage
from calipers.stream.outage import Outage


@pytest.fixture
def at(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Sets the clock."""
    now = [0.0]
    monkeypatch.setattr(outage.time, "monotonic", lambda: now[0])

    def set_to(seconds: float) -> None:
        now[0] = seconds

    return set_to


def test_a_long_outage_is_logged_after_two_seconds_and_every_thirty(at, caplog):
    told = Outage()
    told.call_begins()
    times = [0.0, 1.9, 2.1, 10.0, 32.0, 32.2, 60.0, 62.3]
    for attempt, seconds in enumerate(times, 1):
        at(seconds)
        told.call_breaks("it is gone", "2 observations", attempt)
        told.call_begins()
    warned = [record.message for record in caplog.records if record.levelname == "WARNING"]
    assert warned == [
        f"it is gone; no acknowledgement for {seconds} s, 2 observations will be sent again"
        for seconds in (2, 32, 62)
    ]


def test_an_acknowledgement_ends_an_outage(at, caplog):
    told = Outage()
    with caplog.at_level("INFO", "calipers"):
        for seconds in (0.0, 100.0, 200.0):
            at(seconds)
            told.call_begins()
            told.acknowledged()
            at(seconds + 1)
            told.call_breaks("it is gone", "1 observation", 1)
        assert caplog.records == []
        at(204)
        told.call_breaks("it is gone", "1 observation", 2)
        at(205)
        told.acknowledged()
        told.acknowledged()
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]
    assert caplog.records[1].message == "sending continues after 4 s"
