"""Static checks: types of the package, types for a caller of the package, and lint."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from server_process import TOP

PACKAGE = TOP / "client" / "python"
CACHE = TOP / "build" / "mypy"

CALLER = """
import calipers, calipers.torch, numpy as np
from calipers import Client

def observe(client: Client, tensor: np.ndarray) -> calipers.MinMax:
    session = client.session("m/input", args={"num_bits": 8}, observer="minmax")
    session.observe(tensor, index=np.int64(0))
    reveal_type(session.minmax().min.numpy())
    return session.minmax(exclude=[1, range(2, 4)])
"""

MISTAKES = {
    "session.observe(tensor)": "Missing named argument",
    "session.observe([1.0], index=0)": "list[float]",
    "session.minmax().minimum": "no attribute",
    'client.session("m/input", arithmetic="fast")': "Literal",
    "calipers.connect(port=1)": "Unexpected keyword",
    'calipers.torch.calibrate(None, [], client, finish="close")': "Literal",
    'calipers.torch.calibrate(None, [], client, schema="FP8")': "Unexpected keyword",
    'calipers.torch.calibrate(None, [], client, observe=("q",))': "tuple[Literal",
}


def run(*command: object, **variables: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", *map(str, command)],
        cwd=PACKAGE,
        env={**os.environ, **{name: str(value) for name, value in variables.items()}},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def mypy(*arguments: object) -> subprocess.CompletedProcess[str]:
    return run("mypy", f"--cache-dir={CACHE}", *arguments, MYPYPATH=PACKAGE / "src")


def test_types_of_the_package():
    done = mypy()
    assert done.returncode == 0, done.stdout + done.stderr


def test_types_for_a_caller(tmp_path):
    caller = tmp_path / "caller.py"
    mistakes = "".join(f"    {mistake}\n" for mistake in MISTAKES)
    caller.write_text(
        f"{CALLER}\ndef wrong(client: Client, tensor: np.ndarray) -> None:\n"
        f'    session = client.session("m/input")\n{mistakes}'
    )
    done = mypy(caller)
    said = [line for line in done.stdout.splitlines() if "caller.py" in line]
    errors = [line for line in said if " error: " in line]
    assert len(errors) == len(MISTAKES), done.stdout + done.stderr
    for error, expected in zip(errors, MISTAKES.values(), strict=True):
        assert expected in error
    assert any("Revealed type" in line and "ndarray" in line for line in said)


@pytest.mark.parametrize("check", [["check"], ["format", "--check"]], ids=["lint", "format"])
def test_lint(check):
    names = ("python", "drop_in", "interop", "support/server_process.py")
    tests = [TOP / "tests" / name for name in names]
    done = run("ruff", *check, "--no-cache", PACKAGE, *tests)
    assert done.returncode == 0, done.stdout + done.stderr
