"""Fixtures: the commands that run the two clients with a work file."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from importlib import resources
from pathlib import Path

import pytest

TOP = Path(__file__).resolve().parents[2]
HERE = Path(__file__).resolve().parent
sys.path.append(str(TOP / "tests" / "support"))

from server_process import ServerProcess, start_server

CLIENTS = ("grpclib", "grpc-js")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--clients", default=",".join(CLIENTS), help="which: " + ", ".join(CLIENTS))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "client" in metafunc.fixturenames:
        chosen = metafunc.config.getoption("--clients").split(",")
        if unknown := set(chosen) - set(CLIENTS):
            raise pytest.UsageError(f"--clients has {unknown}; there are {CLIENTS}")
        metafunc.parametrize("client", chosen, scope="session")


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server with default flags."""
    server = start_server(tmp_path_factory.mktemp("server"))
    yield server
    assert server.stop() == 0, server.log.read_text()


def _protos() -> list[str]:
    found = [*(TOP / "proto/calipers").rglob("*.proto"), *(TOP / "proto/google").rglob("*.proto")]
    return sorted(map(str, found))


@pytest.fixture(scope="session")
def grpclib_command(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The command of the grpclib client, with stubs from grpclib's own plugin."""
    stubs = tmp_path_factory.mktemp("stubs")
    binaries = Path(sys.executable).parent
    generate = [sys.executable, "-m", "grpc_tools.protoc", f"--proto_path={TOP / 'proto'}"]
    generate += [f"--proto_path={resources.files('grpc_tools') / '_proto'}"]
    generate += [f"--python_out={stubs}", f"--grpclib_python_out={stubs}", *_protos()]
    path = f"{binaries}{os.pathsep}{os.environ['PATH']}"  # protoc finds its plugins in PATH
    subprocess.run(generate, check=True, env={**os.environ, "PATH": path})
    return [sys.executable, str(HERE / "grpclib_client.py"), str(stubs)]


@pytest.fixture(scope="session")
def grpc_js_command() -> list[str]:
    """The command of the Node.js client, with the packages that scripts/interop installs."""
    packages = TOP / "build" / "interop"
    assert (packages / "node_modules").is_dir(), "scripts/interop installs it"
    return ["node", str(HERE / "grpc_js_client.mjs"), str(packages), str(TOP / "proto")]


@pytest.fixture(scope="session")
def command(client: str, request: pytest.FixtureRequest) -> list[str]:
    """The client's command; the work file is its last argument."""
    found: list[str] = request.getfixturevalue(client.replace("-", "_") + "_command")
    return found
