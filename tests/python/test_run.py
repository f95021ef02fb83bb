"""Queries for many sessions give the same answers as queries for each session."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import grpc
import numpy as np
import pytest

import calipers
from calipers import pages
from calipers.connection import BATCH_GET_MIN_MAX, GET_MIN_MAX, Connection
from calipers.deadline import Deadline
from calipers.run import Run
from server_process import ServerProcess
from serving import delete_session

WEIGHT = {"strategy": "tensor_group", "group_size": 16, "num_bits": 4, "type": "float"}
PROJECTIONS = ("q_proj", "k_proj", "v_proj", "query", "key", "value", "up_proj")
BATCHES = 5


@pytest.fixture
def run(client: calipers.Client) -> list[str]:
    """A run with fused weights, experts without data, NaN and sessions without observations. Its
    sessions are in reverse order, including a session that does not exist."""
    rng = np.random.default_rng(22)

    def tensor(*shape: int) -> np.ndarray:
        return rng.normal(size=shape).astype(np.float32)

    for layer in range(2):
        for part in PROJECTIONS:
            # gate_proj of its group does not exist; key of the second layer has no data.
            session = client.session(f"layers.{layer}.attention.{part}/weight", args=WEIGHT)
            if (layer, part) != (1, "key"):
                session.observe(tensor(4, 32), index=0)
        for expert in range(3):
            name = f"layers.{layer}.mlp.experts.{expert}.down_proj/input"
            session = client.session(name, args={"symmetric": False})
            for index in range(BATCHES):
                seen = 0 if expert == layer else 3
                session.observe(tensor(1, seen, 8), index=index)
    client.session("head/input", args={"strategy": "token"}).observe(tensor(2, 6, 4), index=3)
    broken = client.session("nan/input", args={})
    broken.observe(np.array([[1, np.nan]], np.float32), index=0)
    client.session("unseen/input", args={})
    client.flush()
    names = [row.session for row in client.sessions()]
    assert len(names) == 2 * (len(PROJECTIONS) + 3) + 3
    return [*reversed(names), "layers.7.absent/input"]


def one_by_one(names: list[str], ask: Callable[[str], Any]) -> Iterator[tuple[str, Any]]:
    for name in names:
        try:
            yield name, ask(name)
        except calipers.CalipersError as error:
            yield name, (type(error), error.code, error.message)


def outcomes(found: calipers.Answers[Any]) -> dict[str, Any]:
    return dict(one_by_one(list(found), lambda name: found[name]))


@pytest.fixture
def sessions(
    server: ServerProcess, client: calipers.Client, run: list[str]
) -> dict[str, calipers.Session]:
    """The run's sessions by name. The session that does not exist was deleted after it was
    opened."""
    there = {name: client.session(name) for name in run[:-1]}
    gone = client.session(run[-1], args={})
    delete_session(server.address, client.run, gone.name)
    return {**there, gone.name: gone}


@pytest.mark.parametrize("page", [3, 100])
@pytest.mark.parametrize(
    "question",
    [
        {},
        {"observer": "static_minmax"},
        {"averaging_constant": 0.5, "exclude": [1, range(3, 9)]},
        {"observer": "no_such"},
    ],
    ids=str,
)
def test_ranges_equal_those_of_single_calls(client, run, sessions, question, page, monkeypatch):
    monkeypatch.setattr(pages, "PAGE", page)
    found = client.minmax(run, **question)
    assert list(found) == run
    assert outcomes(found) == dict(one_by_one(run, lambda name: sessions[name].minmax(**question)))
    assert found.errors.keys() >= {"unseen/input", "layers.7.absent/input"}


@pytest.mark.parametrize("page", [3, 100])
@pytest.mark.parametrize(
    "question",
    [
        {},
        {"scheme": "NVFP4"},
        {"scheme": "NVFP4", "fusion": "none", "peers_behind": ["experts"]},
        {"fuse": [("query", "key", "value")], "peers_behind": ["experts"]},
        {"fusion": "declared", "fuse": [("query", "value")]},
        {"args": {"num_bits": 4, "strategy": "tensor"}, "exclude": [range(2)]},
        {"scheme": "W9A9"},
    ],
    ids=str,
)
def test_qparams_equal_those_of_single_calls(client, run, sessions, question, page, monkeypatch):
    monkeypatch.setattr(pages, "PAGE", page)
    found = client.qparams(run, **question)
    assert list(found) == run
    assert outcomes(found) == dict(one_by_one(run, lambda name: sessions[name].qparams(**question)))


def test_the_queries_above_cover_fusion_peers_and_errors(client, run):
    """Checks that the queries above include fused sessions, fallbacks to peers and errors."""
    found = client.qparams(run, fuse=[("query", "key", "value")], peers_behind=["experts"])
    assert len(found["layers.0.attention.k_proj/weight"].fused_sessions) == 3
    assert len(found["layers.1.mlp.experts.1.down_proj/input"].fallback_sessions) == 2
    kinds = {name: type(error) for name, error in found.errors.items()}
    assert kinds == {
        "layers.7.absent/input": calipers.NotFoundError,
        "unseen/input": calipers.FailedPreconditionError,
        "nan/input": calipers.FailedPreconditionError,
        **{
            f"layers.1.attention.{part}/weight": calipers.FailedPreconditionError
            for part in ("query", "key", "value")
        },
    }
    alone = client.qparams(run).errors
    assert isinstance(alone["layers.1.mlp.experts.1.down_proj/input"], calipers.CalipersError)
    bad = client.qparams(run, "W9A9")
    assert all(isinstance(bad.errors[name], calipers.InvalidArgumentError) for name in run[:-1])


def test_qparams_without_some_records(client):
    session = client.session("m/input", args={}, observer="static_minmax")
    for index, end in enumerate((1, 8, 2)):
        session.observe(np.full((1, 4), end, np.float32), index=index)
    (found,) = client.qparams(exclude=[1]).values()
    # Symmetric, 8 bits: the largest magnitude divided by 127.5.
    assert found.scale is not None
    assert found.scale.item() == np.float32(2 / 127.5)


def test_a_pattern_asks_for_what_matches(client, run):
    assert list(client.minmax("layers.?.mlp.*/input")) == sorted(
        name for name in run if ".experts." in name
    )
    assert list(client.qparams("*/weight", "NVFP4")) == sorted(
        name for name in run if name.endswith("/weight")
    )
    assert len(client.minmax()) == len(run) - 1


def test_a_pattern_that_matches_nothing(client, run):
    for ask in (
        lambda: client.minmax("NVFP4"),
        lambda: client.qparams("NVFP4"),
        lambda: client.wait("NVFP4", 1),
    ):
        with pytest.raises(calipers.NotFoundError, match=r'no session of run ".*" matches "NVFP4"'):
            ask()
    with pytest.raises(calipers.NotFoundError, match="nothing was sealed"):
        client.seal("NVFP4")


def test_a_run_that_has_no_session(client):
    with pytest.raises(calipers.NotFoundError, match="has no session"):
        client.minmax()
    assert dict(client.minmax([])) == dict(client.qparams([])) == client.wait([], 5) == {}


def test_names_are_looked_at_and_asked_once(client, run, calls, monkeypatch):
    monkeypatch.setattr(pages, "PAGE", 3)
    found = client.minmax([*run[:3], *run[:3]])
    assert list(found) == run[:3]
    with pytest.raises(calipers.InvalidArgumentError, match='session "down_proj" is not'):
        client.minmax(["down_proj"])
    assert calls == {"BatchGetMinMax": 1}


def test_the_number_of_calls(client, run, calls, monkeypatch):
    client.minmax()
    client.qparams(run)
    assert calls == {"ListSessions": 1, "BatchGetMinMax": 1, "BatchGetQParams": 1}
    calls.clear()
    monkeypatch.setattr(pages, "PAGE", 10)
    client.minmax(run)
    client.qparams(run)
    assert calls == {"BatchGetMinMax": 3, "BatchGetQParams": 3}


def test_arguments_that_do_not_go_together(client):
    with pytest.raises(calipers.InvalidArgumentError, match="give only one of them"):
        client.qparams([], "W8A8", args={})
    with pytest.raises(calipers.InvalidArgumentError, match="steps of 1"):
        client.minmax([], exclude=[range(0, 9, 2)])


def test_questions_wait_for_what_is_on_its_way(client):
    sessions = [client.session(f"m.{number}/input", args={}) for number in range(3)]
    questions = (client.minmax, client.qparams, lambda: client.wait("", 3), client.seal)
    for index, ask in enumerate(questions):
        for session in sessions:
            session.observe(np.ones((1, 4), np.float32), index=index)
        assert len(ask()) == 3
        assert [row.count for row in client.sessions()] == [index + 1] * 3


def test_wait_is_for_all_of_them(server, client):
    names = [f"m.{number}/input" for number in range(3)]
    with calipers.connect(server.address, run=client.run, worker="other") as other:
        sessions = [other.session(name, args={}) for name in names]
        found: list[dict[str, calipers.Progress]] = []
        waiting = threading.Thread(target=lambda: found.append(client.wait(names, 2)))
        waiting.start()
        for index in range(2):
            for session in sessions:
                # All records of the last session are empty: it has no range, and its records count.
                tokens = 0 if session is sessions[2] else 2
                session.observe(np.ones((tokens, 4), np.float32), index=index)
        other.flush()
        waiting.join(20)
    assert list(found[0]) == names
    assert [one.count for one in found[0].values()] == [2, 2, 2]
    assert [one.folded_count for one in found[0].values()] == [2, 2, 0]


def test_wait_is_over_after_its_timeout(client, monkeypatch):
    monkeypatch.setattr(pages, "PAGE", 2)
    for number in range(5):
        session = client.session(f"m.{number}/input", args={})
        for index in range(1 if number == 3 else 2):
            session.observe(np.ones((1, 4), np.float32), index=index)
    expected = "(does not|not all of .* from m.[024]/input on) hold 2 records: "
    with pytest.raises(calipers.DeadlineExceededError, match=expected):
        client.wait("*/input", 2, timeout=0.05)
    assert client.wait("m.?/input", 1).keys() == {row.session for row in client.sessions()}
    late = [f"m.{number}/input" for number in (0, 1, 2, 4)]
    assert [one.count for one in client.wait(late, 2).values()] == [2, 2, 2, 2]


def test_wait_refuses_missing_sessions_at_once(client):
    client.session("m/input", args={}).observe(np.ones((1, 4), np.float32), index=0)
    message = "^n/input does not hold 1 record: .*n/input.* \\(nor do o/weight\\)$"
    with pytest.raises(calipers.NotFoundError, match=message):
        client.wait(["m/input", "n/input", "o/weight"], 1)


class Leaving:
    """A connection to a server that stops during a page and comes back."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def call(self, method: Any, request: Any, timeout: float | None = None) -> Any:
        self.asked.append(method.name)
        if method is BATCH_GET_MIN_MAX:
            answer = method.response()
            answer.results.add().min_max.progress.count = 1
            for _ in request.names[1:]:
                answer.results.add().status.code = grpc.StatusCode.UNAVAILABLE.value[0]
            return answer
        assert request.name.startswith("runs/r/sessions/m.")
        if method is GET_MIN_MAX and request.name.endswith("m.2/input"):
            raise calipers.FailedPreconditionError("all is empty")
        return method.response(progress={"count": 5})


