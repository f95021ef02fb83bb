"""`calipers plot` runs calipers-plot, and explains its absence."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

STUB = """#!{python}
import json, os, sys
seen = [os.environ["CALIPERS_SERVER"], os.environ["CALIPERS_RUN"], *sys.argv[1:]]
print(json.dumps(seen))
sys.exit(17)
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A folder that is the only folder in PATH."""
    folder = tmp_path / "bin"
    folder.mkdir()
    return folder


def environment(path: Path) -> dict[str, str]:
    return {**os.environ, "PATH": str(path), "CALIPERS_RUN": "another"}


def test_without_the_program_it_says_what_to_do(cli, path):
    done = cli.run("plot", "m/input", "-o", "x.svg", env=environment(path))
    assert (done.returncode, done.stdout) == (4, "")
    assert "calipers-plot" in done.stderr
    assert "pip install './client/python[plot]'" in done.stderr


def test_a_program_that_cannot_be_run(cli, path):
    (path / "calipers-plot").write_text("no program")
    done = cli.run("plot", "-o", "x.svg", env=environment(path))
    assert done.returncode == 1
    assert "cannot run calipers-plot: Permission denied" in done.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ("m/input", "-o", "a picture.svg", "--param", "-1", "--", "--run"),
        ("-o", "x.png"),
        ("*.mlp.*", "--run", "theirs", "--averaging-constants", "0.1,1", "--help"),
        (),
    ],
)
def test_arguments_and_environment_are_passed_on(cli, path, arguments):
    stub = path / "calipers-plot"
    stub.write_text(STUB.format(python=sys.executable))
    stub.chmod(0o755)
    done = cli.run("--timeout", 7.5, "plot", *arguments, env=environment(path))
    assert done.returncode == 17, done.stderr
    assert json.loads(done.stdout) == [
        cli.address,
        cli.run_name,
        "--timeout",
        "7.5",
        *arguments,
    ]


def test_help_teaches_without_the_program(cli, path):
    done = cli.run("plot", "--help", env=environment(path))
    assert done.returncode == 0
    for part in ("--averaging-constants", "calipers plot -o run.svg", "pip install"):
        assert part in done.stdout


def test_plot_refuses_json(cli, path):
    done = cli.run("--json", "plot", "-o", "x.svg", env=environment(path))
    assert done.returncode == 2
    assert "no --json" in done.stderr
