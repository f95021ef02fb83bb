"""The protocol is plain protobuf: every valid encoding of a message is accepted."""

from __future__ import annotations

import struct

import pytest

SESSION = "runs/r/sessions/m/input"
VALUES = (0.5, -7.25, 3.0, 2.0)


def parts(client, index: int) -> dict[str, bytes]:
    """The fields of a message with a complete tensor, each serialized separately."""
    request = client.message("ObserveRequest")
    header = request()
    header.header.session = SESSION
    header.header.index = index
    header.header.dtype = "F32"
    header.header.shape.extend([1, len(VALUES)])
    return {
        "header": header.SerializeToString(),
        "worker": request(worker="w").SerializeToString(),
        "data": request(data=struct.pack("<4f", *VALUES)).SerializeToString(),
        # Field 1000, a varint, is unknown to this version.
        "unknown": b"\xc0\x3e\x07",
    }


@pytest.mark.parametrize(
    "order",
    [
        ("header", "worker", "data"),
        ("data", "header"),
        ("data", "worker", "unknown", "header"),
        ("unknown", "header", "data", "unknown"),
    ],
)
def test_fields_may_come_in_any_order(client, order):
    create = client.message("CreateSessionRequest")(parent="runs/r", session_id="m/input")
    client.call("CreateSession", create)
    fields = parts(client, 0)
    message = b"".join(fields[name] for name in order)
    acks = [
        ack
        for response in client.observe(iter([message]), serialize=lambda m: m)
        for ack in response.acks
    ]
    assert [(ack.ordinal, ack.index, ack.outcome) for ack in acks] == [(0, 0, 1)]
    answer = client.call("GetMinMax", client.message("GetMinMaxRequest")(name=SESSION))
    low, high = (struct.unpack("<f", x.data)[0] for x in (answer.current.min, answer.current.max))
    assert (low, high) == (min(VALUES), max(VALUES))
