"""Kills servers and workers, injects disk faults and flips bits, and checks that no acknowledged
record is lost, duplicated or changed.

Exit status: 0 all guarantees hold, 1 a guarantee is violated or was not tested, 2 wrong usage."""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from pathlib import Path

from tqdm import tqdm

from . import backup_mode, bitflip_mode, disk_mode, server_mode, worker_mode
from .arena import Arena
from .process import SERVER, UNCHECKED_SERVER, HarnessError
from .report import Tally
from .wire import TOP

SHOWN_VIOLATIONS = 10
# Shares of all kills.
SHARES = {"server": 0.5, "worker": 0.2, "disk": 0.2, "backup": 0.1}
FLIPS_A_KILL = 2.5
MODES = {
    "server": server_mode.run,
    "worker": worker_mode.run,
    "disk": disk_mode.run,
    "backup": backup_mode.run,
    "bitflip": bitflip_mode.run,
}


def parse_arguments(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="scripts/crash",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="example: scripts/crash --kills 200 --seed 1 --only server",
    )
    parser.add_argument(
        "--kills",
        type=int,
        default=200,
        help="number of kills (default: 200): 50 %% kill servers, 20 %% kill workers, 20 %% are "
        "disk faults that fired, 10 %% kill backups and restores; in addition 2.5 bit flips "
        "for each kill. With --only all kills are of this mode",
    )
    parser.add_argument("--seed", type=int, default=1, help="seed of the actions, not of timing")
    parser.add_argument("--only", choices=list(MODES), help="run only this mode")
    parser.add_argument(
        "--without-log-check",
        action="store_true",
        help="bitflip with a server that does not check its logs: shows what the check finds, "
        "and so ends with violations",
    )
    parser.add_argument("--json", action="store_true", help="print the results as JSON")
    parser.add_argument(
        "--work", type=Path, default=TOP / "build" / "crash", help="folder for data and logs"
    )
    parsed = parser.parse_args(arguments)
    if parsed.without_log_check and parsed.only != "bitflip":
        parser.error("--without-log-check goes with --only bitflip")
    if parsed.kills < 1 or parsed.seed < 0:
        parser.error("--kills takes 1 or more, --seed 0 or more")
    return parsed


def counts(kills: int, only: str | None) -> dict[str, int]:
    """The number of kills, faults or flips of each mode."""
    shares = {mode: max(1, round(kills * share)) for mode, share in SHARES.items()}
    shares["bitflip"] = round(kills * FLIPS_A_KILL)
    if only is None:
        return shares
    return {only: shares[only] if only == "bitflip" else kills}


def run(
    kills: int, seed: int, only: str | None, work: Path, program: Path = SERVER
) -> dict[str, Tally]:
    """The results by mode. Keeps the folder of a mode that failed."""
    tallies = {}
    for mode, count in counts(kills, only).items():
        with (
            tqdm(total=count, desc=mode, disable=None, file=sys.stderr) as bar,
            Arena(work / mode, seed, bar.update) as arena,
        ):
            arena.program = program
            tallies[mode] = arena.tally
            MODES[mode](arena, count)
        if not arena.tally.failed:
            shutil.rmtree(arena.folder)
    return tallies


def print_report(tallies: dict[str, Tally], arguments: argparse.Namespace) -> None:
    if arguments.json:
        print(json.dumps({mode: tally.as_json() for mode, tally in tallies.items()}, indent=2))
        return
    for mode, tally in tallies.items():
        print(f"\n{mode}")
        print("\n".join(f"  {line}" for line in tally.lines()))
    for mode, tally in tallies.items():
        if not tally.failed:
            continue
        print(f"\n{mode}: --seed {arguments.seed} --only {mode}; see {arguments.work / mode}")
        for line in [*tally.violations[:SHOWN_VIOLATIONS], *tally.shortfalls]:
            print(f"  {line}")
    print(f"\n{'FAILED' if any(tally.failed for tally in tallies.values()) else 'held'}")


def main() -> int:
    arguments = parse_arguments()
    program = UNCHECKED_SERVER if arguments.without_log_check else SERVER
    try:
        tallies = run(arguments.kills, arguments.seed, arguments.only, arguments.work, program)
    except HarnessError as error:
        sys.exit(f"crash: {error}; see {arguments.work}")
    print_report(tallies, arguments)
    return 1 if any(tally.failed for tally in tallies.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
