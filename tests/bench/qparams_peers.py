"""Scales and zero points of 448 observers: one call to Calipers, compared with compressed-tensors.

The results of Calipers come from ingest_bench and include the server and the transport. The peer
has ranges of the same shapes and dtypes as tensors in its own process. It calls calculate_qparams
for each observer, and generate_gparam before it if there is a global scale, as llm-compressor's
observers do. Rounds alternate. Writes the rows for tests/bench/report.py as JSON: milliseconds,
medians.
"""

from __future__ import annotations

import argparse
import fnmatch
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from compressed_tensors.quantization import QuantizationArgs, preset_name_to_scheme
from compressed_tensors.quantization.utils import calculate_qparams, generate_gparam

from servers import Programs

OBSERVERS = 448
PEER = "compressed-tensors"


@dataclass(frozen=True)
class Case:
    """A case of ingest_bench, with PyTorch's values."""

    scheme: str
    of: str  # weights or input_activations
    shape: tuple[int, ...]

    @property
    def args(self) -> QuantizationArgs:
        return getattr(preset_name_to_scheme(self.scheme, ["Linear"]), self.of)


CASES = {
    "FP8 inputs, 1 parameter": Case("FP8", "input_activations", (1,)),
    "W8A8 weights, 4,096 channels": Case("W8A8", "weights", (4096, 1)),
    "W4A16_ASYM weights, 8,192 groups": Case("W4A16_ASYM", "weights", (1024, 8)),
    "NVFP4 weights, 16,384 groups": Case("NVFP4", "weights", (256, 64)),
}


def peer(case: Case) -> Callable[[], None]:
    """Computes the qparams of all observers once."""
    ranges = [
        (-torch.rand(case.shape).bfloat16() - 0.5, torch.rand(case.shape).bfloat16() + 0.5)
        for _ in range(OBSERVERS)
    ]
    args = case.args

    def calculate() -> None:
        for low, high in ranges:
            scale = generate_gparam(low.min(), high.max()) if args.scale_dtype else None
            calculate_qparams(low, high, args, global_scale=scale)

    return calculate


def milliseconds(call: Callable[[], None]) -> float:
    began = time.perf_counter()
    call()
    return 1e3 * (time.perf_counter() - began)


def calipers(programs: Programs, name: str) -> dict:
    """The result of ingest_bench for the case."""
    with tempfile.TemporaryDirectory() as folder:
        rows = Path(folder) / "rows.json"
        command = [programs.bench("ingest_bench"), "--server", programs.server]
        subprocess.run([*command, "--only", name, "--json", rows], check=True, capture_output=True)
        (row,) = json.loads(rows.read_text())
    return row


def measure(programs: Programs, name: str, case: Case, turns: int) -> dict:
    """One row of the table."""
    calculate = peer(case)
    calculate()
    ours, theirs = [], []
    for _ in range(turns):
        ours.append(calipers(programs, name))
        theirs += [milliseconds(calculate) for _ in range(3)]
        print(".", end="", file=sys.stderr, flush=True)
    answer, limit = (statistics.median(row[key] for row in ours) for key in ("calipers", "limit"))
    return {
        **ours[0],
        "name": f"peers/{name}",
        "calipers": answer,
        "limit": limit,
        "ratio": limit / answer,
        "peers": {PEER: statistics.median(theirs)},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", type=Path, required=True, help="the release build")
    parser.add_argument("--only", default="*", help="rows to measure")
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--json", type=Path, required=True, help="where the rows go")
    arguments = parser.parse_args()
    programs = Programs(arguments.build)
    names = {f"qparams/{OBSERVERS} sessions/{name}": case for name, case in CASES.items()}
    rows = [
        measure(programs, name, case, arguments.turns)
        for name, case in names.items()
        if fnmatch.fnmatch(f"peers/{name}", arguments.only)
    ]
    print(file=sys.stderr)
    arguments.json.write_text(json.dumps(rows, indent=2) + "\n")


if __name__ == "__main__":
    main()
