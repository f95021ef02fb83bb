"""How far llm-compressor's moving average in bfloat16 is from the exact one, layer by layer: on
the captured activations of a real model, and on normal ones of the same mean and deviation."""

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
CAPTURED = TOP / "tests" / "data" / "minilm-activations-bf16.safetensors"
SEED = 2024


def captured() -> dict[str, list[np.ndarray]]:
    """The batches of each session, in the order of their indices."""
    found: dict[str, dict[int, np.ndarray]] = {}
    for name, tensor in load_file(CAPTURED).items():
        session, _, index = name.rpartition("/")
        found.setdefault(session, {})[int(index)] = tensor
    return {
        session: [batches[index] for index in sorted(batches)]
        for session, batches in sorted(found.items())
    }


def random_like(batches: list[np.ndarray], rng: np.random.Generator) -> list[np.ndarray]:
    """As many batches as `distance` takes, of the first one's shape."""
    elements = np.concatenate([batch.astype(np.float64).ravel() for batch in batches])
    mean, deviation = elements.mean(), elements.std()
    return [
        rng.normal(mean, deviation, batches[0].shape).astype(NUMPY_DTYPES["BF16"])
        for _ in range(BATCHES)
    ]


def exact_averages(values: list[float]) -> list[float]:
    """After each value, rounded once."""
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
    """Of both ends after each batch, in units in the last place of bfloat16."""
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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, required=True, help="where the distances go")
    arguments = parser.parse_args()
    environment = Path(os.environ["CALIPERS_ENV_DIR"]) / "reference-current"
    work = TOP / "build" / "parity"
    work.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(SEED)
    rows = []
    with Reference(environment, work / "layers.log") as reference:
        reference.wait_until_ready()
        for session, batches in captured().items():
            for kind, series in (("real", batches), ("random", random_like(batches, rng))):
                rows.append(
                    {"session": session, "kind": kind} | distances(reference, series)
                )
        print(", ".join(f"{name} {number}" for name, number in reference.versions.items()))
    arguments.json.write_text(json.dumps(rows))
    print("| session | activations | batches | min | max |\n| --- | --- | ---: | ---: | ---: |")
    for row in rows:
        print(
            f"| `{row['session']}` | {row['kind']} | {len(row['min'])} "
            f"| {row['min'][-1]:.2f} | {row['max'][-1]:.2f} |"
        )


if __name__ == "__main__":
    main()
