"""Shapes that the client and the server refuse for every tensor."""

from __future__ import annotations

import pytest

import calipers
from calipers._wire import observation_pb2
from calipers.errors import InvalidArgumentError
from calipers.geometry import Layout, make_view
from calipers.stream import RawTensor


@pytest.mark.parametrize(
    "shape",
    [(1,) * 17, (1 << 29, 1 << 28), (0, 1 << 29, 1 << 28), (1 << 40, 0, 1 << 40)],
    ids=["17 dimensions", "2^57 elements", "none, but 2^57 elsewhere", "none, but 2^80 elsewhere"],
)
def test_shapes_that_are_too_large(client, shape):
    with pytest.raises(InvalidArgumentError, match="shape"):
        make_view(Layout("input", "tensor"), shape)
    name = "m/input"
    client.session(name, args={})
    header = observation_pb2.ObservationHeader(
        session=f"runs/{client.run}/sessions/{name}", index=0, dtype="I8", shape=shape
    )
    client._window.put(RawTensor(header, memoryview(b"")))
    with pytest.raises(calipers.RefusedError, match="shape"):
        client.flush()


def test_the_largest_shape():
    assert make_view(Layout("input", "tensor"), (1 << 28, 1 << 28)).num_elements == 1 << 56
    assert make_view(Layout("input", "token"), (1,) * 16).num_elements == 1
