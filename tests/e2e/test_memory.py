"""The server's memory: it holds the record of an incoming tensor, not its data, and only a part of
a series on disk."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
from conftest import Reflected, start_server

MIB = 1 << 20
PIECE = 256 << 10
SESSION = "runs/r/sessions/big/weight"


def most_resident_bytes(pid: int) -> int:
    """The peak resident memory of the process."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    raise AssertionError("no VmHWM")


def pieces(client, gibibytes: int):
    """The messages of a float32 tensor of `gibibytes` GiB, in pieces as from the C++ client: zeros,
    and at the end one largest and one smallest element. They are serialized beforehand, so that
    this client is fast."""
    request = client.message("ObserveRequest")
    count = (gibibytes << 30) // PIECE
    header = request()
    header.header.session = SESSION
    header.header.index = 0
    header.header.dtype = "F32"
    header.header.shape.extend([count, PIECE // 4])
    yield header.SerializeToString()
    zeros = request(data=bytes(PIECE)).SerializeToString()
    for _ in range(count - 1):
        yield zeros
    yield request(data=bytes(PIECE - 8) + struct.pack("<ff", 7.5, -3.5)).SerializeToString()


def test_a_large_tensor_costs_the_server_next_to_nothing(server_with):
    """While 10 GiB are streamed, the server's memory grows by less than 256 MiB. On an idle machine
    it grows by less than 32 MiB; while the server's threads wait for a core, gRPC reads ahead. The
    test uses the memory store, because the disk store allocates memory at its first record."""
    gibibytes = 10
    server = server_with("--store", "memory")
    client = Reflected(server.address)
    create = client.message("CreateSessionRequest")(
        parent="runs/r", session_id="big/weight"
    )
    client.call("CreateSession", create)
    before = most_resident_bytes(server.process.pid)
    acks = [
        ack
        for response in client.observe(
            pieces(client, gibibytes), timeout=300, serialize=lambda r: r
        )
        for ack in response.acks
    ]
    grown = most_resident_bytes(server.process.pid) - before
    assert [(ack.index, ack.outcome) for ack in acks] == [(0, 1)]
    assert grown < 256 * MIB, f"grew by {grown / MIB:.1f} MiB"
    answer = client.call("GetMinMax", client.message("GetMinMaxRequest")(name=SESSION))
    low, high = (struct.unpack("<f", x.data)[0] for x in (answer.current.min, answer.current.max))
    assert (low, high) == (-3.5, 7.5)
    print(f"{gibibytes} GiB: grew by {grown / MIB:.1f} MiB")


SERIES = "runs/r/sessions/long/weight"
ROWS = 4096
BATCH = 64
# The number of unacknowledged records is limited to this.
WINDOW = 1024
SERIES_BYTES = 1 << 30


def batches(client, start: int, end: int):
    """Records of ROWS float32 parameters at these indices. The range at index i is -i to
    i + 1."""
    request = client.message("ObserveRequest")
    for start in range(start, end, BATCH):
        message = request()
        for index in range(start, start + BATCH):
            observation = message.reduced.observations.add()
            observation.header.session = SERIES
            observation.header.index = index
            observation.header.dtype = "F32"
            observation.header.shape.extend([ROWS, 16])
            observation.min = np.full(ROWS, -index, np.float32).tobytes()
            observation.max = np.full(ROWS, index + 1, np.float32).tobytes()
        yield message


def moving_average(values) -> float:
    past = values[0]
    for current in values[1:]:
        past = past * 0.99 + current * 0.01
    return past


def test_a_series_may_be_larger_than_memory(tmp_path):
    """The server stores and folds a series of 1 GiB, and folds it again after a restart, with less
    than half of its size resident."""
    count = SERIES_BYTES // (ROWS * 4 * 2)
    low = moving_average([-float(i) for i in range(count)])
    high = moving_average([float(i + 1) for i in range(count)])
    flags = ("--durability", "os", "--cache-bytes", "32MiB")
    for life in range(2):
        server = start_server(tmp_path, *flags)
        try:
            client = Reflected(server.address)
            if life == 0:
                create = client.message("CreateSessionRequest")(
                    parent="runs/r", session_id="long/weight"
                )
                create.session.args.strategy = 2  # channel
                client.call("CreateSession", create)
                acks = [
                    ack.outcome
                    for start in range(0, count, WINDOW)
                    for response in client.observe(
                        batches(client, start, start + WINDOW), timeout=120
                    )
                    for ack in response.acks
                ]
                assert acks == [1] * count
            answer = client.call(
                "GetMinMax", client.message("GetMinMaxRequest")(name=SERIES), timeout=120
            )
            assert answer.progress.count == count
            assert np.frombuffer(answer.range.min.data, np.float64).tolist() == [low] * ROWS
            assert np.frombuffer(answer.range.max.data, np.float64).tolist() == [high] * ROWS
            resident = most_resident_bytes(server.process.pid)
            assert resident < SERIES_BYTES / 2, f"{resident / MIB:.0f} MiB"
            print(f"life {life}: {resident / MIB:.0f} MiB")
        finally:
            assert server.stop() == 0
