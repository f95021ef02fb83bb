"""`calipers observe` while the server is killed and restarted several times."""

from __future__ import annotations

import json
import signal
import subprocess
from pathlib import Path

import grpc
import numpy as np
from conftest import (
    COMMAND_SECONDS,
    Cli,
    Reflected,
    ServerProcess,
    fixed_address,
    start_server,
)
from safetensors.numpy import save_file

SESSIONS = ("a", "b", "c")
BATCHES = 1000
KILLS = 4
# Small messages make sending slow, so that kills happen within tensors.
SENDING = ("--workers", 2, "--piece-size", "1KiB")


def capture(folder: Path) -> Path:
    rng = np.random.default_rng(3)
    tensors = {
        f"{session}/input/{batch}": rng.normal(size=(4, 1024)).astype(np.float32)
        for session in SESSIONS
        for batch in range(BATCHES)
    }
    save_file(tensors, folder / "capture.safetensors")
    return folder / "capture.safetensors"


def count_of(client: Reflected) -> int:
    """Number of stored records of the first session."""
    request = client.message("GetSessionRequest")(
        name=f"runs/default/sessions/{SESSIONS[0]}/input"
    )
    try:
        return client.call("GetSession", request).progress.count
    except grpc.RpcError as error:
        assert error.code() == grpc.StatusCode.NOT_FOUND
        return 0


def kill_once_at(
    count: int, server: ServerProcess, client: Reflected, sending: subprocess.Popen
) -> int:
    """Kills the server when `count` batches are stored. Returns the number of stored batches."""
    while (stored := count_of(client)) < count:
        assert sending.poll() is None, sending.communicate()
    server.stop(signal.SIGKILL)
    client.channel.close()
    return stored


def test_nothing_is_lost_or_doubled_however_often_the_server_dies(server_with, tmp_path):
    path = capture(tmp_path)
    folder = tmp_path / "mortal"
    folder.mkdir()
    address = fixed_address()
    server = start_server(folder, listen=address)
    client = Reflected(address)
    cli = Cli(address)
    observe = subprocess.Popen(
        cli.command("observe", path, *SENDING, "--json"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        stored = 0
        for kill in range(KILLS):
            # The number grows, which shows that sending continued.
            at = max(stored + 1, BATCHES * kill // (2 * KILLS))
            stored = kill_once_at(at, server, client, observe)
            server = start_server(folder, listen=address)
            client = Reflected(address)
        output, errors = observe.communicate(timeout=3 * COMMAND_SECONDS)
        assert observe.returncode == 0, errors
        sent = json.loads(output)
        assert sent["stored"] + sent["duplicates"] == len(SESSIONS) * BATCHES
        assert sent["conflicts"] + sent["rejected"] == 0
        assert sent["reconnects"] >= KILLS
        steady = Cli(server_with().address)
        (once,) = steady.json("observe", path)
        assert (once["stored"], once["reconnects"]) == (len(SESSIONS) * BATCHES, 0)
        answers = steady.run("minmax", "--json").stdout
        assert answers.count("\n") == len(SESSIONS)
        assert cli.run("minmax", "--json").stdout == answers
    finally:
        observe.kill()
        server.stop(signal.SIGKILL)


def test_an_import_outlives_the_server_too(cli, tmp_path):
    rng = np.random.default_rng(4)
    values = rng.normal(size=(30_000, 1, 2)).astype(np.float32)
    save_file(
        {f"a/input/{batch}": value for batch, value in enumerate(values)},
        tmp_path / "capture.safetensors",
    )
    cli.json("observe", tmp_path / "capture.safetensors")
    cli.json("export", tmp_path / "run.safetensors")
    folder = tmp_path / "mortal"
    folder.mkdir()
    address = fixed_address()
    server = start_server(folder, listen=address)
    client = Reflected(address)
    mortal = Cli(address)
    sending = subprocess.Popen(
        mortal.command("import", tmp_path / "run.safetensors", "--json"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        kill_once_at(1, server, client, sending)
        server = start_server(folder, listen=address)
        output, errors = sending.communicate(timeout=COMMAND_SECONDS)
        assert sending.returncode == 0, errors
        sent = json.loads(output)
        assert sent["stored"] + sent["duplicates"] == len(values)
        assert sent["reconnects"] >= 1
        expected = cli.run("minmax", "--json").stdout
        assert mortal.run("minmax", "--json").stdout == expected
    finally:
        sending.kill()
        server.stop(signal.SIGKILL)
