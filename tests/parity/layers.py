"""Measures the distance of llm-compressor's moving average in bfloat16 from the exact average for
each layer, on activations of a real model and on normally distributed values with the same mean and
deviation."""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file

from cases import DEFAULT_CONSTANT
from distance import BATCHES, units
from dyadic import Dyadic, average, to_float32
from formats import NUMPY_DTYPES
from references import Reference, series_job

TOP = Path(__file__).resolve().parents[2]
SEED = 2024
BASE_NAMES = ("input", "output")
KINDS = ("real", "normal")


def captured(path: Path) -> dict[str, list[np.ndarray]]:
    """The batches of each session, sorted by index. Sessions are in the file's order of names."""
    found: dict[str, dict[int, np.ndarray]] = {}
    for name, tensor in load_file(path).items():
        session, _, index = name.rpartition("/")
        found.setdefault(session, {})[int(index)] = tensor
    return {
        session: [batches[index] for index in sorted(batches)]
        for session, batches in sorted(found.items())
    }


def random_like(batches: list[np.ndarray], rng: np.random.Generator) -> list[np.ndarray]:
    """Random batches of the first batch's shape; their number is that of `distance`."""
    elements = np.concatenate([batch.astype(np.float64).ravel() for batch in batches])
    mean, deviation = elements.mean(), elements.std()
    return [
        rng.normal(mean, deviation, batches[0].shape).astype(NUMPY_DTYPES["BF16"])
        for _ in range(BATCHES)
    ]


def exact_averages(values: list[float]) -> list[float]:
    """The exact average after each value, rounded once."""
    constant = Dyadic.of(DEFAULT_CONSTANT)
    state = Dyadic.of(values[0])
    averages = [to_float32(state)]
    for value in values[1:]:
        state = average(state, Dyadic.of(value), constant)
        averages.append(to_float32(state))
    return averages


def distances(
    reference: Reference, batches: list[np.ndarray]
) -> dict[str, list[float]]:
    """The distances of both ends after each batch, in units in the last place of bfloat16."""
    sent = [(batch.shape, batch.tobytes()) for batch in batches]
    answers = reference.run(
        series_job("BF16", sent, tuple(range(1, len(batches) + 1)))
    )
    found = {}
    for side in ("min", "max"):
        ends = [float(getattr(batch.astype(np.float64), side)()) for batch in batches]
        given = [float(getattr(answer["range"], side)[0]) for answer in answers]
        found[side] = [
            units("BF16", exact, value)
            for exact, value in zip(exact_averages(ends), given, strict=True)
        ]
    return found


def table(rows: list[dict]) -> list[str]:
    """A table with a line for each module: distances of minimum and maximum after the last
    batch."""
    cells = {
        (*row["session"].rsplit("/", 1), row["kind"]): f"{row['min'][-1]:.2f}, {row['max'][-1]:.2f}"
        for row in rows
    }
    columns = [(base_name, kind) for base_name in BASE_NAMES for kind in KINDS]
    lines = [
        "| module | " + " | ".join(f"{base_name}, {kind}" for base_name, kind in columns) + " |",
        "| --- | " + " | ".join("---:" for _ in columns) + " |",
    ]
    for module in dict.fromkeys(module for module, _, _ in cells):
        found = (cells[module, base_name, kind] for base_name, kind in columns)
        lines.append(f"| `{module}` | " + " | ".join(found) + " |")
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--captured", type=Path, required=True, help="file from layers_capture.py"
    )
    parser.add_argument("--json", type=Path, required=True, help="output file of the distances")
    arguments = parser.parse_args()
    environment = Path(os.environ["CALIPERS_ENV_DIR"]) / "reference-current"
    work = TOP / "build" / "parity"
    work.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(SEED)
    rows = []
    with Reference(environment, work / "layers.log") as reference:
        reference.wait_until_ready()
        for session, batches in captured(arguments.captured).items():
            for kind, series in zip(KINDS, (batches, random_like(batches, rng)), strict=True):
                rows.append(
                    {"session": session, "kind": kind} | distances(reference, series)
                )
        print(", ".join(f"{name} {number}" for name, number in reference.versions.items()))
    arguments.json.write_text(json.dumps(rows))
    for kind in KINDS:
        ends = [row[side][-1] for row in rows if row["kind"] == kind for side in ("min", "max")]
        batches = {len(row["min"]) for row in rows if row["kind"] == kind}
        quartiles = ", ".join(f"{one:.2f}" for one in np.quantile(ends, [0, 0.25, 0.5, 0.75, 1]))
        print(f"{kind}, {batches} batches, {len(ends)} ends; least, quartiles, most: {quartiles}")
    print("\n".join(table(rows)))


if __name__ == "__main__":
    main()
