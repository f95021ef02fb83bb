"""Queries to a server that only tests need."""

from __future__ import annotations

import grpc

from calipers._wire import calibration_pb2, observation_pb2


def read_series(address: str, run: str, session: str) -> list[observation_pb2.SeriesRecord]:
    """The stored records of a session, sorted by index."""
    with grpc.insecure_channel(address) as channel:
        read = channel.unary_stream(
            "/calipers.v1.Calibration/ReadSeries",
            request_serializer=calibration_pb2.ReadSeriesRequest.SerializeToString,
            response_deserializer=calibration_pb2.ReadSeriesResponse.FromString,
        )
        name = f"runs/{run}/sessions/{session}"
        answers = read(calibration_pb2.ReadSeriesRequest(name=name), timeout=20)
        return [record for answer in answers for record in answer.records]


def coverage(address: str, run: str) -> calibration_pb2.Coverage:
    """The coverage of a run."""
    with grpc.insecure_channel(address) as channel:
        get = channel.unary_unary(
            "/calipers.v1.Calibration/GetCoverage",
            request_serializer=calibration_pb2.GetCoverageRequest.SerializeToString,
            response_deserializer=calibration_pb2.Coverage.FromString,
        )
        return get(calibration_pb2.GetCoverageRequest(parent=f"runs/{run}"), timeout=20)


def delete_session(address: str, run: str, session: str) -> None:
    """Deletes an existing session."""
    with grpc.insecure_channel(address) as channel:
        delete = channel.unary_unary(
            "/calipers.v1.Calibration/DeleteSession",
            request_serializer=calibration_pb2.DeleteSessionRequest.SerializeToString,
        )
        name = f"runs/{run}/sessions/{session}"
        delete(calibration_pb2.DeleteSessionRequest(name=name), timeout=20)
