"""A fake server: fails calls as configured, and records the observations."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import grpc

from calipers._wire import health_pb2
from calipers._wire import observation_pb2 as wire


@dataclass
class Plan:
    """The failures that the service causes."""

    break_calls: int = 0
    """This number of calls end with `break_code` ..."""
    after_observations: int = 0
    """... after this number of observations. The next observation is stored and not
    acknowledged."""
    break_code: grpc.StatusCode = grpc.StatusCode.UNAVAILABLE
    break_message: str = "broken on purpose"
    no_room: int = 0
    """Number of first observations that are temporarily refused."""
    no_room_code: grpc.StatusCode = grpc.StatusCode.RESOURCE_EXHAUSTED
    unreadable: bool = False
    """Every message is refused as unreadable."""
    silent: bool = False
    """Nothing is acknowledged."""


@dataclass
class FakeService:
    """The Observe method, and health."""

    plan: Plan
    health: health_pb2.HealthCheckResponse.ServingStatus = health_pb2.HealthCheckResponse.SERVING
    stored: dict[tuple[str, int], bytes] = field(default_factory=dict)
    workers: list[str] = field(default_factory=list)
    """The worker name in each call."""
    message_sizes: list[int] = field(default_factory=list)
    """Number of observations in each message of reduced tensors."""
    piece_sizes: list[int] = field(default_factory=list)
    """Number of bytes in each message of a raw tensor."""
    calls: int = 0
    received: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    """Released for each received observation."""
    ended: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    """Released for each call that the client ended."""

    def observe(
        self, requests: Iterator[wire.ObserveRequest], context: grpc.ServicerContext
    ) -> Iterator[wire.ObserveResponse]:
        """The method."""
        self.calls += 1
        breaks = self.plan.break_calls > 0
        self.plan.break_calls -= breaks
        ordinal = 0
        for header, data in self._observations(requests):
            self.received.release()
            if breaks and ordinal == self.plan.after_observations:
                self._take(header, data)
                context.abort(self.plan.break_code, self.plan.break_message)
            if self.plan.silent:
                continue
            ack = self._answer(header, data)
            ack.ordinal = -1 if self.plan.unreadable else ordinal
            ordinal += 1
            yield wire.ObserveResponse(acks=[ack])
        self.ended.release()

    def _observations(
        self, requests: Iterator[wire.ObserveRequest]
    ) -> Iterator[tuple[wire.ObservationHeader, bytes]]:
        header, data = wire.ObservationHeader(), b""
        for request in requests:
            if request.worker:
                self.workers.append(request.worker)
            if request.HasField("reduced"):
                self.message_sizes.append(len(request.reduced.observations))
                for reduced in request.reduced.observations:
                    yield reduced.header, reduced.min + b"|" + reduced.max
                continue
            if request.HasField("header"):
                header, data = request.header, b""
            self.piece_sizes.append(len(request.data))
            data += request.data
            # Raw tensors have one dimension and bytes as elements.
            if len(data) == header.shape[0]:
                yield header, data

    def _answer(self, header: wire.ObservationHeader, data: bytes) -> wire.ObservationAck:
        ack = wire.ObservationAck(index=header.index)
        if self.plan.no_room > 0:
            self.plan.no_room -= 1
            ack.outcome = wire.ObservationAck.OUTCOME_REJECTED
            ack.status.code = self.plan.no_room_code.value[0]
            ack.status.message = "no room"
            return ack
        ack.outcome = self._take(header, data)
        if ack.outcome == wire.ObservationAck.OUTCOME_CONFLICT:
            ack.status.code = grpc.StatusCode.ALREADY_EXISTS.value[0]
            ack.status.message = "another record"
        return ack

    def _take(self, header: wire.ObservationHeader, data: bytes) -> Any:
        kept = self.stored.setdefault((header.session, header.index), data)
        if kept != data:
            return wire.ObservationAck.OUTCOME_CONFLICT
        if len(self.stored) > self._count:
            self._count = len(self.stored)
            return wire.ObservationAck.OUTCOME_STORED
        return wire.ObservationAck.OUTCOME_DUPLICATE

    def __post_init__(self) -> None:
        self._count = 0


def serve(service: FakeService) -> tuple[grpc.Server, str]:
    """Starts a server of the service on loopback, and returns it and its address."""
    handler = grpc.stream_stream_rpc_method_handler(
        service.observe,
        request_deserializer=wire.ObserveRequest.FromString,
        response_serializer=wire.ObserveResponse.SerializeToString,
    )
    health = grpc.unary_unary_rpc_method_handler(
        lambda _, __: health_pb2.HealthCheckResponse(status=service.health),
        request_deserializer=health_pb2.HealthCheckRequest.FromString,
        response_serializer=health_pb2.HealthCheckResponse.SerializeToString,
    )
    server = grpc.server(ThreadPoolExecutor(4))
    server.add_generic_rpc_handlers(
        [
            grpc.method_handlers_generic_handler("calipers.v1.Calibration", {"Observe": handler}),
            grpc.method_handlers_generic_handler("grpc.health.v1.Health", {"Check": health}),
        ]
    )
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    return server, f"127.0.0.1:{port}"
