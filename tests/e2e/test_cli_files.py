"""The command `calipers`: the files that it observes and inspects."""

from __future__ import annotations

import json
import os
import signal
import struct
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest
from conftest import processor_seconds
from safetensors.numpy import save_file

SECONDS = 60


def test_npy_files(cli, tmp_path):
    array = np.arange(24, dtype=np.float16).reshape(2, 3, 4)
    path = tmp_path / "a.b@output@0.npy"
    np.save(path, array)
    cli.json("observe", path)
    (answer,) = cli.json("minmax", "a.b/output")
    assert answer["range"]["min"]["values"] == [0.0]
    assert answer["range"]["max"]["values"] == [23.0]


def test_inspect_shows_what_observe_sends_and_skips(cli, tmp_path):
    tensors = {"m.weight": np.ones((2, 4), np.float32), "m.bias": np.ones(4, np.float32)}
    save_file(tensors, tmp_path / "a.safetensors")
    np.save(tmp_path / "m@input@7.npy", np.ones((1, 2), np.float32))
    np.save(tmp_path / "m@input@8.npy", np.ones((1, 2), np.complex64))
    lines = cli.json("inspect", tmp_path)
    sent = [(line["session"], line["index"]) for line in lines if "session" in line]
    assert sorted(sent) == [("m/input", 7), ("m/weight", 0)]
    skipped = {line["tensor"]: line["skipped"] for line in lines if "skipped" in line}
    assert "its name is not MODULE.weight" in skipped["m.bias"]
    assert skipped[str(tmp_path / "m@input@8.npy")] == "dtype <c8 is not observed"
    table = cli.run("inspect", tmp_path).stdout
    assert "m/weight" in table and "its name is not" in table
    (done,) = cli.json("observe", tmp_path)
    assert (done["stored"], done["skipped_tensors"]) == (2, 2)


def write_safetensors(path: Path, tensors: dict[str, tuple[str, int]]) -> None:
    """Writes tensors of zeros with one element; `tensors` gives dtype and size by name."""
    header, end = {}, 0
    for name, (dtype, size) in tensors.items():
        offsets = [end, end + size]
        header[name] = {"dtype": dtype, "shape": [1], "data_offsets": offsets}
        end += size
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + bytes(end))


def test_a_tensor_of_an_unknown_dtype_is_skipped_aloud(cli, tmp_path):
    path = tmp_path / "new.safetensors"
    write_safetensors(
        path, {"a/input/0": ("F32", 4), "b.weight": ("F8_E5M2FNUZ", 1)}
    )
    done = cli.run("observe", path, "--json")
    assert done.returncode == 0
    assert json.loads(done.stdout)["skipped_tensors"] == 1
    assert "F8_E5M2FNUZ" in done.stderr and "b.weight" in done.stderr


def test_an_odd_name_is_refused_before_anything_is_created(cli, tmp_path):
    path = tmp_path / "odd.safetensors"
    write_safetensors(path, {"a/input/0": ("F32", 4), "b b/input/0": ("F32", 4)})
    done = cli.run("observe", path)
    assert done.returncode == 1
    assert '"b b/input/0"' in done.stderr
    assert cli.json("list") == []
    (sent,) = cli.json("observe", path, "--exclude", "b b/*")
    assert sent["stored"] == 1


def rewrite(path: Path) -> None:
    with path.open("r+b") as file:
        file.seek(-1024, os.SEEK_END)
        file.write(b"\x01" * 1024)


# The first two leave every page where it is; a page that is gone breaks the stream.
@pytest.mark.parametrize(
    "change",
    [
        lambda path: os.truncate(path, path.stat().st_size - 1024),
        rewrite,
        lambda path: os.truncate(path, path.stat().st_size // 2),
        Path.unlink,
    ],
    ids=["cut", "rewritten", "pages cut", "removed"],
)
def test_a_file_that_changes_while_it_is_sent(cli, server, tmp_path, change):
    path = tmp_path / "big@input@0.npy"
    array = np.lib.format.open_memmap(path, "w+", np.uint8, (1, 1 << 30))
    del array  # a sparse file, which takes some time to send
    command = subprocess.Popen(
        cli.command("observe", path),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        idle = processor_seconds(server.process.pid)
        deadline = time.monotonic() + SECONDS
        while processor_seconds(server.process.pid) < idle + 0.05:
            assert time.monotonic() < deadline
            time.sleep(0.005)
        server.process.send_signal(signal.SIGSTOP)
        change(path)
        start = time.monotonic()
        server.process.send_signal(signal.SIGCONT)
        _, errors = command.communicate(timeout=SECONDS)
        assert command.returncode == 1, errors
        assert "changed while it was read" in errors
        assert str(path) in errors
        assert "reset its sessions" in errors
        assert time.monotonic() - start < SECONDS / 2
    finally:
        server.process.send_signal(signal.SIGCONT)
        command.kill()
