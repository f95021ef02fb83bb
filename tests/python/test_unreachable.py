"""Unreachable servers: timeouts and errors of the client."""

from __future__ import annotations

import gc
import os
import signal
import socket
import time
import warnings
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

import calipers
from server_process import fixed_address, start_server

NAME = "model.layers.0.mlp.down_proj/input"
ONES = np.ones((2, 4), np.float32)

Ask = Callable[[calipers.Client, calipers.Session], object]

QUESTIONS: list[Ask] = [
    lambda _, session: session.minmax(),
    lambda _, session: session.qparams(),
    lambda _, session: session.progress(),
    lambda _, session: session.wait(1),
    lambda _, session: session.seal(),
    lambda _, session: session.series(),
    lambda _, session: session.plot(),
    lambda client, _: client.sessions(),
    lambda client, _: client.minmax([NAME]),
    lambda client, _: client.qparams([NAME]),
    lambda client, _: client.wait([NAME], 1),
    lambda client, _: client.seal(),
    lambda client, _: client.plot(),
]


@pytest.fixture
def gone(tmp_path: Path) -> Iterator[tuple[calipers.Client, calipers.Session, str]]:
    """A client with an unacknowledged observation for a server that was killed."""
    server = start_server(tmp_path)
    client = calipers.connect(server.address, timeout=0.5)
    session = client.session(NAME, args={})
    server.stop(signal.SIGKILL)
    session.observe(ONES, index=0)
    yield client, session, server.address
    client.close()


@pytest.mark.parametrize("ask", QUESTIONS)
def test_the_clients_timeout_holds_for_what_is_to_be_sent_before(gone, ask):
    client, session, address = gone
    with pytest.raises(calipers.DeadlineExceededError) as error:
        ask(client, session)
    message = error.value.message
    assert message.startswith("1 observation is not acknowledged after 0.", message.index("1 obs"))
    assert f"the server at {address} is not reachable: " in message
    assert client.totals.acknowledged == 0


def test_a_query_timeout_gives_the_reason(tmp_path):
    server = start_server(tmp_path)
    with calipers.connect(server.address, timeout=0.5) as client:
        session = client.session(NAME, args={})
        server.stop(signal.SIGKILL)
        expected = f"{server.address} gave no answer within 0[.]\\d+ s: .*Connection refused"
        with pytest.raises(calipers.DeadlineExceededError, match=expected):
            session.minmax()


def test_flush_has_a_timeout_if_one_is_given(gone):
    client, _, address = gone
    with pytest.raises(calipers.DeadlineExceededError, match=f"{address} is not reachable"):
        client.flush(0.3)


def test_a_server_that_gives_no_answer(tmp_path):
    server = start_server(tmp_path)
    with calipers.connect(server.address, timeout=0.3) as client:
        session = client.session(NAME, args={})
        server.process.send_signal(signal.SIGSTOP)
        # The client keeps trying until the timeout.
        os.waitid(os.P_PID, server.process.pid, os.WSTOPPED | os.WNOWAIT)
        expected = f"{server.address} gave no answer within 0[.]\\d+ s"
        try:
            with pytest.raises(calipers.DeadlineExceededError, match=expected):
                session.minmax()
        finally:
            server.process.send_signal(signal.SIGCONT)
    server.stop()


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        (fixed_address(), "Connection refused"),
        ("no-such-host.invalid:50051", "no-such-host.invalid"),
        ("unix:/nowhere/calipers.sock", "No such file or directory"),
    ],
)
def test_why_nobody_answers(address, reason, caplog):
    with pytest.raises(calipers.UnavailableError, match=f"within 0.5 s: .*{reason}.*; is calipers"):
        calipers.connect(address, timeout=0.5)
    # No warning is logged, because the error says the same.
    assert caplog.records == []


def test_a_refused_connection_fails_long_before_the_timeout():
    begin = time.monotonic()
    with pytest.raises(calipers.UnavailableError, match=r"within 2 s: .*Connection refused"):
        calipers.connect(fixed_address(), timeout=60)
    assert time.monotonic() - begin < 30


@pytest.fixture
def silent() -> Iterator[str]:
    """The address of a server that accepts connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield f"127.0.0.1:{listening.getsockname()[1]}"


def test_waiting_for_a_silent_server_is_told(monkeypatch, caplog, silent):
    monkeypatch.setattr(calipers.connection, "_PATIENT_SECONDS", 0.3)
    with pytest.raises(calipers.UnavailableError, match=r"within 0\.9 s"):
        calipers.connect(silent, timeout=0.9)
    (told,) = caplog.records
    assert told.levelname == "WARNING"
    assert f"no server answers at {silent} yet: the host is silent" in told.message


def test_a_client_that_reported_giving_up_does_not_warn_again(tmp_path):
    server = start_server(tmp_path)
    options = calipers.WindowOptions(max_attempts=2)
    client = calipers.connect(server.address, timeout=5, window=options)
    session = client.session(NAME, args={})
    server.stop(signal.SIGKILL)
    session.observe(ONES, index=0)
    with pytest.raises(calipers.UnavailableError, match="gave up after 2 attempts with 1 obs"):
        client.flush()
    gone = weakref.ref(client)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        del client, session
        gc.collect()
    assert gone() is None
    assert [one for one in said if one.category is RuntimeWarning] == []
