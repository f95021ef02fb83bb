"""Clients with other gRPC implementations, with a real server and numpy's expected results.

Each client does the same work once, over its own HTTP/2: a session, a tensor in pieces and a batch
of records on one stream, every kind of query, an error and a deadline. The tests check its output.
"""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass

import numpy as np
import pytest

from server_process import ServerProcess

SHAPE = (3, 257, 512)  # 1.5 MiB: about 24 initial flow-control windows of HTTP/2
GROUP = 128
PIECE_BYTES = 100_001  # pieces are cut inside elements
RECORDS = 1_500  # more than one message of acknowledgements, and of the series
AVERAGING_CONSTANT = 0.25
CLIENT_SECONDS = 60
INVALID_ARGUMENT = 3


@dataclass
class Done:
    """A client's work and its output."""

    tensor: np.ndarray
    lows: np.ndarray
    highs: np.ndarray
    parent: str
    printed: dict


def group_ranges(tensor: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The range of each run of GROUP elements in the last dimension, over all other dimensions."""
    groups = tensor.reshape(-1, tensor.shape[-1] // GROUP, GROUP)
    return groups.min(axis=(0, 2)), groups.max(axis=(0, 2))


def hexadecimal(values: np.ndarray) -> str:
    return values.tobytes().hex()


def records_of(lows: np.ndarray, highs: np.ndarray) -> list[dict]:
    """Records from index 1 on. The last record is invalid: its ends are exchanged."""
    records = [
        {"index": i, "shape": [1, 7, SHAPE[-1]], "min": hexadecimal(low), "max": hexadecimal(high)}
        for i, (low, high) in enumerate(zip(lows, highs, strict=True), start=1)
    ]
    wrong = {**records[-1], "index": RECORDS + 1}
    wrong["min"], wrong["max"] = wrong["max"], wrong["min"]
    return [*records, wrong]


@pytest.fixture(scope="session")
def done(
    client: str, command: list[str], server: ServerProcess, tmp_path_factory: pytest.TempPathFactory
) -> Done:
    folder = tmp_path_factory.mktemp(client)
    random = np.random.default_rng(7)
    tensor = random.normal(scale=3, size=SHAPE).astype("<f4")
    (folder / "tensor").write_bytes(tensor.tobytes())
    ends = random.normal(loc=2, size=(2, RECORDS, SHAPE[-1] // GROUP)).astype("<f4")
    lows, highs = ends.min(axis=0), ends.max(axis=0)
    work = {
        "server": server.address,
        "parent": f"runs/{client}",
        "session_id": "model.layers.0.mlp.down_proj/input",
        "worker": client,
        "args": {
            "symmetric": False,
            "strategy": "STRATEGY_GROUP",
            "group_size": GROUP,
            "observer": "minmax",
            "observer_kwargs": {"averaging_constant": AVERAGING_CONSTANT},
        },
        "tensor": {
            "file": str(folder / "tensor"),
            "dtype": "F32",
            "shape": SHAPE,
            "piece_bytes": PIECE_BYTES,
        },
        "records": records_of(lows, highs),
        "absent": f"runs/{client}/sessions/nobody/input",
        "wait_count": 10 * RECORDS,
        "deadline_seconds": 0.3,
    }
    (folder / "work.json").write_text(json.dumps(work))
    ran = subprocess.run(
        [*command, str(folder / "work.json")],
        capture_output=True,
        text=True,
        timeout=CLIENT_SECONDS,
    )
    assert ran.returncode == 0, ran.stderr
    return Done(tensor, lows, highs, work["parent"], json.loads(ran.stdout))


def values(tensor: dict, dtype: str) -> np.ndarray:
    return np.frombuffer(bytes.fromhex(tensor["data"]), dtype).reshape(tensor["shape"])


def all_ranges(done: Done) -> tuple[np.ndarray, np.ndarray]:
    """The ranges of the tensor and of the records, with a row for each batch."""
    low, high = group_ranges(done.tensor)
    return np.vstack([low, done.lows]), np.vstack([high, done.highs])


def average(rows: np.ndarray) -> np.ndarray:
    """The moving average in float64, in the order of the indices."""
    past = rows[0].astype(np.float64)
    for row in rows[1:]:
        past = past * (1 - AVERAGING_CONSTANT) + row * AVERAGING_CONSTANT
    return past


def test_the_client_brings_its_own_transport(done: Done) -> None:
    assert done.printed["foreign_transport"], done.printed["library"]


def test_the_session_is_created(done: Done) -> None:
    session = f"{done.parent}/sessions/model.layers.0.mlp.down_proj/input"
    assert done.printed["session"] == session


def test_every_observation_is_acknowledged_in_order(done: Done) -> None:
    acks = done.printed["acks"]
    assert [ack["ordinal"] for ack in acks] == list(range(RECORDS + 2))
    assert [ack["index"] for ack in acks] == list(range(RECORDS + 2))
    stored = {(ack["outcome"], ack["code"]) for ack in acks[:-1]}
    assert stored == {("OUTCOME_STORED", 0)}


def test_a_bad_record_is_refused_with_a_reason(done: Done) -> None:
    refused = done.printed["acks"][-1]
    assert (refused["outcome"], refused["code"]) == ("OUTCOME_REJECTED", INVALID_ARGUMENT)
    assert "min" in refused["message"]
    assert "max" in refused["message"]


def test_the_range_is_numpys(done: Done) -> None:
    printed = done.printed
    assert printed["count"] == RECORDS + 1
    for end, rows in zip(("min", "max"), all_ranges(done), strict=True):
        assert printed["range"][end]["dtype"] == "F64"
        np.testing.assert_array_equal(values(printed["range"][end], "<f8"), average(rows))


def test_the_qparams_are_numpys(done: Done) -> None:
    # Computed in float64 from the answered range, which is float64.
    low, high = (average(rows) for rows in all_ranges(done))
    low, high = np.minimum(low, 0), np.maximum(high, 0)
    scale = (high - low) / 255
    zero_point = np.clip(np.rint(-128 - low / scale), -128, 127)
    printed = done.printed
    assert (printed["scale"]["dtype"], printed["zero_point"]["dtype"]) == ("F32", "I8")
    np.testing.assert_array_equal(values(printed["scale"], "<f4"), scale.astype(np.float32))
    np.testing.assert_array_equal(values(printed["zero_point"], "i1"), zero_point.astype("i1"))


def test_the_series_comes_back_over_several_messages(done: Done) -> None:
    series = done.printed["series"]
    expected = [
        {"index": i, "min": hexadecimal(low), "max": hexadecimal(high)}
        for i, (low, high) in enumerate(zip(*all_ranges(done), strict=True))
    ]
    assert series["records"] == expected
    assert series["messages"] > 1


def test_an_error_has_its_code_and_message(done: Done) -> None:
    error = done.printed["error"]
    assert error["code"] == "NOT_FOUND"
    assert f"{done.parent}/sessions/nobody/input" in error["message"]


def test_a_deadline_ends_a_wait_and_nothing_else(done: Done) -> None:
    assert done.printed["deadline"]["code"] == "DEADLINE_EXCEEDED"
    assert done.printed["after_deadline"]["code"] == "OK"
