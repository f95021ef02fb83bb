"""Invalid requests: each gets a status code and a message that names the field, the given value and
the allowed values, and affects no other request."""

from __future__ import annotations

import threading

import grpc
import pytest
from conftest import Reflected

RUN = "runs/test"
GOOD = f"{RUN}/sessions/m/input"
GROUPED = f"{RUN}/sessions/g/weight"


@pytest.fixture
def sessions(client: Reflected) -> Reflected:
    """A client of a server with a tensor session and a group session."""
    for session_id, args in (("m/input", {}), ("g/weight", {"group_size": 128})):
        client.call(
            "CreateSession",
            client.message("CreateSessionRequest")(
                parent=RUN,
                session_id=session_id,
                session=client.message("Session")(args=args),
            ),
        )
    return client


def observe(client: Reflected, header: dict, data: bytes) -> list:
    """Sends an invalid observation between two valid ones. Returns the acknowledgements."""
    request = client.message("ObserveRequest")
    good = {"session": GOOD, "dtype": "F32", "shape": [1, 2]}
    requests = [
        request(header={**good, "index": 0}, data=bytes(8)),
        request(header=header, data=data),
        request(header={**good, "index": 1}, data=bytes(8)),
    ]
    return [ack for r in client.observe(iter(requests)) for ack in r.acks]


BAD_OBSERVATIONS = {
    "unknown session": (
        {"session": f"{RUN}/sessions/no.such/input", "dtype": "F32", "shape": [1]},
        bytes(4),
        "NOT_FOUND",
        "no.such/input",
    ),
    "unknown dtype": (
        {"session": GROUPED, "dtype": "float32", "shape": [1, 128]},
        bytes(512),
        "INVALID_ARGUMENT",
        'dtype "float32" is not one of F64, F32',
    ),
    "another dtype": (
        {"session": GOOD, "index": 5, "dtype": "BF16", "shape": [1, 2]},
        bytes(4),
        "INVALID_ARGUMENT",
        "holds F32",
    ),
    "product overflows": (
        {"session": GOOD, "index": 5, "dtype": "F32", "shape": [1 << 40, 1 << 40]},
        bytes(4),
        "INVALID_ARGUMENT",
        "[1099511627776, 1099511627776]",
    ),
    "negative size": (
        {"session": GOOD, "index": 5, "dtype": "F32", "shape": [-2, 2]},
        bytes(4),
        "INVALID_ARGUMENT",
        "[-2, 2]",
    ),
    "zero size of a weight": (
        {"session": GROUPED, "dtype": "F32", "shape": [0, 128]},
        b"",
        "INVALID_ARGUMENT",
        "[0, 128]",
    ),
    "group size that does not divide": (
        {"session": GROUPED, "dtype": "F32", "shape": [2, 200]},
        bytes(1600),
        "INVALID_ARGUMENT",
        "group_size 128",
    ),
    "too many bytes": (
        {"session": GOOD, "index": 5, "dtype": "F32", "shape": [1, 2]},
        bytes(9),
        "INVALID_ARGUMENT",
        "8 bytes",
    ),
    "too few bytes": (
        {"session": GOOD, "index": 5, "dtype": "F32", "shape": [1, 2]},
        bytes(7),
        "INVALID_ARGUMENT",
        "7 of 8 bytes",
    ),
    "negative index": (
        {"session": GOOD, "index": -1, "dtype": "F32", "shape": [1, 2]},
        bytes(8),
        "OUT_OF_RANGE",
        "index -1 is not in 0 to 281474976710655",
    ),
    "index beyond the end": (
        {"session": GOOD, "index": 1 << 48, "dtype": "F32", "shape": [1, 2]},
        bytes(8),
        "OUT_OF_RANGE",
        "index 281474976710656",
    ),
    "negative num_observations": (
        {
            "session": GOOD,
            "index": 5,
            "dtype": "F32",
            "shape": [1, 2],
            "num_observations": -3,
        },
        bytes(8),
        "INVALID_ARGUMENT",
        "num_observations is -3",
    ),
}


@pytest.mark.parametrize("name", BAD_OBSERVATIONS)
def test_a_bad_observation_is_rejected_alone(sessions, name):
    header, data, code, said = BAD_OBSERVATIONS[name]
    acks = observe(sessions, header, data)
    assert [ack.ordinal for ack in acks] == [0, 1, 2]
    assert [ack.outcome for ack in acks] == [1, 4, 1]
    assert acks[1].status.code == grpc.StatusCode[code].value[0]
    assert said in acks[1].status.message


