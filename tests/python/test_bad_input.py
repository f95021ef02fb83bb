"""Errors for invalid input."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import grpc
import numpy as np
import pytest
import torch

import calipers
from calipers._wire import health_pb2
from calipers.plot.main import main
from fake_service import FakeService, Plan, serve
from server_process import TOP, fixed_address, start_server

NAME = "model.layers.0.mlp.down_proj/input"
ONES = np.ones((2, 4), np.float32)


def test_an_address_where_nobody_listens():
    address = fixed_address()
    with pytest.raises(calipers.UnavailableError, match="is calipers-server running") as error:
        calipers.connect(address, timeout=0.1)
    assert address in str(error.value)
    assert isinstance(error.value, ConnectionError)


def test_a_server_that_is_not_calipers():
    server = grpc.server(ThreadPoolExecutor(1))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    with pytest.raises(calipers.UnavailableError, match="is not a calipers-server"):
        calipers.connect(f"127.0.0.1:{port}")
    server.stop(None).wait()


def test_a_server_that_does_not_serve_yet():
    not_serving = health_pb2.HealthCheckResponse.NOT_SERVING
    server, address = serve(FakeService(Plan(), health=not_serving))
    with pytest.raises(calipers.UnavailableError, match="starting or stopping"):
        calipers.connect(address)
    server.stop(None).wait()


@pytest.mark.parametrize("address", ["localhost", "http://localhost:50051", "localhost:x", ":1"])
def test_an_invalid_address(address):
    with pytest.raises(calipers.InvalidArgumentError, match="is not HOST:PORT"):
        calipers.connect(address)


@pytest.mark.parametrize("run", ["a/b", "-", "x" * 129, "ü"])
def test_an_invalid_run_name(run):
    with pytest.raises(calipers.InvalidArgumentError, match="run "):
        calipers.connect("localhost:1", run=run)


def test_a_worker_whose_name_is_too_long():
    with pytest.raises(calipers.InvalidArgumentError, match="worker has 300 bytes"):
        calipers.connect("localhost:1", worker="w" * 300)


@pytest.mark.parametrize(
    "name", ["down_proj", "m/bias", "/input", "a b/input", "m" * 513 + "/input", "ä/input"]
)
def test_an_invalid_session_name(client, name):
    with pytest.raises(calipers.InvalidArgumentError, match="module"):
        client.session(name, args={})


def test_a_session_that_is_not_there(client):
    with pytest.raises(calipers.NotFoundError, match="give args to create it") as error:
        client.session(NAME)
    # The message has no advice about Python, because `calipers plot` prints it.
    assert "args" not in error.value.message
    assert NAME in error.value.message


def test_a_session_that_is_not_there_for_a_command(client, server, capsys, tmp_path):
    arguments = [NAME, "--server", server.address, "--run", client.run]
    assert main([*arguments, "-o", str(tmp_path / "p.svg")]) == 4
    said = capsys.readouterr().err
    assert "NOT_FOUND" in said
    assert NAME in said
    assert "args" not in said


def test_a_session_of_another_spec(client):
    client.session(NAME, args={"strategy": "token"})
    with pytest.raises(calipers.AlreadyExistsError, match="strategy is token, given tensor"):
        client.session(NAME, args={})


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"args": {"bits": 8}}, 'args has "bits"'),
        ({"args": {"strategy": "rows"}}, "args.strategy is 'rows'"),
        ({"args": {"strategy": "channel"}}, "channel"),
        ({"args": {"strategy": "group"}}, "group_size"),
        ({"args": {"num_bits": "eight"}}, "args.num_bits is 'eight'"),
        ({"args": {"observer_kwargs": {"decay": 1}}}, 'observer_kwargs has "decay"'),
        ({"args": {"observer": "minmax"}, "observer": "mse"}, "give only one observer"),
        ({"observer": "mse"}, "mse"),
        ({"args": {}, "arithmetic": "fast"}, "arithmetic is 'fast'"),
        ({"args": {}, "non_finite": "drop"}, "non_finite is 'drop'"),
        ({"args": {}, "weighting": "all"}, "weighting is 'all'"),
        ({"args": {}, "reduce_at": "gpu"}, "reduce_at is 'gpu'"),
    ],
)
def test_invalid_specs(client, options, message):
    with pytest.raises(calipers.InvalidArgumentError, match=message) as error:
        client.session(NAME, **options)
    assert isinstance(error.value, ValueError)


def test_a_progress_bar_that_is_none():
    with pytest.raises(calipers.InvalidArgumentError, match="progress is 'dots'"):
        calipers.connect("localhost:1", progress="dots")  # type: ignore[arg-type]


class Sharded(torch.Tensor):
    """Has what shows that a tensor is a DTensor."""

    def full_tensor(self) -> torch.Tensor:
        """Never called."""
        raise NotImplementedError


@pytest.mark.parametrize("reduce_at", ["worker", "server"])
@pytest.mark.parametrize(
    ("tensor", "message"),
    [
        (torch.zeros(2, 2, dtype=torch.bool), "dtype torch.bool is not observed"),
        (torch.zeros(2, 2, dtype=torch.complex64), "dtype torch.complex64"),
        (np.zeros((2, 2), np.uint16), "dtype uint16"),
        (np.zeros((2, 2), "datetime64[s]"), "dtype datetime64"),
        (np.array([["a"]], object), "dtype object"),
        (torch.zeros(2, 2).to_sparse(), r"layout torch.sparse_coo: observe tensor.to_dense\(\)"),
        (torch.zeros(2, 2, device="meta"), "on device meta, which holds no data: .*accelerate"),
        (torch.zeros(2, 2).as_subclass(Sharded), "is a DTensor, .*full_tensor"),
        ([[1.0, 2.0]], "tensor is a builtins.list"),
        (None, "tensor is a builtins.NoneType"),
        (np.float32(1), r"shape \[\] has rank 0"),
        (torch.zeros(3), r"shape \[3\] has rank 1"),
        (np.zeros((2, 3, 6), np.float32), r"not divisible by group_size 4 .* \(6 = 1 x 4 \+ 2\)"),
    ],
)
def test_tensors_that_cannot_be_observed(client, reduce_at, tensor, message):
    args = {"strategy": "group", "group_size": 4}
    session = client.session(NAME, args=args, reduce_at=reduce_at)
    with pytest.raises(calipers.InvalidArgumentError, match=message):
        session.observe(tensor, index=0)
    assert client.totals.observed == 0


def test_a_forgotten_index(client):
    session = client.session(NAME, args={})
    with pytest.raises(TypeError, match="index"):
        session.observe(ONES)  # type: ignore[call-arg]


@pytest.mark.parametrize("index", [-1, 1 << 48])
def test_an_index_that_cannot_be(client, index):
    session = client.session(NAME, args={})
    with pytest.raises(calipers.InvalidArgumentError, match=f"index {index} is not in"):
        session.observe(ONES, index=index)


def test_an_index_of_another_type(client):
    session = client.session(NAME, args={})
    session.observe(ONES, index=np.int64(0))
    session.observe(ONES, index=torch.tensor(1))
    assert session.progress().count == 2


def test_two_calibrations_under_one_run_name(server, client):
    client.session(NAME, args={}).observe(ONES, index=0)
    client.flush()
    with calipers.connect(server.address, run=client.run) as second:
        session = second.session(NAME, args={})
        session.observe(ONES, index=0)  # the same again is harmless
        session.observe(ONES, index=1)
        second.flush()
        session.observe(2 * ONES, index=0)
        with pytest.raises(calipers.RefusedError, match="two calibrations under one run name") as e:
            session.minmax()
        # The error is raised once.
        assert str(e.value).count("record") == 1
        assert str(e.value).startswith(
            "1 observation was refused:\n"
            f"  {NAME} at index 0 holds another record already, which stays\n("
        )
        # After the error, queries for the stored records succeed.
        assert session.minmax().max.item() == 1
        assert session.progress().conflict_count == 1


def test_conflicts_can_be_kept(server, client, caplog):
    client.session(NAME, args={}).observe(ONES, index=0)
    client.flush()
    with calipers.connect(server.address, run=client.run, on_conflict="keep") as restarted:
        session = restarted.session(NAME, args={})
        for index in (0, 1, 2):
            session.observe(2 * ONES, index=index)
        session.observe(3 * ONES, index=1)
        restarted.flush()
        assert session.minmax(observer="static_minmax").max.item() == 2
        assert session.minmax(observer="static_minmax", exclude=[1, 2]).max.item() == 1
        assert (restarted.totals.conflicts, restarted.totals.stored) == (2, 2)
        assert session.progress().conflict_count == 2
        # Other refusals are errors as before.
        session.observe(ONES.astype(np.float16), index=3)
        with pytest.raises(calipers.RefusedError, match="F16"):
            restarted.flush()
    (told,) = caplog.messages
    assert told.startswith(f"{NAME} at index 0 holds another record, which stays")
    with pytest.raises(calipers.InvalidArgumentError, match="on_conflict"):
        calipers.connect(server.address, on_conflict="drop")


def test_another_dtype_than_before(client):
    session = client.session(NAME, args={})
    session.observe(ONES, index=0)
    session.observe(ONES.astype(np.float16), index=1)
    with pytest.raises(calipers.RefusedError, match="F16"):
        client.flush()


def test_arguments_that_do_not_go_together(client):
    session = client.session(NAME, args={})
    session.observe(ONES, index=0)
    with pytest.raises(calipers.InvalidArgumentError, match="give only one of them"):
        session.qparams("W8A8", args={})
    with pytest.raises(calipers.InvalidArgumentError, match="W9A9"):
        session.qparams("W9A9")
    with pytest.raises(calipers.InvalidArgumentError, match="steps of 1"):
        session.minmax(exclude=[range(0, 9, 2)])
    with pytest.raises(calipers.InvalidArgumentError, match="no_such"):
        session.minmax(observer="no_such")


def test_a_closed_client(client):
    session = client.session(NAME, args={})
    client.close()
    client.close()
    for call in (
        lambda: session.observe(ONES, index=0),
        session.minmax,
        client.flush,
        client.sessions,
        lambda: client.session(NAME),
    ):
        with pytest.raises(calipers.FailedPreconditionError, match="the client is closed"):
            call()


def test_a_server_that_was_stopped(tmp_path):
    server = start_server(tmp_path)
    options = calipers.WindowOptions(max_attempts=2)
    client = calipers.connect(server.address, timeout=5, window=options)
    session = client.session(NAME, args={})
    session.observe(ONES, index=0)
    client.flush()
    server.stop()
    with pytest.raises(calipers.UnavailableError, match=server.address):
        session.minmax()
    session.observe(ONES, index=1)
    with pytest.raises(calipers.UnavailableError, match="gave up after 2 attempts with 1 obs"):
        client.flush()
    client.close()


WORKER = """
import signal, sys
from calipers._wire import observation_pb2 as wire
from calipers.connection import Connection
from calipers.stream import ReducedTensor, Sender, Window, WindowOptions

# A job in the background may have been started with it ignored.
signal.signal(signal.SIGINT, signal.default_int_handler)
connection = Connection(sys.argv[1], 20)
window = Window(WindowOptions(observations=10, linger_seconds=0))
sender = Sender(connection, window, "w")
for index in range(100):
    header = wire.ObservationHeader(session="s", index=index)
    window.put(ReducedTensor(wire.ReducedObservation(header=header)))
"""


def test_a_keyboard_interrupt_while_sending():
    service = FakeService(Plan(silent=True))
    server, address = serve(service)
    path = os.pathsep.join([str(TOP / "client" / "python" / "src"), *sys.path])
    process = subprocess.Popen(
        [sys.executable, "-c", WORKER, address],
        env={**os.environ, "PYTHONPATH": path},
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        # The window is full, so the next call of put waits.
        for _ in range(10):
            assert service.received.acquire(timeout=20)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=20)
        assert errors.rstrip().endswith("KeyboardInterrupt"), errors
        assert process.returncode == -signal.SIGINT
    finally:
        process.kill()
        server.stop(None).wait()
