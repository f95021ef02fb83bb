"""A server on a disk that is really full. The crash tests inject ENOSPC into the store's own files
only."""

from __future__ import annotations

import errno
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from conftest import Reflected, ServerProcess, start_server

SESSION = "runs/r/sessions/a/weight"
# The server tries the device again at most once a second.
RECOVERY_SECONDS = 20


class FullDisk:
    """A server whose data directory is a small file system that only the server sees."""

    def __init__(self, folder: Path) -> None:
        data = folder / "data"
        data.mkdir()
        # Only root may mount without a user namespace, and a root in a chroot gets none.
        namespaces = [] if os.geteuid() == 0 else ["--map-root-user"]
        unshare = ["unshare", "--mount", "--propagation", "unchanged", *namespaces]
        # In a chroot, / is no mount point. Its mounts are not shared then.
        mount = (
            'mount --make-rprivate / 2>/dev/null; mount -t tmpfs -o size=24m tmpfs "$0" && exec "$@"'
        )
        self.server: ServerProcess = start_server(
            folder,
            launcher=(*unshare, "sh", "-c", mount, str(data)),
        )
        self.data = Path(f"/proc/{self.server.process.pid}/root{data}")
        self.client = Reflected(self.server.address)

    def fill(self) -> None:
        with (self.data / "fill").open("wb", buffering=0) as filler:
            with pytest.raises(OSError) as full:
                while True:
                    filler.write(bytes(4096))
        assert full.value.errno == errno.ENOSPC

    def free(self) -> None:
        (self.data / "fill").unlink()

    def observe(self, index: int, value: int):
        """The acknowledgement of a tensor of 4,096 equal values."""
        header = self.client.message("ObservationHeader")(
            session=SESSION, index=index, dtype="I8", shape=[1, 4096]
        )
        request = self.client.message("ObserveRequest")(
            header=header, data=bytes([value]) * 4096
        )
        ((ack,),) = [response.acks for response in self.client.observe(iter([request]))]
        return ack

    def count(self) -> int:
        request = self.client.message("GetMinMaxRequest")(name=SESSION)
        return self.client.call("GetMinMax", request).progress.count


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[FullDisk]:
    disk = FullDisk(tmp_path)
    create = disk.client.message("CreateSessionRequest")(
        parent="runs/r",
        session_id="a/weight",
        session=disk.client.message("Session")(args={"group_size": 1}),
    )
    disk.client.call("CreateSession", create)
    yield disk
    disk.server.stop(signal.SIGKILL)


def observe_until_full(disk: FullDisk) -> int:
    """Fills the disk, and observes until the server refuses. Returns the number of records stored."""
    assert disk.observe(0, 1).outcome == 1
    disk.fill()
    # The last block of the log may have room for some records.
    for index in range(1, 100):
        ack = disk.observe(index, 1)
        if ack.outcome != 1:
            assert ack.status.code == grpc.StatusCode.RESOURCE_EXHAUSTED.value[0]
            assert "is full" in ack.status.message
            return index
    raise AssertionError("the disk did not get full")


def test_a_full_disk_refuses_records_answers_and_recovers(disk):
    stored = observe_until_full(disk)
    # RocksDB looks at the free space every five seconds, and complains each time.
    end = time.monotonic() + 6
    while time.monotonic() < end:
        assert disk.count() == stored
        assert disk.observe(stored, 1).outcome != 1
        time.sleep(0.5)
    disk.free()
    deadline = time.monotonic() + RECOVERY_SECONDS
    while disk.observe(stored, 1).outcome != 1:
        assert time.monotonic() < deadline
        time.sleep(0.5)
    assert disk.count() == stored + 1


def test_rocksdb_keeps_no_log_file_that_grows_on_a_full_disk(disk):
    observe_until_full(disk)
    assert not [path.name for path in (disk.data / "db").iterdir() if path.name.startswith("LOG")]
    # A thread of RocksDB logs it, perhaps later than this.
    assert disk.server.log.read_text().count("free space [") <= 1
