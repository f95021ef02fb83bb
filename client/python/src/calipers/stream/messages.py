"""The messages that observations travel in, as bytes.

A tensor's pieces are put behind their fields here, in one copy: a message class would take them
in, and write them out again, at a twentieth of the speed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from calipers._wire import observation_pb2 as wire
from calipers.stream.pending import Pending, RawTensor, ReducedTensor

PIECE_BYTES = 256 << 10
"""Of a tensor, in one message: so much stays in cache between the socket and the reducer."""

_LENGTH_DELIMITED = 2


def encode(batch: Sequence[Pending], worker: str) -> Iterator[bytes]:
    """The ObserveRequests of `batch`, which is one raw tensor or any number of reduced ones.
    `worker` is said in the first; "" says nothing."""
    first = batch[0]
    if isinstance(first, RawTensor):
        yield from _pieces(first, wire.ObserveRequest(worker=worker, header=first.header))
        return
    request = wire.ObserveRequest(worker=worker)
    request.reduced.observations.extend(
        pending.observation for pending in batch if isinstance(pending, ReducedTensor)
    )
    yield request.SerializeToString()


def _pieces(tensor: RawTensor, fields: wire.ObserveRequest) -> Iterator[bytes]:
    yield _with_data(fields, tensor.data[:PIECE_BYTES])
    for begin in range(PIECE_BYTES, tensor.size, PIECE_BYTES):
        yield _with_data(wire.ObserveRequest(), tensor.data[begin : begin + PIECE_BYTES])


def _with_data(fields: wire.ObserveRequest, data: memoryview) -> bytes:
    # The field with the greatest number, so that the order is the one that protobuf writes.
    tag = _varint(wire.ObserveRequest.DATA_FIELD_NUMBER << 3 | _LENGTH_DELIMITED)
    return b"".join((fields.SerializeToString(), tag, _varint(len(data)), data))


def _varint(number: int) -> bytes:
    """Seven bits a byte, the least first; all but the last have the eighth set."""
    encoded = bytearray()
    while number > 0x7F:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    encoded.append(number)
    return bytes(encoded)
