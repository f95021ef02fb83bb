"""The command `calipers`: reaching a server, and servers that cannot be reached."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer

import numpy as np
import pytest
from conftest import BUILD, Cli, processor_seconds

SECONDS = 60


def test_ping(cli):
    assert "is serving" in cli.run("ping").stdout
    assert cli.json("ping")[0]["status"] == "SERVING"


def test_an_unreachable_server_is_exit_status_3():
    done = Cli("127.0.0.1:1").run("--timeout", 0.5, "ping")
    assert done.returncode == 3
    assert "calipers-server" in done.stderr


def test_a_server_that_is_not_there_is_named_at_once():
    start = time.monotonic()
    refused = Cli("127.0.0.1:1").run("--timeout", SECONDS, "ping")
    assert refused.returncode == 3
    assert "127.0.0.1:1 refuses the connection" in refused.stderr
    with HTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as web:
        threading.Thread(target=web.serve_forever, daemon=True).start()
        other = Cli(f"127.0.0.1:{web.server_port}").run("--timeout", SECONDS, "ping")
        web.shutdown()
    assert other.returncode == 3
    assert "is no gRPC server" in other.stderr
    assert time.monotonic() - start < SECONDS / 2


@pytest.mark.parametrize("address", ["localhost", "http://localhost:1", "localhost:70000"])
def test_a_malformed_address_is_wrong_usage(address):
    done = Cli(address).run("ping")
    assert done.returncode == 2
    assert f'"{address}"' in done.stderr
    assert "give HOST:PORT" in done.stderr


def test_the_loopback_interface_is_reached_without_a_proxy(server):
    proxy = {**os.environ, "http_proxy": "http://127.0.0.1:1", "grpc_proxy": "http://127.0.0.1:1"}
    assert Cli(server.address).run("ping", env=proxy).returncode == 0
    elsewhere = Cli("192.0.2.1:50051").run("--timeout", 3, "ping", env=proxy)
    assert elsewhere.returncode == 3
    assert "proxy http://127.0.0.1:1" in elsewhere.stderr


def test_a_server_that_freezes_is_given_up(cli, server, tmp_path):
    path = tmp_path / "big@input@0.npy"
    array = np.lib.format.open_memmap(path, "w+", np.uint8, (1, 1 << 30))
    del array  # a sparse file, which takes some time to send
    program = [BUILD / "client" / "calipers", "--server", cli.address]
    sending = ["--max-attempts", "6", path]
    commands = {
        name: subprocess.Popen(
            [*program, "--timeout", "2", name, *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for name, arguments in (("watch", []), ("observe", sending))
    }
    try:
        idle = processor_seconds(server.process.pid)
        # A watched session exists before its first record.
        assert "big/input  0 records" in commands["watch"].stdout.readline()
        # The server's processor time shows that the tensor is arriving.
        deadline = time.monotonic() + SECONDS
        while processor_seconds(server.process.pid) < idle + 0.05:
            assert time.monotonic() < deadline
            time.sleep(0.005)
        server.process.send_signal(signal.SIGSTOP)
        start = time.monotonic()
        for command in commands.values():
            _, errors = command.communicate(timeout=SECONDS)
            assert command.returncode == 3, errors
            assert "UNAVAILABLE" in errors
        assert time.monotonic() - start < SECONDS
        assert "1 observations not acknowledged" in errors
    finally:
        server.process.send_signal(signal.SIGCONT)
        for command in commands.values():
            command.kill()
