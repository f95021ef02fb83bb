"""The server as a process: start, stop, refusals and recovery."""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
import threading

import grpc
import numpy as np
import pytest
from conftest import BUILD, Reflected
from grpc_health.v1 import health_pb2, health_pb2_grpc

RUN = "runs/test"


def create(client: Reflected, session_id: str, **spec) -> str:
    request = client.message("CreateSessionRequest")(
        parent=RUN, session_id=session_id, session=client.message("Session")(**spec)
    )
    return client.call("CreateSession", request).name


def header(client: Reflected, session: str, index: int, shape: list[int]):
    return client.message("ObservationHeader")(
        session=session, index=index, dtype="F32", shape=shape
    )


def outcomes(client: Reflected, responses) -> list[str]:
    names = client.message("ObservationAck").DESCRIPTOR.enum_types_by_name["Outcome"]
    return [
        names.values_by_number[ack.outcome].name.removeprefix("OUTCOME_")
        for response in responses
        for ack in response.acks
    ]


def get_min_max(client: Reflected, session: str):
    return client.call("GetMinMax", client.message("GetMinMaxRequest")(name=session))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_stops_with_exit_status_0(server_with, number):
    server = server_with("--log-format", "json")
    assert server.stop(number) == 0
    events = [json.loads(line)["event"] for line in server.log.read_text().splitlines()]
    assert events == ["serving", "stopping", "stopped"]


def wait_until_in_flight(client: Reflected, session: str, shape: list[int]) -> None:
    """Waits until another tensor of `shape` is being reduced. The budget is sufficient for only one
    such tensor, so this tensor is refused then."""
    request = client.message("ObserveRequest")
    for index in range(1000):
        probe = request(header=header(client, session, index, shape))
        (response,) = client.observe(iter([probe]))
        if "--max-inflight-bytes" in response.acks[0].status.message:
            return
    pytest.fail("the tensor did not arrive")


def test_sigterm_finishes_the_tensor_in_flight(server_with):
    server = server_with("--max-inflight-bytes", "1MiB")
    client = Reflected(server.address)
    session = create(client, "m/weight", args={"group_size": 1})
    shape = [1, 80_000]
    stopping = threading.Event()
    ended_by_server = threading.Event()
    request = client.message("ObserveRequest")

    def requests():
        yield request(header=header(client, session, 0, shape), data=bytes(160_000))
        assert stopping.wait(20)
        yield request(data=bytes(160_000))
        ended_by_server.wait(20)

    responses = client.observe(requests())
    probed = create(client, "n/weight", args={"group_size": 1})
    wait_until_in_flight(client, probed, shape)
    server.process.send_signal(signal.SIGTERM)
    stopping.set()
    seen = []
    with pytest.raises(grpc.RpcError) as ended:
        for response in responses:
            seen.append(response)
    ended_by_server.set()
    assert outcomes(client, seen) == ["STORED"]
    assert ended.value.code() == grpc.StatusCode.UNAVAILABLE
    assert server.process.wait(20) == 0


def test_an_idle_stream_does_not_hold_up_the_stop(server, client):
    released = threading.Event()

    def requests():
        released.wait(20)
        yield from ()

    responses = client.observe(requests())
    assert server.stop() == 0
    with pytest.raises(grpc.RpcError) as ended:
        list(responses)
    assert ended.value.code() in (
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.CANCELLED,
    )
    released.set()


def test_a_port_in_use_is_refused_by_name(server_with, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        program = BUILD / "server" / "calipers-server"
        done = subprocess.run(
            [program, "--listen", address, "--store", "memory"],
            capture_output=True,
            text=True,
            timeout=30,
        )
    assert done.returncode == 1
    assert address in done.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--no-such-flag"], "no-such-flag"),
        (["--max-streams", "0"], "max-streams"),
        (["--log-format", "xml"], "xml"),
        (["--config", "/nonexistent.toml"], "/nonexistent.toml"),
        (["--durability", "bogus"], "bogus not in {none,os,sync}"),
        (["--durability", "0"], "0 not in {none,os,sync}"),
        (["--store", "disk"], "disk not in {memory,rocksdb}"),
        (["--store", "memory", "--restore-from", "/nonexistent"], "--restore-from"),
    ],
)
def test_bad_flags_exit_with_2(arguments, said):
    program = BUILD / "server" / "calipers-server"
    done = subprocess.run(
        [program, *arguments], capture_output=True, text=True, timeout=30
    )
    assert done.returncode == 2
    assert said in done.stdout + done.stderr


def test_the_old_name_of_the_rocksdb_store_is_accepted(server_with):
    server = Reflected(server_with("--store", "embedded").address)
    assert create(server, "a/input") == f"{RUN}/sessions/a/input"


def test_help_is_text():
    program = BUILD / "server" / "calipers-server"
    done = subprocess.run([program, "--help"], capture_output=True, text=True, timeout=30)
    assert done.returncode == 0
    assert done.stdout.replace("\n", "").isprintable()
    # CLI11 2.3 and 2.4 write the default in different ways.
    for flag in (r"--durability TEXT:\{none,os,sync\}(=sync| \[sync\])",
                 r"--store TEXT:\{memory,rocksdb\}(=rocksdb| \[rocksdb\])"):
        assert re.search(flag, done.stdout), flag


