"""Fixtures: the built programs, a running server, the command, and a client that uses only server
reflection."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from google.protobuf import descriptor_pool, message_factory
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import (
    ProtoReflectionDescriptorDatabase,
)

sys.path.append(str(Path(__file__).resolve().parents[1] / "support"))

from server_process import BUILD, TOP, ServerProcess, fixed_address, start_server

__all__ = ["BUILD", "TOP", "ServerProcess", "fixed_address", "start_server"]

COMMAND_SECONDS = 60


def processor_seconds(pid: int) -> float:
    """The processor time of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Reflected:
    """Calls calipers.v1.Calibration with descriptors from server reflection."""

    def __init__(self, address: str) -> None:
        self.channel = grpc.insecure_channel(
            address, options=[("grpc.max_receive_message_length", -1)]
        )
        pool = descriptor_pool.DescriptorPool(
            ProtoReflectionDescriptorDatabase(self.channel)
        )
        self._pool = pool
        self._service = pool.FindServiceByName("calipers.v1.Calibration")

    def message(self, name: str):
        """The class of calipers.v1.`name`."""
        found = self._pool.FindMessageTypeByName(f"calipers.v1.{name}")
        return message_factory.GetMessageClass(found)

    def call(self, method: str, request, timeout: float = 20):
        """A unary call; raises grpc.RpcError."""
        described = self._service.methods_by_name[method]
        answer = message_factory.GetMessageClass(described.output_type)
        stub = self.channel.unary_unary(
            f"/calipers.v1.Calibration/{method}",
            request_serializer=type(request).SerializeToString,
            response_deserializer=answer.FromString,
        )
        return stub(request, timeout=timeout)

    def observe(self, requests, timeout: float = 20, serialize=None):
        """The Observe stream over an iterable of requests."""
        stub = self.channel.stream_stream(
            "/calipers.v1.Calibration/Observe",
            request_serializer=serialize or (lambda r: r.SerializeToString()),
            response_deserializer=self.message("ObserveResponse").FromString,
        )
        return stub(requests, timeout=timeout)


class Cli:
    """Runs `calipers` against one server."""

    def __init__(self, address: str, run: str = "default") -> None:
        self.address = address
        self.run_name = run

    def command(self, *arguments: object) -> list[str]:
        """The command line that `run` executes."""
        program = [str(BUILD / "client" / "calipers"), "--server", self.address]
        return [*program, "--run", self.run_name] + [str(part) for part in arguments]

    def run(self, *arguments: object, **options) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(*arguments),
            capture_output=True,
            text=True,
            timeout=COMMAND_SECONDS,
            stdin=subprocess.DEVNULL,
            **options,
        )

    def json(self, *arguments: object, status: int = 0) -> list[dict]:
        """The JSON output of a command, which must end with this exit status."""
        done = self.run(*arguments, "--json")
        assert done.returncode == status, (done.stdout, done.stderr)
        return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.fixture
def server_with(tmp_path: Path) -> Iterator:
    """Starts servers with the flags given; stops them afterwards."""
    started: list[ServerProcess] = []

    def start(*flags: str) -> ServerProcess:
        folder = tmp_path / f"server{len(started)}"
        folder.mkdir()
        started.append(start_server(folder, *flags))
        return started[-1]

    yield start
    for server in started:
        server.stop(signal.SIGKILL)


@pytest.fixture
def server(server_with) -> ServerProcess:
    """A server with default flags."""
    return server_with()


@pytest.fixture
def cli(server: ServerProcess) -> Cli:
    """The command, against `server`."""
    return Cli(server.address)


@pytest.fixture
def client(server: ServerProcess) -> Reflected:
    """A client of `server`."""
    return Reflected(server.address)
