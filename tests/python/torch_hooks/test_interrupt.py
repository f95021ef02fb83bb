"""Ctrl-C at any point of a calibration."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from server_process import TOP

HERE = Path(__file__).parent
PATH = os.pathsep.join([str(TOP / "client" / "python" / "src"), str(HERE)])


def start(program: str, *arguments: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, HERE / program, *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": PATH, "CUDA_VISIBLE_DEVICES": ""},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("where", ["running", "records", "counts"])
def test_a_keyboard_interrupt_ends_it_and_leaves_the_model_as_it_was(server, tmp_path, where):
    run = f"interrupted-{where}"
    meeting = [tmp_path / "rendezvous"] if where == "counts" else []
    process = start("interrupted.py", server.address, run, where, *meeting)
    other = start("other_rank.py", *meeting, run) if meeting else None
    try:
        assert (other or process).stdout.readline() == "ready\n"
        process.send_signal(signal.SIGINT)
        # Without the interrupt it would wait for an hour.
        out, errors = process.communicate(timeout=60)
        assert out == "0 True True\n", errors
        assert errors.rstrip().endswith("KeyboardInterrupt"), errors
        # A shell reports 130.
        assert process.returncode == -signal.SIGINT
    finally:
        for one in filter(None, (process, other)):
            one.kill()
            one.communicate()