BAD_CALLS = {
    "no parent": (
        "CreateSession",
        "CreateSessionRequest",
        {"session_id": "m/input"},
        "INVALID_ARGUMENT",
        "runs/{run}",
    ),
    "base name": (
        "CreateSession",
        "CreateSessionRequest",
        {"parent": RUN, "session_id": "m/gate"},
        "INVALID_ARGUMENT",
        "weight",
    ),
    "strategy that the reference refuses": (
        "CreateSession",
        "CreateSessionRequest",
        {
            "parent": RUN,
            "session_id": "n/input",
            "session": {"args": {"strategy": "STRATEGY_CHANNEL"}},
        },
        "INVALID_ARGUMENT",
        "channel",
    ),
    "group size 0": (
        "CreateSession",
        "CreateSessionRequest",
        {
            "parent": RUN,
            "session_id": "n/input",
            "session": {"args": {"strategy": "STRATEGY_GROUP", "group_size": 0}},
        },
        "INVALID_ARGUMENT",
        "group_size",
    ),
    "block structure": (
        "CreateSession",
        "CreateSessionRequest",
        {
            "parent": RUN,
            "session_id": "n/weight",
            "session": {"args": {"strategy": "STRATEGY_BLOCK", "block_structure": [4]}},
        },
        "INVALID_ARGUMENT",
        "block_structure",
    ),
    "observer": (
        "CreateSession",
        "CreateSessionRequest",
        {
            "parent": RUN,
            "session_id": "n/input",
            "session": {"args": {"observer": "mean"}},
        },
        "INVALID_ARGUMENT",
        "memoryless_minmax",
    ),
    "averaging constant": (
        "CreateSession",
        "CreateSessionRequest",
        {
            "parent": RUN,
            "session_id": "n/input",
            "session": {"args": {"observer_kwargs": {"averaging_constant": 1.5}}},
        },
        "INVALID_ARGUMENT",
        "averaging_constant",
    ),
    "enum of a later version": (
        "CreateSession",
        "CreateSessionRequest",
        {"parent": RUN, "session_id": "n/input", "session": {"arithmetic": 77}},
        "INVALID_ARGUMENT",
        "77",
    ),
    "another spec": (
        "CreateSession",
        "CreateSessionRequest",
        {
            "parent": RUN,
            "session_id": "g/weight",
            "session": {"args": {"group_size": 64}},
        },
        "ALREADY_EXISTS",
        "group_size is 128, given 64",
    ),
    "nothing seen": (
        "GetMinMax",
        "GetMinMaxRequest",
        {"name": GOOD},
        "FAILED_PRECONDITION",
        "no observation",
    ),
    "unknown session": (
        "GetMinMax",
        "GetMinMaxRequest",
        {"name": f"{RUN}/sessions/no.such/input"},
        "NOT_FOUND",
        "no.such/input",
    ),
    "read mask": (
        "GetMinMax",
        "GetMinMaxRequest",
        {"name": GOOD, "read_mask": {"paths": ["median"]}},
        "INVALID_ARGUMENT",
        "global_of_range",
    ),
    "negative wait": (
        "GetMinMax",
        "GetMinMaxRequest",
        {"name": GOOD, "wait_count": -1},
        "INVALID_ARGUMENT",
        "wait_count is -1",
    ),
    "empty batch": (
        "BatchGetMinMax",
        "BatchGetMinMaxRequest",
        {"parent": RUN},
        "INVALID_ARGUMENT",
        "names has 0",
    ),
    "page token": (
        "ListSessions",
        "ListSessionsRequest",
        {"parent": RUN, "page_token": "???"},
        "INVALID_ARGUMENT",
        "page_token",
    ),
    "page size": (
        "ListSessions",
        "ListSessionsRequest",
        {"parent": RUN, "page_size": -1},
        "INVALID_ARGUMENT",
        "page_size is -1",
    ),
    "unknown run": (
        "DeleteRun",
        "DeleteRunRequest",
        {"name": "runs/none"},
        "NOT_FOUND",
        "runs/none",
    ),
}


@pytest.mark.parametrize("name", BAD_CALLS)
def test_a_bad_call_is_refused_with_words(sessions, name):
    method, message, fields, code, said = BAD_CALLS[name]
    with pytest.raises(grpc.RpcError) as refused:
        sessions.call(method, sessions.message(message)(**fields))
    assert refused.value.code() == grpc.StatusCode[code]
    assert said in refused.value.details()


def test_a_batch_answers_each_name_by_itself(sessions):
    observe(sessions, {"session": GOOD, "dtype": "F32", "shape": [1]}, b"")
    request = sessions.message("BatchGetMinMaxRequest")(
        parent=RUN, names=[GROUPED, GOOD, "runs/other/sessions/m/input"]
    )
    results = sessions.call("BatchGetMinMax", request).results
    assert [result.WhichOneof("result") for result in results] == [
        "status",
        "min_max",
        "status",
    ]
    assert results[0].status.code == grpc.StatusCode.FAILED_PRECONDITION.value[0]
    assert results[2].status.code == grpc.StatusCode.INVALID_ARGUMENT.value[0]


def test_a_read_mask_leaves_out_the_rest(sessions):
    observe(sessions, {"session": GOOD, "dtype": "F32", "shape": [1]}, b"")
    request = sessions.message("GetMinMaxRequest")(
        name=GOOD, read_mask={"paths": ["current", "progress"]}
    )
    answer = sessions.call("GetMinMax", request)
    assert {field.name for field, _ in answer.ListFields()} == {
        "session",
        "current",
        "progress",
    }


def test_more_streams_than_allowed_are_refused(server_with):
    client = Reflected(server_with("--max-streams", "1").address)
    release = threading.Event()

    def one_stray_byte_and_then_nothing():
        yield client.message("ObserveRequest")(data=b"x")
        release.wait(20)

    first = client.observe(one_stray_byte_and_then_nothing())
    # The first answer shows that the stream is open.
    assert next(first).acks[0].ordinal == -1
    with pytest.raises(grpc.RpcError) as refused:
        list(client.observe(iter([])))
    assert refused.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
    assert "--max-streams" in refused.value.details()
    release.set()
    assert not list(first)


def test_watches_beyond_the_limit_are_refused(server_with):
    server = server_with("--max-calls", "8")
    client = Reflected(server.address)
    watch = client.channel.unary_stream(
        "/calipers.v1.Calibration/WatchSessions",
        request_serializer=lambda r: r.SerializeToString(),
        response_deserializer=client.message("SessionEvent").FromString,
    )
    request = client.message("WatchSessionsRequest")(parent=RUN)
    calls = [watch(request, timeout=20) for _ in range(24)]
    codes = []
    for call in calls:
        try:
            next(call)
            codes.append(None)
        except grpc.RpcError as error:
            codes.append(error.code())
    assert codes.count(grpc.StatusCode.RESOURCE_EXHAUSTED) > 0
    assert codes.count(None) > 0
    for call in calls:
        call.cancel()
