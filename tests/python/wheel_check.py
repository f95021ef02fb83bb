"""Tests the installed package in an empty environment, for scripts/wheel."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import platform
import sys

import numpy as np

import calipers
import calipers.reduce


def main(address: str, backend: str) -> None:
    """Observes tensors, queries ranges and compares them with numpy."""
    assert importlib.util.find_spec("torch") is None, "the environment is not empty"
    assert calipers.reduce.BACKEND.startswith(backend), calipers.reduce.BACKEND
    rng = np.random.default_rng(5)
    batches = [rng.normal(size=(2, 8, 64)).astype(np.float32) for _ in range(4)]
    run = f"wheel-{backend}-{platform.python_version()}"
    with calipers.connect(address, run=run) as client:
        session = client.session(
            "model.layers.0.mlp.down_proj/input",
            args={"num_bits": 8, "strategy": "group", "group_size": 16},
            observer="static_minmax",
        )
        for index, batch in enumerate(batches):
            session.observe(batch, index=index)
        assert session.wait(len(batches)).contiguous_prefix == len(batches)
        found = session.minmax()
        grouped = np.stack(batches).reshape(-1, 4, 16)
        np.testing.assert_array_equal(found.min, grouped.min((0, 2)))
        np.testing.assert_array_equal(found.max, grouped.max((0, 2)))
        scale = session.qparams().scale
        assert scale is not None
        assert scale.shape == (4,)
        assert session.seal() == len(batches)
        print(client.sessions())
    # The program is installed, and reports the missing package.
    (program,) = importlib.metadata.entry_points(group="console_scripts", name="calipers-plot")
    assert program.load()(["-o", "run.svg"]) == 4


main(*sys.argv[1:])
