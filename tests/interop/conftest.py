"""Fixtures: the two clients, each as the command that runs it with a file of work."""

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
    """A server as it comes."""
    server = start_server(tmp_path_factory.mktemp("server"))
    yield server
    assert server.stop() == 0, server.log.read_text()


def _protos() -> list[str]:
    found = [*(TOP / "proto/calipers").rglob("*.proto"), *(TOP / "proto/google").rglob("*.proto")]
    return sorted(map(str, found))


@pytest.fixture(scope="session")
def grpclib_command(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """With stubs that grpclib's own plugin makes of the contract."""
    stubs = tmp_path_factory.mktemp("stubs")
    binaries = Path(sys.executable).parent
    generate = [sys.executable, "-m", "grpc_tools.protoc", f"--proto_path={TOP / 'proto'}"]
    generate += [f"--proto_path={resources.files('grpc_tools') / '_proto'}"]
    generate += [f"--python_out={stubs}", f"--grpclib_python_out={stubs}", *_protos()]
    path = f"{binaries}{os.pathsep}{os.environ['PATH']}"  # protoc looks for its plugins there
    subprocess.run(generate, check=True, env={**os.environ, "PATH": path})
    return [sys.executable, str(HERE / "grpclib_client.py"), str(stubs)]


@pytest.fixture(scope="session")
def grpc_js_command() -> list[str]:
    """With what scripts/interop has npm install."""
    packages = TOP / "build" / "interop"
    assert (packages / "node_modules").is_dir(), "scripts/interop installs it"
    return ["node", str(HERE / "grpc_js_client.mjs"), str(packages), str(TOP / "proto")]


@pytest.fixture(scope="session")
def command(client: str, request: pytest.FixtureRequest) -> list[str]:
    """The client's, to which the file of work is to be added."""
    found: list[str] = request.getfixturevalue(client.replace("-", "_") + "_command")
    return found
