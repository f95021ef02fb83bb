"""A channel to a server, and the calls over it."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Iterator
from typing import Any, Generic, TypeVar

import grpc
from google.protobuf import empty_pb2
from google.protobuf.message import Message

from calipers._wire import (
    calibration_pb2,
    health_pb2,
    observation_pb2,
    qparams_pb2,
    range_pb2,
    session_pb2,
)
from calipers.deadline import Deadline
from calipers.errors import (
    CalipersError,
    DeadlineExceededError,
    FailedPreconditionError,
    UnavailableError,
    from_rpc,
)
from calipers.own_process import OwnProcess
from calipers.wording import duration

_log = logging.getLogger("calipers")

_SERVICE = "calipers.v1.Calibration"
_Request = TypeVar("_Request", bound=Message)
_Response = TypeVar("_Response", bound=Message)

# The server accepts no earlier keepalive ping. Streams have no deadline, so without pings a
# silent server would block a stream forever.
_KEEPALIVE_SECONDS = 10
_LONGEST_PAUSE_SECONDS = 5
# Connecting to a running server is fast. After this time an attempt that fails for a known reason,
# such as a refused connection, is given up, and a host that is silent is named in a warning.
_PATIENT_SECONDS = 2.0
_LOOK_SECONDS = 0.1
# gRPC's own message, which shows that the server sent no status.
_OWN_DEADLINE = "Deadline Exceeded"


class Method(Generic[_Request, _Response]):
    """A method of the service with one request. All of these methods are idempotent."""

    def __init__(self, name: str, request: type[_Request], response: type[_Response]) -> None:
        self.name = name
        self.request = request
        self.response = response


CREATE_SESSION = Method("CreateSession", calibration_pb2.CreateSessionRequest, session_pb2.Session)
GET_SESSION = Method("GetSession", calibration_pb2.GetSessionRequest, session_pb2.Session)
LIST_SESSIONS = Method(
    "ListSessions", calibration_pb2.ListSessionsRequest, calibration_pb2.ListSessionsResponse
)
GET_MIN_MAX = Method("GetMinMax", range_pb2.GetMinMaxRequest, range_pb2.MinMax)
GET_QPARAMS = Method("GetQParams", qparams_pb2.GetQParamsRequest, qparams_pb2.GetQParamsResponse)
SEAL_SESSION = Method("SealSession", calibration_pb2.SealSessionRequest, session_pb2.Session)
RESET_SESSION = Method("ResetSession", calibration_pb2.ResetSessionRequest, session_pb2.Session)
DELETE_SESSION = Method("DeleteSession", calibration_pb2.DeleteSessionRequest, empty_pb2.Empty)
DELETE_RUN = Method("DeleteRun", calibration_pb2.DeleteRunRequest, empty_pb2.Empty)
SEAL_RUN = Method("SealRun", calibration_pb2.SealRunRequest, calibration_pb2.SealRunResponse)
BATCH_GET_MIN_MAX = Method(
    "BatchGetMinMax", range_pb2.BatchGetMinMaxRequest, range_pb2.BatchGetMinMaxResponse
)
BATCH_GET_QPARAMS = Method(
    "BatchGetQParams", qparams_pb2.BatchGetQParamsRequest, qparams_pb2.BatchGetQParamsResponse
)

# A streaming method, called by Connection.read_series.
READ_SERIES = Method(
    "ReadSeries", calibration_pb2.ReadSeriesRequest, calibration_pb2.ReadSeriesResponse
)

_METHODS: tuple[Method[Any, Any], ...] = (
    CREATE_SESSION,
    GET_SESSION,
    LIST_SESSIONS,
    GET_MIN_MAX,
    GET_QPARAMS,
    SEAL_SESSION,
    RESET_SESSION,
    DELETE_SESSION,
    DELETE_RUN,
    SEAL_RUN,
    BATCH_GET_MIN_MAX,
    BATCH_GET_QPARAMS,
)

# gRPC retries within the call's deadline, so that callers do not notice a restart of the server.
# Observe is not among these methods: calipers.stream has its own rule for sending again.
_RETRIES = {
    "methodConfig": [
        {
            "name": [
                {"service": _SERVICE, "method": method.name} for method in (*_METHODS, READ_SERIES)
            ],
            "retryPolicy": {
                "maxAttempts": 5,
                "initialBackoff": "0.2s",
                "maxBackoff": "5s",
                "backoffMultiplier": 2,
                # A stopping server can cancel calls.
                "retryableStatusCodes": ["UNAVAILABLE", "CANCELLED"],
            },
        }
    ]
}


def _make_channel(address: str, timeout: float) -> grpc.Channel:
    options = {
        "grpc.keepalive_time_ms": 1000 * _KEEPALIVE_SECONDS,
        "grpc.keepalive_timeout_ms": int(1000 * timeout),
        # Unlimited pings without data, because a wait can receive nothing for hours.
        "grpc.http2.max_pings_without_data": 0,
        # gRPC's defaults, 1 s and 2 minutes, would notice a restarted server late.
        "grpc.initial_reconnect_backoff_ms": 100,
        "grpc.max_reconnect_backoff_ms": 1000 * _LONGEST_PAUSE_SECONDS,
        # Answers of large sessions are larger than gRPC's default of 4 MiB.
        "grpc.max_receive_message_length": -1,
        "grpc.max_send_message_length": -1,
        # Without this option the clients of one process would share one connection.
        "grpc.use_local_subchannel_pool": 1,
        "grpc.enable_retries": 1,
        "grpc.service_config": json.dumps(_RETRIES),
    }
    return grpc.insecure_channel(address, options=list(options.items()))


class Connection:
    """Calls to one server. Thread-safe."""

    def __init__(self, address: str, timeout: float) -> None:
        """Waits until the server answers. Raises UnavailableError, with advice, if no server
        answers within `timeout` seconds; after 2 s if the host does not exist, refuses the
        connection or is no gRPC server. `timeout` is also the default timeout of each call."""
        self.address = address
        self.timeout = timeout
        self._closed = False
        self.process = OwnProcess()
        """The process that can use this connection."""
        self._channel = _make_channel(address, timeout)
        self._unary: dict[str, Any] = {
            method.name: self._channel.unary_unary(
                f"/{_SERVICE}/{method.name}",
                request_serializer=method.request.SerializeToString,
                response_deserializer=method.response.FromString,
            )
            for method in _METHODS
        }
        self._health = self._channel.unary_unary(
            "/grpc.health.v1.Health/Check",
            request_serializer=health_pb2.HealthCheckRequest.SerializeToString,
            response_deserializer=health_pb2.HealthCheckResponse.FromString,
        )
        self._read_series = self._channel.unary_stream(
            f"/{_SERVICE}/{READ_SERIES.name}",
            request_serializer=READ_SERIES.request.SerializeToString,
            response_deserializer=READ_SERIES.response.FromString,
        )
        self._observe: Any = self._channel.stream_stream(
            f"/{_SERVICE}/Observe",
            response_deserializer=observation_pb2.ObserveResponse.FromString,
        )
        try:
            self._await_server()
        except BaseException:
            self.close()
            raise

    def _await_server(self) -> None:
        begin = time.monotonic()
        patient = min(_PATIENT_SECONDS, self.timeout)
        try:
            return self._check_health(patient)
        except DeadlineExceededError:
            why = self._why()
        if not why and patient < self.timeout:
            _log.warning("no server answers at %s yet: the host is silent", self.address)
            try:
                return self._check_health(begin + self.timeout - time.monotonic())
            except DeadlineExceededError:
                patient, why = self.timeout, self._why()
        raise UnavailableError(
            f"no server answers at {self.address} within {duration(patient)}{why}; is "
            "calipers-server running there, and is it the address it listens on?"
        )

    def _why(self) -> str:
        """ ": " and gRPC's current reason for not connecting; "" if gRPC gives no reason."""
        try:
            # This call does not wait for a connection, so it fails with gRPC's reason.
            self._health(health_pb2.HealthCheckRequest(service=_SERVICE), timeout=_LOOK_SECONDS)
        except grpc.RpcError as error:
            failed = from_rpc(error)
            if failed.code == "UNAVAILABLE":
                return f": {failed.message}"
        return ""

    def _check_health(self, timeout: float) -> None:
        request = health_pb2.HealthCheckRequest(service=_SERVICE)
        try:
            answer = self._health(request, timeout=max(timeout, 0), wait_for_ready=True)
        except grpc.RpcError as error:
            failed = from_rpc(error)
            if failed.code in ("UNIMPLEMENTED", "NOT_FOUND"):
                raise UnavailableError(
                    f"the server at {self.address} is not a calipers-server: {failed.message}"
                ) from None
            raise failed from None
        if answer.status != health_pb2.HealthCheckResponse.SERVING:
            raise UnavailableError(
                f"the server at {self.address} is not serving: it is starting or stopping; try "
                "again later"
            )

    def deadline(self, timeout: float | None) -> Deadline:
        """A deadline after `timeout` seconds (None: the connection's timeout)."""
        return Deadline(self.timeout if timeout is None else timeout)

    def call(
        self,
        method: Method[_Request, _Response],
        request: _Request,
        timeout: float | None = None,
    ) -> _Response:
        """Calls a method and returns the answer. `timeout` is in seconds (None: the connection's).

        Raises the CalipersError for the server's status.
        """
        self._check_usable()
        seconds = self.timeout if timeout is None else timeout
        try:
            answer: _Response = self._unary[method.name](request, timeout=seconds)
        except grpc.RpcError as error:
            raise self._explained(from_rpc(error), seconds) from None
        return answer

    def read_series(
        self, name: str, timeout: float | None = None
    ) -> list[observation_pb2.SeriesRecord]:
        """All records of the session with this full name, sorted by index. `timeout` is in seconds
        (None: the connection's).

        Raises the CalipersError for the server's status.
        """
        self._check_usable()
        seconds = self.timeout if timeout is None else timeout
        request = calibration_pb2.ReadSeriesRequest(name=name)
        try:
            answers = self._read_series(request, timeout=seconds)
            return [record for answer in answers for record in answer.records]
        except grpc.RpcError as error:
            raise self._explained(from_rpc(error), seconds) from None

    def observe(self, requests: Iterator[bytes]) -> Any:
        """Starts an Observe call that sends serialized ObserveRequests. Returns an iterator of
        ObserveResponse, which raises grpc.RpcError."""
        return self._observe(requests)

    def close(self) -> None:
        """Closes the channel and ends every call."""
        self._closed = True
        self._channel.close()

    def _check_usable(self) -> None:
        self.process.check()
        if self._closed:
            raise FailedPreconditionError("the client is closed")

    def _explained(self, error: CalipersError, seconds: float) -> CalipersError:
        if isinstance(error, UnavailableError):
            return UnavailableError(f"{error.message} (asked {self.address})")
        if error.message == _OWN_DEADLINE:
            return DeadlineExceededError(
                f"{self.address} gave no answer within {duration(seconds)}{self._why()}"
            )
        return error