def test_a_server_that_goes_while_it_is_waited_for_is_asked_again():
    connection = Leaving()
    found = Run(connection, "r").wait(  # type: ignore[arg-type]
        [f"m.{number}/input" for number in range(3)], 1, Deadline(None)
    )
    assert [one.count for one in found.values()] == [1, 5, 5]
    assert connection.asked == ["BatchGetMinMax", "GetMinMax", "GetMinMax", "GetSession"]


def test_seal_seals_each_session_by_itself(client):
    for name, count in (("a/input", 2), ("b/input", 3), ("b/weight", 1)):
        session = client.session(name, args={})
        for index in range(count):
            session.observe(np.ones((1, 4), np.float32), index=index)
    with pytest.raises(calipers.FailedPreconditionError) as error:
        client.seal("*/input", 3)
    assert error.value.message.startswith("a/input is not sealed: of records 0 to 2")
    assert "nor are" not in error.value.message
    assert [row.sealed for row in client.sessions()] == [None, 3, None]
    assert client.seal() == {"a/input": 2, "b/input": 3, "b/weight": 1}
    assert client.seal("b", None) == {"b/input": 3, "b/weight": 1}
    with pytest.raises(calipers.FailedPreconditionError, match="nor are b/input, b/weight"):
        client.seal(count=9)


def test_a_timeout_is_for_all_pages_together(client, run, monkeypatch):
    monkeypatch.setattr(pages, "PAGE", 2)
    given: list[float | None] = []
    call = Connection.call

    def noted(self: Connection, method: Any, request: Any, timeout: float | None = None) -> Any:
        given.append(timeout)
        return call(self, method, request, timeout)

    monkeypatch.setattr(Connection, "call", noted)
    client.minmax(run, timeout=20)
    assert len(given) == len(run) // 2
    assert all(seconds is not None for seconds in given)
    assert given == sorted(given, reverse=True)
    assert given[-1] < given[0] <= 20
    given.clear()
    client.qparams(run)
    assert set(given) == {None}


def test_refused_observations_are_said_by_a_question(client, run):
    client.session("head/input").observe(np.ones((2, 6, 4), np.float32), index=3)
    with pytest.raises(calipers.RefusedError, match="two calibrations"):
        client.minmax(run)
    assert len(client.minmax(run)) == len(run)
