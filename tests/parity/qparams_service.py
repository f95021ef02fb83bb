"""Queries to a running calipers-server: GetQParams of sessions that hold the ranges.

Import after stubs.generate.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator

import grpc
import numpy as np
from calipers.v1 import calibration_pb2 as calls
from calipers.v1 import (
    calibration_pb2_grpc,
    observation_pb2,
    qparams_pb2,
    range_pb2,
    session_pb2,
)

from qparams_forms import QParams, Question, Range, Refusal, Tensor
from qparams_observed import weight_shape

SECONDS = 60
RUN = "runs/qparams"
# Last parts of the modules' names. The first module is queried.
MEMBERS = ("asked", "second", "third")


class UnexpectedError(Exception):
    """The service did not store an observation."""


def _tensor(message: range_pb2.Tensor) -> Tensor:
    return Tensor(message.dtype, tuple(message.shape), message.data)


def _session_args(args: dict) -> session_pb2.QuantizationArgs:
    return session_pb2.QuantizationArgs(
        strategy=f"STRATEGY_{args['strategy'].upper()}",
        group_size=args.get("group_size"),
        block_structure=args.get("block_structure", ()),
        observer="static_minmax",
    )


def _reduced(session: str, args: dict, found: Range) -> observation_pb2.ReducedObservation:
    header = observation_pb2.ObservationHeader(
        session=session, index=0, dtype=found.min.dtype, shape=weight_shape(args, found.min.shape)
    )
    return observation_pb2.ReducedObservation(
        header=header, min=found.min.data, max=found.max.data
    )


class QParamsService:
    """A connection to the server. Its sessions use reference arithmetic."""

    def __init__(self, address: str) -> None:
        self._stub = calibration_pb2_grpc.CalibrationStub(grpc.insecure_channel(address))
        self._modules = (f"case{number}" for number in itertools.count())

    def stored(self, question: Question) -> QParams | Refusal:
        """The parameters that a module stores, for a question with a weight_shape."""
        module = next(self._modules)
        names = [
            self._create(f"{module}.{member}/weight", question.args)
            for member, _ in zip(MEMBERS, question.global_ranges, strict=False)
        ]
        self._observe(names, question)
        request = qparams_pb2.GetQParamsRequest(
            name=names[0],
            specs=[qparams_pb2.QParamsSpec(args_json=json.dumps(question.args))],
            fusion=self._fusion(len(names)),
        )
        (result,) = self._stub.GetQParams(request, timeout=SECONDS).results
        if result.HasField("status"):
            return Refusal(result.status.message)
        found = result.qparams
        return QParams(
            _tensor(found.scale),
            _tensor(found.zero_point),
            _tensor(found.global_scale) if found.HasField("global_scale") else None,
        )

    def fused(self, layers: list[str]) -> list[list[str]]:
        """The layers of one module that are fused by default, sorted."""
        args = {"strategy": "tensor_group", "group_size": 16}
        sessions = {layer: self._create(f"layers.0.{layer}/weight", args) for layer in layers}
        ones = Tensor.of("F32", (1, 1), np.ones(1))
        reduced = [_reduced(name, args, Range(ones, ones)) for name in sessions.values()]
        self._send(reduced)
        request = qparams_pb2.BatchGetQParamsRequest(
            parent=RUN, names=sessions.values(), specs=[qparams_pb2.QParamsSpec(scheme="NVFP4")]
        )
        results = self._stub.BatchGetQParams(request, timeout=SECONDS).results
        groups = {tuple(result.qparams.fused_sessions) for result in results} - {()}
        layer_of = {name: layer for layer, name in sessions.items()}
        return [sorted(layer_of[name] for name in group) for group in groups]

    def _create(self, session_id: str, args: dict) -> str:
        session = session_pb2.Session(args=_session_args(args), arithmetic="ARITHMETIC_REFERENCE")
        request = calls.CreateSessionRequest(parent=RUN, session_id=session_id, session=session)
        return self._stub.CreateSession(request, timeout=SECONDS).name

    def _observe(self, names: list[str], question: Question) -> None:
        reduced = [
            _reduced(name, question.args, found)
            for name, found in zip(names, question.global_ranges, strict=True)
        ]
        self._send(reduced)

    def _send(self, reduced: list[observation_pb2.ReducedObservation]) -> None:
        def requests() -> Iterator[observation_pb2.ObserveRequest]:
            batch = observation_pb2.ReducedBatch(observations=reduced)
            yield observation_pb2.ObserveRequest(reduced=batch)

        responses = self._stub.Observe(requests(), timeout=SECONDS)
        acks = [ack for response in responses for ack in response.acks]
        for ack in acks:
            if ack.outcome != observation_pb2.ObservationAck.OUTCOME_STORED:
                raise UnexpectedError(f"not stored: {ack}")
        if len(acks) != len(reduced):
            raise UnexpectedError(f"{len(reduced)} sent, {len(acks)} acknowledged")

    @staticmethod
    def _fusion(members: int) -> qparams_pb2.Fusion:
        if members == 1:
            return qparams_pb2.Fusion(mode="MODE_NONE")
        group = qparams_pb2.Fusion.Group(names=MEMBERS[:members])
        return qparams_pb2.Fusion(mode="MODE_DECLARED", groups=[group])
