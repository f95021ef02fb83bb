"""Generating the package while other processes read it."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import generate_wire
import pytest


def contents(package: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in package.iterdir() if path.is_file()}


def test_generated_files_equal_the_package(tmp_path):
    generate_wire.generate(tmp_path / "wire")
    made = contents(tmp_path / "wire")
    assert made == contents(generate_wire.PACKAGE)
    assert {"__init__.py", "descriptors.binpb", "session_pb2.py", "session_pb2.pyi"} <= made.keys()


def test_stale_files_are_removed(tmp_path):
    (tmp_path / "old_pb2.py").write_text("")
    (tmp_path / "__pycache__").mkdir()
    generate_wire.generate(tmp_path)
    assert not (tmp_path / "old_pb2.py").exists()
    assert (tmp_path / "__pycache__").is_dir()


def test_every_file_is_whole_at_every_moment(tmp_path):
    generate_wire.generate(tmp_path)
    whole = contents(tmp_path)
    ended = threading.Event()
    seen: list[str] = []

    def read() -> None:
        while not ended.is_set():
            for name, data in whole.items():
                try:
                    if (tmp_path / name).read_bytes() != data:
                        seen.append(f"{name} is not whole")
                except FileNotFoundError:
                    seen.append(f"{name} is not there")

    reader = threading.Thread(target=read)
    reader.start()
    try:
        for _ in range(3):
            generate_wire.generate(tmp_path)
    finally:
        ended.set()
        reader.join()
    assert seen == []


def test_what_cannot_be_made_leaves_what_was_there(tmp_path, monkeypatch):
    generate_wire.generate(tmp_path)
    whole = contents(tmp_path)
    monkeypatch.setattr(generate_wire.protoc, "main", lambda _: 1)
    with pytest.raises(RuntimeError, match="protoc ended with status 1"):
        generate_wire.generate(tmp_path)
    assert contents(tmp_path) == whole


def test_files_newer_than_the_protos_are_kept(tmp_path, monkeypatch):
    calls: list[Path] = []
    monkeypatch.setattr(generate_wire, "generate", calls.append)
    generate_wire.generate_if_stale(tmp_path)
    (tmp_path / "__init__.py").write_text("")
    newest = max(path.stat().st_mtime for path in sources())
    for seconds in (newest + 1, newest - 1):
        os.utime(tmp_path / "__init__.py", (seconds, seconds))
        generate_wire.generate_if_stale(tmp_path)
    assert calls == [tmp_path] * 2


def sources() -> list[Path]:
    protos = generate_wire.find_protos()
    return [
        Path(generate_wire.__file__),
        *(protos / path for path in generate_wire.proto_files(protos)),
    ]
