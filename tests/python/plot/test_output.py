"""Picture files, invalid arguments, and the program calipers-plot."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass

import matplotlib as mpl
import numpy as np
import pytest

import calipers
from calipers.plot.main import main
from server_process import TOP, fixed_address

NAME = "model.layers.0.mlp.down_proj/input"
PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture
def session(client: calipers.Client) -> calipers.Session:
    """A session with five batches."""
    session = client.session(NAME, args={"strategy": "group", "group_size": 4})
    for index in range(5):
        session.observe(np.linspace(-index - 1, index, 24).reshape(1, 3, 8), index=index)
    client.flush()
    return session


def test_png_and_svg_by_the_suffix(client, session, tmp_path):
    for draw in (session.plot, lambda path: client.plot("", path)):
        draw(tmp_path / "picture.PNG")
        assert (tmp_path / "picture.PNG").read_bytes().startswith(PNG)
        draw(str(tmp_path / "picture.svg"))
        assert "<svg" in (tmp_path / "picture.svg").read_text()


def test_an_svg_is_the_same_twice(client, session, tmp_path):
    first, again = tmp_path / "first.svg", tmp_path / "again.svg"
    for draw in (
        lambda path: session.plot(path, averaging_constants=[0.1], exclude=[2]),
        lambda path: client.plot("", path),
    ):
        draw(first)
        # The caller's settings have no effect, and stay unchanged.
        with mpl.rc_context({"lines.linewidth": 9, "svg.hashsalt": "mine"}):
            draw(again)
            assert mpl.rcParams["lines.linewidth"] == 9
        assert first.read_bytes() == again.read_bytes()
        assert "<dc:date>" not in first.read_text()


@pytest.mark.parametrize("name", ["picture", "picture.pdf", "picture.svg.gz", ".svg"])
def test_another_suffix(client, session, tmp_path, name):
    for draw in (session.plot, lambda path: client.plot("", path)):
        with pytest.raises(calipers.InvalidArgumentError, match=r"allowed: \.png and \.svg"):
            draw(tmp_path / name)
    assert not list(tmp_path.iterdir())


def test_a_path_that_cannot_be_written(client, session, tmp_path):
    (tmp_path / "folder.svg").mkdir()
    for draw in (session.plot, lambda path: client.plot("", path)):
        with pytest.raises(FileNotFoundError):
            draw(tmp_path / "none" / "picture.svg")
        with pytest.raises(IsADirectoryError):
            draw(tmp_path / "folder.svg")


@pytest.mark.parametrize("param", [-1, 2])
def test_a_parameter_that_is_not_there(session, param):
    with pytest.raises(calipers.InvalidArgumentError, match=rf"param {param} is not in 0 to 1"):
        session.plot(param=param)


@pytest.mark.parametrize("constant", [-0.1, 1.5, float("nan")])
def test_a_constant_that_is_none(session, constant):
    with pytest.raises(calipers.InvalidArgumentError, match=r"is not in \[0, 1\]"):
        session.plot(averaging_constants=[0.1, constant])


def test_a_session_without_records(client):
    session = client.session(NAME, args={})
    with pytest.raises(calipers.FailedPreconditionError, match="no records yet"):
        session.plot()
    session.observe(np.zeros((0, 4)), index=0)
    with pytest.raises(calipers.FailedPreconditionError, match="1 records are empty"):
        session.plot()


def test_without_matplotlib(client, session, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    for draw in (session.plot, client.plot):
        with pytest.raises(ImportError, match=r"not installed: pip install matplotlib"):
            draw()


def test_the_package_does_without_matplotlib():
    code = "import calipers, sys; sys.exit('matplotlib' in sys.modules)"
    environment = {**os.environ, "PYTHONPATH": str(TOP / "client" / "python" / "src")}
    assert (
        subprocess.run([sys.executable, "-c", code], env=environment, timeout=300).returncode == 0
    )


@dataclass
class Done:
    """The result of a run of the program."""

    returncode: int
    stdout: str
    stderr: str


@pytest.fixture
def run(capsys, monkeypatch):
    """Runs calipers-plot like the installed script, with these environment variables."""

    def run(*arguments: object, **variables: str) -> Done:
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        capsys.readouterr()
        try:
            status = main([str(argument) for argument in arguments])
        except SystemExit as ended:
            status = int(ended.code or 0)
        return Done(status, *capsys.readouterr())

    return run


def test_the_program_draws_as_the_package_does(run, client, server, session, tmp_path):
    where = {"CALIPERS_SERVER": server.address, "CALIPERS_RUN": client.run}
    found, expected = tmp_path / "found.svg", tmp_path / "expected.svg"
    series = ("--param", 1, "--averaging-constants", "0.1,1", "--exclude", "1,3-4")
    done = run(NAME, "-o", found, *series, **where)
    assert (done.returncode, done.stdout) == (0, f"{found}\n"), done.stderr
    session.plot(expected, param=1, averaging_constants=[0.1, 1], exclude=[1, 3, 4])
    assert found.read_bytes() == expected.read_bytes()
    for pattern in ((), ("*down_proj*",)):
        done = run(*pattern, "--server", server.address, "--run", client.run, "--output", found)
        assert done.returncode == 0, done.stderr
        client.plot(*(pattern or ("",)), expected)
        assert found.read_bytes() == expected.read_bytes()


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        ((), 2, "-o/--output"),
        (("m/input", "-o", "x.pdf"), 2, "allowed: .png and .svg"),
        (("m/bias", "-o", "x.svg"), 2, "base_name"),
        (("m/input", "-o", "x.svg"), 4, "NOT_FOUND"),
        (("-o", "x.svg", "--run", "none"), 4, 'no run "none"'),
        (("-o", "x.svg", "--param", "0"), 2, "need one SESSION"),
        (("m/input", "-o", "x.svg", "--exclude", "5-3"), 2, "ends before it begins"),
        (("m/input", "-o", "x.svg", "--exclude", "a"), 2, "neither an index nor FIRST-LAST"),
        (("m/input", "-o", "x.svg", "--averaging-constants", "0.1;1"), 2, "not a list of numbers"),
        ((NAME, "-o", "x.svg", "--averaging-constants", "2"), 2, "not in [0, 1]"),
        ((NAME, "-o", "x.svg", "--param", "7"), 2, "param 7 is not in 0 to 1"),
        ((NAME, "-o", "/none/x.svg"), 1, "cannot write /none/x.svg: No such file"),
    ],
)
def test_what_the_program_refuses(run, client, server, session, arguments, status, said):
    done = run(*arguments, CALIPERS_SERVER=server.address, CALIPERS_RUN=client.run)
    assert (done.returncode, done.stdout) == (status, "")
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_the_program_without_a_server(run):
    done = run("-o", "x.svg", "--server", fixed_address(), "--timeout", 0.1)
    assert done.returncode == 3
    assert "is calipers-server running" in done.stderr


def test_the_programs_help_teaches(run):
    done = run("--help")
    assert done.returncode == 0
    for part in ("examples:", "--param", "--exclude", "exit status", "CALIPERS_SERVER"):
        assert part in done.stdout