def test_a_config_file_sets_flags_and_the_command_line_wins(server_with, tmp_path):
    config = tmp_path / "server.toml"
    config.write_text('max-sessions = 1\nlog-format = "json"\n')
    one = Reflected(server_with("--config", str(config)).address)
    create(one, "a/input")
    with pytest.raises(grpc.RpcError) as refused:
        create(one, "b/input")
    assert refused.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
    assert "--max-sessions" in refused.value.details()
    two = Reflected(
        server_with("--config", str(config), "--max-sessions", "2").address
    )
    create(two, "a/input")
    create(two, "b/input")


def test_an_unknown_name_in_the_config_file_is_refused(tmp_path):
    config = tmp_path / "server.toml"
    config.write_text("max-session = 1\n")
    program = BUILD / "server" / "calipers-server"
    done = subprocess.run(
        [program, "--config", config], capture_output=True, text=True, timeout=30
    )
    assert done.returncode == 2
    assert "max-session" in done.stdout + done.stderr


def test_health_and_reflection(server, client):
    stub = health_pb2_grpc.HealthStub(client.channel)
    for service in ("", "calipers.v1.Calibration"):
        answer = stub.Check(health_pb2.HealthCheckRequest(service=service), timeout=20)
        assert answer.status == health_pb2.HealthCheckResponse.SERVING
    session = create(client, "m/input")
    requests = [
        client.message("ObserveRequest")(
            header=header(client, session, 0, [1, 2]), data=b"\0\0\x80?\0\0\0@"
        )
    ]
    assert outcomes(client, client.observe(iter(requests))) == ["STORED"]
    answer = get_min_max(client, session)
    assert np.frombuffer(answer.range.min.data, np.float64) == 1
    assert np.frombuffer(answer.range.max.data, np.float64) == 2


def test_a_message_over_the_limit_ends_its_stream_alone(server_with):
    server = server_with("--max-message-bytes", "64KiB")
    client = Reflected(server.address)
    session = create(client, "m/input")
    request = client.message("ObserveRequest")
    big = request(header=header(client, session, 0, [1, 20000]), data=bytes(80000))
    with pytest.raises(grpc.RpcError) as refused:
        list(client.observe(iter([big])))
    assert refused.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
    pieces = [
        request(header=header(client, session, 0, [1, 20000]), data=bytes(40000)),
        request(data=bytes(40000)),
    ]
    assert outcomes(client, client.observe(iter(pieces))) == ["STORED"]


def test_a_flood_of_accumulators_is_refused_and_nothing_is_lost(server_with):
    server = server_with("--max-inflight-bytes", "1MiB")
    client = Reflected(server.address)
    grouped = create(client, "m/weight", args={"group_size": 1})
    plain = create(client, "n/input")
    request = client.message("ObserveRequest")
    # 2^40 parameters: refused before memory is allocated for them.
    requests = [
        request(header=header(client, grouped, 0, [1 << 20, 1 << 20]), data=bytes(8)),
        request(data=bytes(4096)),
        request(header=header(client, plain, 0, [1, 2]), data=bytes(8)),
    ]
    responses = list(client.observe(iter(requests)))
    assert outcomes(client, responses) == ["REJECTED", "STORED"]
    status = responses[0].acks[0].status
    assert status.code == grpc.StatusCode.RESOURCE_EXHAUSTED.value[0]
    assert "--max-inflight-bytes" in status.message


def test_a_full_store_refuses_until_a_run_is_deleted(server_with):
    server = server_with("--store", "memory", "--max-store-bytes", "180KiB")
    client = Reflected(server.address)
    session = create(client, "m/weight", args={"group_size": 1})
    request = client.message("ObserveRequest")

    def weight(name: str, index: int):
        return request(header=header(client, name, index, [1, 4096]), data=bytes(16384))

    sent = iter([weight(session, 0), weight(session, 1), weight(session, 2)])
    assert outcomes(client, client.observe(sent)) == ["STORED", "REJECTED", "REJECTED"]
    client.call("DeleteRun", client.message("DeleteRunRequest")(name=RUN))
    again = create(client, "m/weight", args={"group_size": 1})
    assert outcomes(client, client.observe(iter([weight(again, 0)]))) == ["STORED"]


def test_malformed_protobuf_ends_neither_stream_nor_server(server, client):
    session = create(client, "m/input")
    request = client.message("ObserveRequest")
    good = request(header=header(client, session, 0, [1, 2]), data=bytes(8))
    messages = [b"\x12\xff\xff\xff\xff\x0f", b"\xff\xff", good.SerializeToString()]
    responses = list(client.observe(iter(messages), serialize=lambda raw: raw))
    assert outcomes(client, responses) == ["REJECTED", "REJECTED", "STORED"]
    acks = [ack for response in responses for ack in response.acks]
    assert [ack.ordinal for ack in acks] == [-1, -1, 0]
    assert "message 1 of the stream" in acks[0].status.message


def test_a_worker_that_dies_in_mid_tensor_leaves_nothing(server, client):
    session = create(client, "m/input")
    request = client.message("ObserveRequest")
    sent = threading.Event()

    def requests():
        yield request(header=header(client, session, 0, [1, 1000]), data=bytes(2000))
        sent.set()
        threading.Event().wait(20)

    responses = client.observe(requests())
    assert sent.wait(20)
    responses.cancel()
    with pytest.raises(grpc.RpcError) as nothing:
        get_min_max(client, session)
    assert nothing.value.code() == grpc.StatusCode.FAILED_PRECONDITION
    whole = request(header=header(client, session, 0, [1, 1000]), data=bytes(4000))
    assert outcomes(client, client.observe(iter([whole]))) == ["STORED"]
