"""Sends the same tensors to Calipers, Arrow Flight and raw gRPC, in alternating rounds.

Writes the rows for tests/bench/report.py as JSON: GB/s, medians of the rounds. The client of
Calipers is its C++ library, the client of Flight is pyarrow, whose streams are C++ too.
"""

from __future__ import annotations

import argparse
import fnmatch
import json
import statistics
import subprocess
import sys
from pathlib import Path

from servers import Programs, calipers_server, serving

FLIGHT = [sys.executable, str(Path(__file__).with_name("flight_peer.py"))]
TENSOR = 64 << 20
TENSORS = 8  # of all streams together
FLIGHT_NAME = "Arrow Flight DoPut"


def seconds(command: list, target: str, streams: int, piece: int) -> float:
    """The seconds that a sender takes."""
    flags = {
        "--target": target,
        "--streams": streams,
        "--piece-bytes": piece,
        "--tensor-bytes": TENSOR,
        "--tensors": TENSORS // streams,
    }
    words = [str(word) for flag in flags.items() for word in flag]
    done = subprocess.run([*command, *words], check=True, capture_output=True, text=True)
    return float(done.stdout)


def measure(programs: Programs, streams: int, piece: int, rounds: int) -> dict:
    """One row of the table."""
    load = [programs.bench("load_tensors")]
    rates: dict[str, list[float]] = {"calipers": [], "limit": [], FLIGHT_NAME: []}
    with (
        calipers_server(programs) as calipers,
        serving(programs.bench("ingest_bench"), "--serve-raw") as raw,
        serving(*FLIGHT) as flight,
    ):
        for _ in range(rounds):
            for name, command, target in (
                ("calipers", load, calipers),
                ("limit", [*load, "--raw"], raw),
                (FLIGHT_NAME, FLIGHT, flight),
            ):
                spent = seconds(command, target, streams, piece)
                rates[name].append(TENSORS * TENSOR / spent / 1e9)
    medians = {name: statistics.median(values) for name, values in rates.items()}
    return {
        "name": "",
        "unit": "GB/s",
        "calipers": medians["calipers"],
        "limit": medians["limit"],
        "ratio": medians["calipers"] / medians["limit"],
        "peers": {FLIGHT_NAME: medians[FLIGHT_NAME]},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", type=Path, required=True, help="the release build")
    parser.add_argument("--only", default="*", help="rows to measure")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", type=Path, required=True, help="where the rows go")
    arguments = parser.parse_args()
    rows = []
    for streams in (1, 4):
        for piece in (64, 256, 1024, 4096):
            name = f"peers/ingest/BF16/{TENSOR >> 20}MiB/piece{piece}KiB/{streams} streams"
            if fnmatch.fnmatch(name, arguments.only):
                row = measure(Programs(arguments.build), streams, piece << 10, arguments.rounds)
                rows.append({**row, "name": name})
                print(".", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    arguments.json.write_text(json.dumps(rows, indent=2) + "\n")


if __name__ == "__main__":
    main()
