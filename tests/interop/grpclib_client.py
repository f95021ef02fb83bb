"""A client of calipers.v1 with grpclib, whose HTTP/2 is pure Python.

    grpclib_client.py STUBS WORK

STUBS is the folder of the stubs from grpclib's own plugin. WORK is a JSON file with the work, which
tests/interop/test_interop.py writes. Prints the results as JSON.
"""

from __future__ import annotations

import asyncio
import json
import sys
from importlib import metadata
from pathlib import Path

sys.path.insert(0, sys.argv[1])

from google.protobuf.json_format import ParseDict
from grpclib.client import Channel
from grpclib.const import Status
from grpclib.exceptions import GRPCError

from calipers.v1.calibration_grpc import CalibrationStub
from calipers.v1.calibration_pb2 import CreateSessionRequest, ReadSeriesRequest
from calipers.v1.observation_pb2 import (
    ObservationAck,
    ObservationHeader,
    ObserveRequest,
    ReducedObservation,
)
from calipers.v1.qparams_pb2 import GetQParamsRequest
from calipers.v1.range_pb2 import GetMinMaxRequest, Range, Tensor

CALL_SECONDS = 20


def tensor_json(tensor: Tensor) -> dict:
    return {"dtype": tensor.dtype, "shape": list(tensor.shape), "data": tensor.data.hex()}


def range_json(found: Range) -> dict:
    return {"min": tensor_json(found.min), "max": tensor_json(found.max)}


def ack_json(ack: ObservationAck) -> dict:
    return {
        "ordinal": ack.ordinal,
        "index": ack.index,
        "outcome": ObservationAck.Outcome.Name(ack.outcome),
        "code": ack.status.code,
        "message": ack.status.message,
    }


def tensor_messages(session: str, work: dict) -> list[ObserveRequest]:
    """A message with only the header, then pieces, which are cut inside elements."""
    tensor = work["tensor"]
    data = Path(tensor["file"]).read_bytes()
    header = ObservationHeader(
        session=session, index=0, dtype=tensor["dtype"], shape=tensor["shape"]
    )
    pieces = range(0, len(data), tensor["piece_bytes"])
    return [
        ObserveRequest(worker=work["worker"], header=header),
        *(ObserveRequest(data=data[at : at + tensor["piece_bytes"]]) for at in pieces),
    ]


def batch_message(session: str, work: dict) -> ObserveRequest:
    """One message with all reduced records."""
    request = ObserveRequest()
    for record in work["records"]:
        header = ObservationHeader(
            session=session, index=record["index"], dtype="F32", shape=record["shape"]
        )
        low, high = bytes.fromhex(record["min"]), bytes.fromhex(record["max"])
        request.reduced.observations.append(ReducedObservation(header=header, min=low, max=high))
    return request


async def observe(stub: CalibrationStub, session: str, work: dict) -> list[dict]:
    """Sends the tensor, reads its acknowledgement, and then sends the batch on the same stream and
    reads its acknowledgements."""
    async with stub.Observe.open(timeout=CALL_SECONDS) as stream:
        for message in tensor_messages(session, work):
            await stream.send_message(message)
        first = await stream.recv_message()
        await stream.send_message(batch_message(session, work), end=True)
        responses = [first, *[response async for response in stream]]
    return [ack_json(ack) for response in responses for ack in response.acks]


async def read_series(stub: CalibrationStub, session: str) -> dict:
    async with stub.ReadSeries.open(timeout=CALL_SECONDS) as stream:
        await stream.send_message(ReadSeriesRequest(name=session), end=True)
        responses = [response async for response in stream]
    records = [record.observation for response in responses for record in response.records]
    return {
        "messages": len(responses),
        "records": [
            {"index": record.header.index, "min": record.min.hex(), "max": record.max.hex()}
            for record in records
        ],
    }


async def failure(stub: CalibrationStub, request: GetMinMaxRequest, seconds: float) -> dict:
    """The error of a query. grpclib reports an exceeded deadline as its own timeout error."""
    try:
        await stub.GetMinMax(request, timeout=seconds)
    except GRPCError as error:
        return {"code": error.status.name, "message": error.message}
    except asyncio.TimeoutError:
        return {"code": Status.DEADLINE_EXCEEDED.name, "message": ""}
    return {"code": Status.OK.name, "message": ""}


async def work_through(work: dict) -> dict:
    host, _, port = work["server"].rpartition(":")
    async with Channel(host, int(port)) as channel:
        stub = CalibrationStub(channel)
        create = CreateSessionRequest(parent=work["parent"], session_id=work["session_id"])
        ParseDict({"args": work["args"]}, create.session)
        session = (await stub.CreateSession(create, timeout=CALL_SECONDS)).name
        acks = await observe(stub, session, work)
        found = await stub.GetMinMax(GetMinMaxRequest(name=session), timeout=CALL_SECONDS)
        answer = await stub.GetQParams(GetQParamsRequest(name=session), timeout=CALL_SECONDS)
        qparams = answer.results[0].qparams
        absent = GetMinMaxRequest(name=work["absent"])
        patient = GetMinMaxRequest(name=session, wait_count=work["wait_count"])
        return {
            "library": f"grpclib {metadata.version('grpclib')}",
            "foreign_transport": "grpc" not in sys.modules,
            "session": session,
            "acks": acks,
            "count": found.progress.count,
            "range": range_json(found.range),
            "scale": tensor_json(qparams.scale),
            "zero_point": tensor_json(qparams.zero_point),
            "series": await read_series(stub, session),
            "error": await failure(stub, absent, CALL_SECONDS),
            "deadline": await failure(stub, patient, work["deadline_seconds"]),
            "after_deadline": await failure(stub, GetMinMaxRequest(name=session), CALL_SECONDS),
        }


if __name__ == "__main__":
    print(json.dumps(asyncio.run(work_through(json.loads(Path(sys.argv[2]).read_text())))))
