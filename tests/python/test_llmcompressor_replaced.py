"""A worker of llm-compressor that is killed during a calibration, and its replacement."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import calipers
from server_process import TOP
from serving import read_series

sys.path += [str(TOP / "tests" / "drop_in"), str(TOP / "tests" / "parity")]

from agreement import measure, of_side, read
from group import Group, Places, find_model
from recipes import REFERENCE, WHOLE

ENVIRONMENT = "reference-current"
BATCHES = 33
DIES_AT = 8
RUN = "replaced"
# Modules before, in and after the layer in which the worker is killed.
LAYERS = (0, 3, 5)


@pytest.fixture
def places(tmp_path: Path) -> Places:
    command = [TOP / "scripts" / "python-env", ENVIRONMENT, "drop-in", "examples"]
    subprocess.run(command, check=True, capture_output=True)
    environments = Path(os.environ.get("CALIPERS_ENV_DIR", TOP / "build" / "env"))
    return Places(environments, find_model(environments), tmp_path)


def job(address: str, observer: str) -> dict[str, Any]:
    environment = {
        "CALIPERS_SERVER": address,
        "CALIPERS_RUN": RUN,
        "CALIPERS_BATCHES": str(BATCHES),
        "CALIPERS_ORDER": "interleaved",
    }
    return {
        "dtype": "bfloat16",
        "arguments": WHOLE.recipes[1].arguments,
        "observer": observer,
        "order": "interleaved",
        "batches": BATCHES,
        "environment": environment,
    }


def kept(address: str, layer: int) -> list[Any]:
    """The stored records of a module; none if its session does not exist."""
    session = f"encoder.layer.{layer}.intermediate.dense/input"
    with calipers.connect(address, run=RUN) as client:
        there = [row.session for row in client.sessions(session)]
    return read_series(address, RUN, session) if there else []


def test_a_worker_is_replaced_and_the_answer_is_that_of_one_process(server, places):
    recipe = WHOLE.recipes[1]
    own = [job(server.address, recipe.observer)]
    jobs = [job(server.address, REFERENCE.observer(recipe))]
    dying = {1: {"die_at": DIES_AT}}
    with (
        Group(places, ENVIRONMENT, 1, own, "one") as one,
        Group(places, ENVIRONMENT, 2, jobs, "two", together=False, changes=dying) as two,
    ):
        assert two.wait_for(1) == -signal.SIGKILL
        assert len(kept(server.address, LAYERS[0])) == BATCHES
        assert len(kept(server.address, LAYERS[1])) < BATCHES
        assert not kept(server.address, LAYERS[2])
        two.replace(1)
        two.wait()
        one.wait()
    for layer in LAYERS:
        assert len(kept(server.address, layer)) == BATCHES
    # The killed worker sent LAYERS[0], and its replacement sent LAYERS[2].
    assert len({record.worker for record in kept(server.address, LAYERS[0])}) == 2
    assert len({record.worker for record in kept(server.address, LAYERS[2])}) == 2
    workers = {record.worker for layer in LAYERS for record in kept(server.address, layer)}
    assert len(workers) == 3
    wanted, _ = read(one.folder / "0-0.safetensors")
    for rank in (0, 1):
        given, _ = read(two.folder / f"0-{rank}.safetensors")
        distance = measure(of_side(wanted, "input"), of_side(given, "input"))
        assert (distance.values, distance.differing) == (74, 0)
        assert not measure(of_side(wanted, "weight"), of_side(given, "weight")).differing
