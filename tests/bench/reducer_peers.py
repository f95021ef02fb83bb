"""Reduces the benchmark's tensors with PyTorch, NumPy and Calipers, in alternating rounds.

Writes the rows for tests/bench/report.py as JSON: GB/s, medians of the rounds, with one thread.
PyTorch computes `amin` and `amax` of the reshaped tensor, as in llm-compressor, and also `aminmax`
if that supports the same dimensions.
"""

from __future__ import annotations

import argparse
import fnmatch
import json
import statistics
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import torch

BYTES = {"L2": 512 << 10, "DRAM": 2 << 30}
HIDDEN = 4096
DTYPES = {"F32": torch.float32, "BF16": torch.bfloat16, "F16": torch.float16}
NUMPY_DTYPES = {"F32": np.float32, "F16": np.float16}  # NumPy has no bfloat16.

# How flatten_for_calibration reshapes the rows x HIDDEN elements, and what is reduced.
VIEWS = {
    "tensor": (lambda rows: (-1,), (0,)),
    "channel": (lambda rows: (rows, HIDDEN), (1,)),
    "group16_weight": (lambda rows: (rows, HIDDEN // 16, 16), (2,)),
    "group128_weight": (lambda rows: (rows, HIDDEN // 128, 128), (2,)),
    "group128_input": (lambda rows: (rows, HIDDEN // 128, 128), (0, 2)),
    "attn_head": (lambda rows: (1, 32, rows * HIDDEN // 32), (0, 2)),
}


def rate(run, size: int) -> float:
    """GB/s of a call, measured over a large part of a second."""
    run()
    calls, spent = 0, 0.0
    began = time.perf_counter()
    while spent < 0.2:
        run()
        calls += 1
        spent = time.perf_counter() - began
    return calls * size / spent / 1e9


def peers(dtype: str, view: str, size: int) -> dict:
    """The function to call for each peer."""
    rng = np.random.default_rng(1)
    # One bit of each exponent is cleared, so that all values are finite in every dtype.
    bits = rng.integers(0, 256, size, dtype=np.uint8) & 0xBB
    flat = torch.from_numpy(bits).view(DTYPES[dtype])
    shape, dims = VIEWS[view]
    tensor = flat.reshape(shape(flat.numel() // HIDDEN))
    calls = {
        "torch amin+amax": lambda: (tensor.amin(dim=dims), tensor.amax(dim=dims)),
    }
    if len(dims) == 1:
        calls["torch aminmax"] = lambda: torch.aminmax(tensor, dim=dims[0])
    if dtype in NUMPY_DTYPES:
        array = tensor.numpy()
        calls["numpy min+max"] = lambda: (array.min(axis=dims), array.max(axis=dims))
    return calls


def calipers(bench: Path, name: str) -> tuple[float, float]:
    """GB/s of Calipers and of the load-only loop."""
    done = subprocess.run(
        [bench, f"--benchmark_filter=^{name}/manual_time$", "--benchmark_format=json"]
        + ["--benchmark_min_time=0.05"],
        check=True,
        capture_output=True,
    )
    (row,) = json.loads(done.stdout)["benchmarks"]
    return row["bytes_per_second"] / 1e9, row["load_only"] / 1e9


def measure(bench: Path, dtype: str, view: str, size: str, rounds: int) -> dict:
    """One row of the table."""
    name = f"reduce/{dtype}/{view}/{size}"
    calls = peers(dtype, view, BYTES[size])
    ours, limits, theirs = [], [], {peer: [] for peer in calls}
    for _ in range(rounds):
        speed, limit = calipers(bench, name)
        ours.append(speed)
        limits.append(limit)
        for peer, call in calls.items():
            theirs[peer].append(rate(call, BYTES[size]))
    speed, limit = statistics.median(ours), statistics.median(limits)
    return {
        "name": name,
        "unit": "GB/s",
        "calipers": speed,
        "limit": limit,
        "ratio": speed / limit,
        "peers": {peer: statistics.median(values) for peer, values in theirs.items()},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bench", type=Path, required=True, help="reducer_bench")
    parser.add_argument("--only", default="*", help="rows to measure")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path, required=True, help="where the rows go")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    rows = []
    for size in BYTES:
        for dtype in DTYPES:
            for view in VIEWS:
                if fnmatch.fnmatch(f"reduce/{dtype}/{view}/{size}", arguments.only):
                    rows.append(measure(arguments.bench, dtype, view, size, arguments.rounds))
                    print(".", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    arguments.json.write_text(json.dumps(rows, indent=2) + "\n")


if __name__ == "__main__":
    main()
