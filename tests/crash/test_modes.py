"""Counts of the modes, repeated faults, and reports of tests that did not happen."""

from __future__ import annotations

import json
from collections import Counter
from types import SimpleNamespace

import pytest

from . import backup_mode, disk_mode, worker_mode
from .__main__ import MODES, SHARES, counts
from .report import Tally


def test_the_shares_of_the_modes_are_all_of_the_kills() -> None:
    assert sum(SHARES.values()) == pytest.approx(1)
    of_all = counts(200, None)
    assert of_all.keys() == MODES.keys()
    assert sum(of_all[mode] for mode in SHARES) == 200
    assert counts(200, "backup") == {"backup": 200}


def test_shortfalls_fail_a_run_and_are_reported() -> None:
    tally = Tally(shortfalls=["no duplicate was acknowledged"])
    assert tally.failed
    assert any(line.split() == "tests that did not happen 1".split() for line in tally.lines())
    assert not Tally().failed


def test_faults_that_fired_and_those_that_did_not_are_told_apart() -> None:
    tally = Tally(
        faults=Counter({"wal-sync EIO: refused": 2, "wal-read EIO: did not start": 1}),
        unfired=Counter({"table-read EIO": 4}),
    )
    lines = [line.split() for line in tally.lines()]
    assert ["faults", "that", "fired", "3"] in lines
    assert ["servers", "without", "a", "fired", "fault", "4"] in lines
    assert ["fault", "that", "never", "fired", "table-read", "EIO", "4"] in lines
    found = json.loads(json.dumps(tally.as_json()))
    assert (found["faults_fired"], found["faults_unfired"]) == (3, 4)
    assert found["unfired"] == {"table-read EIO": 4}


def test_a_workers_run_needs_a_comeback_and_a_duplicate() -> None:
    assert len(worker_mode.shortfalls(Tally())) == 2
    assert "no stalled worker" in worker_mode.shortfalls(Tally(takeovers=1, duplicates=1))[0]
    assert "no duplicate" in worker_mode.shortfalls(Tally(comebacks=1))[0]
    assert worker_mode.shortfalls(Tally(comebacks=1, duplicates=1)) == []


def test_a_run_of_backups_needs_kills_during_them() -> None:
    assert backup_mode.shortfalls({"after a backup": 10}, 10) == [
        "no kill came during a backup",
        "no kill came during a restore",
    ]
    assert backup_mode.shortfalls({"during a backup": 1, "during a restore": 1}, 10) == []
    assert backup_mode.shortfalls({}, 9) == []


def lives(monkeypatch: pytest.MonkeyPatch, *met: bool) -> SimpleNamespace:
    """An arena without servers. The argument says in which runs of a server a fault fires; after
    these runs no fault fires."""
    left = [*met]
    arena = SimpleNamespace(tally=Tally(), calm=0, steps=0, check=None, begin_round=None)

    def calmly(_: object) -> None:
        arena.calm += 1

    def step() -> None:
        arena.steps += 1

    arena.calmly, arena.step, arena.left = calmly, step, left
    monkeypatch.setattr(disk_mode, "_suffer", lambda _: bool(left) and left.pop(0))
    return arena


def test_more_runs_replace_faults_that_did_not_occur(monkeypatch: pytest.MonkeyPatch) -> None:
    arena = lives(monkeypatch, True, False, False, True, True)
    disk_mode.run(arena, 2)
    # One check at the beginning, and one after each server process.
    assert (arena.steps, arena.calm, arena.left) == (2, 5, [True])
    assert not arena.tally.failed


def test_faults_that_are_never_met_end_a_run(monkeypatch: pytest.MonkeyPatch) -> None:
    arena = lives(monkeypatch, True)
    disk_mode.run(arena, 2)
    assert arena.calm == 1 + 2 * disk_mode.LIVES_A_FAULT + disk_mode.SPARE_LIVES
    assert arena.tally.shortfalls == ["1 faults were met of 2"]
