"""What a tensor in flight costs the server: its record, not its data."""

from __future__ import annotations

import struct
from pathlib import Path

from conftest import Reflected

MIB = 1 << 20
PIECE = 256 << 10
SESSION = "runs/r/sessions/big/weight"


def most_resident_bytes(pid: int) -> int:
    """The most memory that the process has had resident so far."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    raise AssertionError("no VmHWM")


def pieces(client, gibibytes: int):
    """A float32 tensor of so many GiB, in the pieces that the C++ client sends by itself:
    zeros, then one greatest and one least element. Serialized beforehand, so that this
    client is quick."""
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
    """10 GiB stream through while the server's memory grows by less than 32 MiB. In memory,
    so that what a disk's store takes for its first record is not counted."""
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
    assert grown < 32 * MIB, f"grew by {grown / MIB:.1f} MiB"
    answer = client.call("GetMinMax", client.message("GetMinMaxRequest")(name=SESSION))
    low, high = (struct.unpack("<f", x.data)[0] for x in (answer.current.min, answer.current.max))
    assert (low, high) == (-3.5, 7.5)
    print(f"{gibibytes} GiB: grew by {grown / MIB:.1f} MiB")
