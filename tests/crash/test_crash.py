"""Runs of the harness: every guarantee holds, and the harness detects violations."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from . import backup_mode, server_mode
from .__main__ import MODES, counts
from .arena import Arena
from .service import Service

SEED = 1
KILLS = counts(200, None)
SELF_CHECK_KILLS = 60


def arena(folder: Path, *flags: str) -> Arena:
    return Arena(folder, SEED, lambda: None, *flags)


@pytest.mark.parametrize("mode", list(KILLS))
def test_nothing_is_lost(mode: str, tmp_path: Path) -> None:
    with arena(tmp_path / mode) as there:
        MODES[mode](there, KILLS[mode])
    tally = there.tally
    assert not tally.failed, "\n".join([*tally.violations, *tally.shortfalls, *tally.lines()])
    assert tally.acknowledged > 0
    assert tally.records_verified > 0
    assert tally.answers_verified > 0


def test_a_store_that_lies_is_noticed(tmp_path: Path) -> None:
    with arena(tmp_path / "lies", "--forget-every", "50") as there:
        server_mode.run(there, SELF_CHECK_KILLS)
    assert any("missing" in violation for violation in there.tally.violations)


@pytest.mark.parametrize("durability", ["os", "none"])
def test_what_a_power_cut_takes_is_noticed(durability: str, tmp_path: Path) -> None:
    with arena(tmp_path / "unsynced") as there:
        server_mode.run(there, SELF_CHECK_KILLS, (server_mode.Setting(durability, 1),))
    lost = ("missing", "was lost in between", "NOT_FOUND", "expected", "sealed")
    said = there.tally.violations
    assert any(word in violation for violation in said for word in lost), said


def test_a_backup_that_lacks_something_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    backups = tmp_path / "stale" / "data" / "backups"
    take = Service.back_up

    def take_the_first_again(service: Service, name: str) -> None:
        if not (backups / "calm-0").exists():
            take(service, name)
        else:
            shutil.copytree(backups / "calm-0", backups / name)

    monkeypatch.setattr(Service, "back_up", take_the_first_again)
    with arena(tmp_path / "stale") as there:
        backup_mode.run(there, SELF_CHECK_KILLS)
    assert any("acknowledged records are missing" in line for line in there.tally.violations)
