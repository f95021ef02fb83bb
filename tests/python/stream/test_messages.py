"""The bytes of messages, compared with protobuf's serialization."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calipers._wire import observation_pb2 as wire
from calipers.stream import RawTensor, ReducedTensor
from calipers.stream.messages import PIECE_BYTES, encode

HEADER = wire.ObservationHeader(session="s", index=3, dtype="U8", shape=[2, 3])


@pytest.mark.parametrize("size", [0, 1, 127, 128, PIECE_BYTES, PIECE_BYTES + 1, 3 * PIECE_BYTES])
@pytest.mark.parametrize("worker", ["", "w"])
def test_a_tensor_goes_in_pieces_behind_its_header(size, worker):
    data = (bytes(range(251)) * (size // 251 + 1))[:size]
    sent = list(encode([RawTensor(HEADER, memoryview(data))], worker))
    pieces = [data[at : at + PIECE_BYTES] for at in range(0, max(size, 1), PIECE_BYTES)]
    assert [wire.ObserveRequest.FromString(each) for each in sent] == [
        wire.ObserveRequest(worker=worker, header=HEADER, data=pieces[0]),
        *(wire.ObserveRequest(data=piece) for piece in pieces[1:]),
    ]


@given(data=st.binary(min_size=1, max_size=5000))
def test_bytes_are_those_that_protobuf_writes(data):
    (sent,) = encode([RawTensor(HEADER, memoryview(data))], "w")
    written = wire.ObserveRequest(worker="w", header=HEADER, data=data)
    assert sent == written.SerializeToString(deterministic=True)


def test_reduced_ones_share_a_message():
    observations = [wire.ReducedObservation(header=HEADER, min=bytes([at])) for at in range(3)]
    (sent,) = encode([ReducedTensor(each) for each in observations], "w")
    assert wire.ObserveRequest.FromString(sent) == wire.ObserveRequest(
        worker="w", reduced=wire.ReducedBatch(observations=observations)
    )
