"""Reading a session's records."""

from __future__ import annotations

import grpc
import numpy as np
import pytest
import torch

import calipers
from calipers._wire import calibration_pb2, session_pb2

NAME = "model.layers.0.mlp.down_proj/input"


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.int64, torch.float8_e5m2])
def test_the_records_are_those_of_the_tensors(client, dtype):
    session = client.session(NAME, args={"strategy": "group", "group_size": 4})
    draw = torch.Generator().manual_seed(3)
    tensors = {i: (20 * torch.randn(2, 3, 8, generator=draw)).to(dtype) for i in (0, 1, 5, 9)}
    for index in (5, 0, 9, 1):
        session.observe(tensors[index], index=index)
    series = session.series()
    assert series.session == NAME
    assert len(series) == 4
    assert series.indices.tolist() == [0, 1, 5, 9]
    assert series.num_observations.tolist() == [6] * 4
    assert series.holds_values.all()
    grouped = np.stack([x.to(torch.float64).numpy() for x in tensors.values()])
    grouped = grouped.reshape(4, 6, 2, 4)
    np.testing.assert_array_equal(series.min, grouped.min((1, 3)))
    np.testing.assert_array_equal(series.max, grouped.max((1, 3)))
    np.testing.assert_array_equal(series.global_min, grouped.min((1, 2, 3)))
    np.testing.assert_array_equal(series.global_max, grouped.max((1, 2, 3)))
    with pytest.raises(ValueError, match="read-only"):
        series.min[0] = 0


def test_a_series_names_the_worker_of_each_record(server):
    for worker in range(2):
        with calipers.connect(server.address, run="brought", worker=f"rank {worker}") as client:
            session = client.session(NAME, args={})
            for index in range(worker, 6, 2):
                session.observe(np.ones((1, 4), np.float32), index=index)
    with calipers.connect(server.address, run="brought") as client:
        assert client.session(NAME).series().workers == ("rank 0", "rank 1") * 3


def test_an_empty_observation_has_no_values(client):
    session = client.session(NAME, args={})
    session.observe(np.zeros((0, 4), np.float32), index=0)
    series = session.series()
    assert (series.dtype, series.holds_values.tolist(), len(series.min)) == ("", [False], 0)
    session.observe(np.full((2, 4), 3, np.float32), index=1)
    series = session.series()
    assert (series.dtype, series.holds_values.tolist()) == ("F32", [False, True])
    assert series.indices.tolist() == [0, 1]
    assert series.num_observations.tolist() == [0, 2]
    assert series.max.tolist() == [[3]]


def test_a_session_without_records(client):
    assert len(client.session(NAME, args={}).series()) == 0


def test_a_session_that_is_gone(client, server):
    session = client.session(NAME, args={})
    with grpc.insecure_channel(server.address) as channel:
        delete = channel.unary_unary(
            "/calipers.v1.Calibration/DeleteRun",
            request_serializer=calibration_pb2.DeleteRunRequest.SerializeToString,
        )
        delete(calibration_pb2.DeleteRunRequest(name=f"runs/{client.run}"), timeout=20)
    with pytest.raises(calipers.NotFoundError, match=r"down_proj/input"):
        session.series()


def test_a_client_that_is_closed(client):
    session = client.session(NAME, args={})
    client.close()
    with pytest.raises(calipers.FailedPreconditionError, match="closed"):
        session.series()


def test_values_that_were_dropped(client, server):
    with grpc.insecure_channel(server.address) as channel:
        create = channel.unary_unary(
            "/calipers.v1.Calibration/CreateSession",
            request_serializer=calibration_pb2.CreateSessionRequest.SerializeToString,
        )
        spec = session_pb2.Session(retention=session_pb2.RETENTION_FOLDED)
        create(
            calibration_pb2.CreateSessionRequest(
                parent=f"runs/{client.run}", session_id=NAME, session=spec
            ),
            timeout=20,
        )
    session = client.session(NAME)
    # More records than the server keeps unfolded.
    for index in range(500):
        session.observe(np.ones((2, 4), np.float32), index=index)
    with pytest.raises(
        calipers.FailedPreconditionError, match=r"dropped the values of \d+ of its 500 records"
    ):
        session.series()
    with pytest.raises(calipers.FailedPreconditionError, match="retention is FOLDED"):
        session.plot()
