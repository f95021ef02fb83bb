"""Sends cases through the service and reads its answers.

Import after stubs.generate.
"""

from __future__ import annotations

from collections.abc import Iterator

import grpc
import numpy as np
from calipers.v1 import calibration_pb2 as calls
from calipers.v1 import calibration_pb2_grpc, observation_pb2, range_pb2, session_pb2

from cases import Case
from formats import Answers, Pair

SECONDS = 60
RUN = "runs/parity"
NAMES = ("range", "current", "global", "current_global", "global_of_range")
UNLIMITED = [("grpc.max_receive_message_length", -1)]


class UnexpectedError(Exception):
    """The service did not store an observation."""


def quantization_args(
    strategy: str,
    observer: str = "",
    averaging_constant: float | None = None,
    group_size: int | None = None,
    block_structure: tuple[int, int] | None = None,
) -> session_pb2.QuantizationArgs:
    return session_pb2.QuantizationArgs(
        strategy=f"STRATEGY_{strategy.upper()}",
        group_size=group_size,
        block_structure=block_structure or (),
        observer=observer,
        observer_kwargs=session_pb2.ObserverKwargs(averaging_constant=averaging_constant),
    )


def _pieces(rng: np.random.Generator, data: bytes) -> Iterator[bytes]:
    """The bytes, cut at a few random positions."""
    cuts = sorted(rng.integers(0, len(data) + 1, rng.integers(0, 5)).tolist())
    for start, end in zip([0, *cuts], [*cuts, len(data)], strict=True):
        yield data[start:end]


def _to_pair(found) -> Pair:
    low, high = found.min, found.max
    if (low.dtype, low.shape) != (high.dtype, high.shape):
        raise UnexpectedError(f"min is {low.dtype} {low.shape}, max {high.dtype} {high.shape}")
    return Pair.from_bytes(low.dtype, tuple(low.shape), low.data, high.data)


class Service:
    """A connection."""

    def __init__(self, address: str) -> None:
        self._stub = calibration_pb2_grpc.CalibrationStub(
            grpc.insecure_channel(address, options=UNLIMITED)
        )

    def create(self, module: str, base_name: str, args, arithmetic: str = "reference") -> str:
        """Creates a session, and returns its name. Raises grpc.RpcError if it is refused."""
        session = session_pb2.Session(args=args, arithmetic=f"ARITHMETIC_{arithmetic.upper()}")
        request = calls.CreateSessionRequest(
            parent=RUN, session_id=f"{module}/{base_name}", session=session
        )
        return self._stub.CreateSession(request, timeout=SECONDS).name

    def delete(self, name: str) -> None:
        self._stub.DeleteSession(calls.DeleteSessionRequest(name=name), timeout=SECONDS)

    def observe(self, names: list[str], case: Case, start: int, end: int, seed: int) -> None:
        """Sends the case's batches start .. end - 1 to each session, shuffled and cut at random."""
        rng = np.random.default_rng(seed)
        order = rng.permutation(np.arange(start, end)).tolist()

        def requests() -> Iterator[observation_pb2.ObserveRequest]:
            for index in order:
                tensor = case.tensors[index]
                for name in names:
                    header = observation_pb2.ObservationHeader(
                        session=name, index=index, dtype=case.dtype, shape=tensor.shape
                    )
                    first, *rest = _pieces(rng, tensor.tobytes())
                    yield observation_pb2.ObserveRequest(header=header, data=first)
                    for piece in rest:
                        yield observation_pb2.ObserveRequest(data=piece)

        responses = self._stub.Observe(requests(), timeout=SECONDS)
        acks = [ack for response in responses for ack in response.acks]
        if len(acks) != len(order) * len(names):
            raise UnexpectedError(f"{len(order) * len(names)} sent, {len(acks)} acknowledged")
        for ack in acks:
            if ack.outcome != observation_pb2.ObservationAck.OUTCOME_STORED:
                raise UnexpectedError(f"not stored: {ack}")

    def answers(self, name: str) -> Answers:
        """The answers; None if the session has no data."""
        request = range_pb2.GetMinMaxRequest(name=name)
        try:
            found = self._stub.GetMinMax(request, timeout=SECONDS)
        except grpc.RpcError as error:
            if error.code() == grpc.StatusCode.FAILED_PRECONDITION:
                return None
            raise
        return {name: _to_pair(getattr(found, name)) for name in NAMES}
