"""Errors for invalid arguments name the field, the given value and the allowed values."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import calipers

NAME = "model.layers.0.mlp.down_proj/input"
ONES = np.ones((2, 4), np.float32)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"address": 50051}, r"address is 50051 \(allowed: a str\)"),
        ({"address": ("127.0.0.1", 50051)}, r"address is \('127.0.0.1', 50051\)"),
        ({"address": "localhost:65536"}, r"has port 65536 \(allowed: 1 to 65535\)"),
        ({"address": "localhost:0"}, r"has port 0 \(allowed: 1 to 65535\)"),
        ({"run": 3}, r"run is 3 \(allowed: a str\)"),
        ({"worker": 3}, r"worker is 3 \(allowed: a str\)"),
        ({"timeout": -1}, r"timeout is -1 \(allowed: seconds above 0\)"),
        ({"timeout": 0}, r"timeout is 0 \(allowed: seconds above 0\)"),
        ({"timeout": "x"}, r"timeout is 'x' \(allowed: seconds above 0\)"),
        ({"timeout": None}, r"timeout is None \(allowed: seconds above 0\)"),
        ({"timeout": float("nan")}, r"timeout is nan \(allowed: seconds above 0\)"),
        ({"reduce_at": "gpu"}, r"reduce_at is 'gpu' \(allowed: \"worker\", \"server\"\)"),
        ({"window": 5}, r"window is 5 \(allowed: calipers.WindowOptions\)"),
        ({"progress": 5}, "progress is 5"),
    ],
)
def test_of_connect(arguments: dict[str, Any], message: str):
    # No server listens there, so the error comes before any connection.
    with pytest.raises(calipers.InvalidArgumentError, match=message):
        calipers.connect(**{"address": "localhost:1", **arguments})


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"observations": 0}, "window.observations 0 is not in 1 to"),
        ({"held_bytes": -1}, "window.held_bytes -1 is not in 1 to"),
        ({"held_bytes": 1.5}, r"window.held_bytes is 1.5 \(allowed: an int\)"),
        ({"max_attempts": 0}, "window.max_attempts 0 is not in 1 to"),
        ({"linger_seconds": -1}, r"window.linger_seconds is -1 \(allowed: seconds from 0 on\)"),
        ({"idle_seconds": "x"}, "window.idle_seconds is 'x'"),
        ({"first_pause_seconds": None}, "window.first_pause_seconds is None"),
    ],
)
def test_of_the_window(arguments: dict[str, Any], message: str):
    with pytest.raises(calipers.InvalidArgumentError, match=message):
        calipers.WindowOptions(**arguments)


@pytest.mark.parametrize("index", [1.5, None, True, "0"])
def test_an_index_that_is_no_integer(client: calipers.Client, index: Any):
    session = client.session(NAME, args={})
    with pytest.raises(calipers.InvalidArgumentError, match=f"index is {index!r} .allowed: an int"):
        session.observe(ONES, index=index)
    assert client.totals.observed == 0


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ([8], r"args is \[8\] \(allowed: QuantizationArgs, or a mapping with the same names\)"),
        ([], r"args is \[\]"),
        ("W8A8", "args is 'W8A8'"),
        ({"symmetric": "false"}, r"args.symmetric is 'false' \(allowed: True, False\)"),
        ({"symmetric": 1}, "args.symmetric is 1"),
        ({"num_bits": "8"}, "args.num_bits is '8'"),
        ({"num_bits": True}, "args.num_bits is True"),
        ({"scale_dtype": object()}, "args"),
    ],
)
def test_of_quantization_args(client: calipers.Client, args: Any, message: str):
    with pytest.raises(calipers.InvalidArgumentError, match=message):
        client.session(NAME, args=args)
    session = client.session(NAME, args={})
    session.observe(ONES, index=0)
    with pytest.raises(calipers.InvalidArgumentError, match=message):
        session.qparams(args=args)


def test_numbers_of_numpy_are_numbers(client: calipers.Client):
    args = {"num_bits": np.int64(4), "strategy": "group", "group_size": np.int32(2)}
    session = client.session(NAME, args=args)
    session.observe(ONES, index=np.uint8(0))
    found = session.qparams(args=args)
    assert found.args is not None
    assert found.args["group_size"] == session.args["group_size"] == 2


@pytest.mark.parametrize(
    ("question", "message"),
    [
        ({"fuse": "qkv"}, r'fuse is .qkv. \(allowed: groups .* such as \[\("query", "key", "value'),
        ({"fuse": ("qkv",)}, "a group in fuse is 'qkv'"),
        ({"fuse": ("query", "key")}, "a group in fuse is 'query'"),
        ({"fuse": [("query", 3)]}, r"a group in fuse is \('query', 3\)"),
        ({"fuse": 3}, "fuse is 3"),
        ({"fuse": {"*.1.*": ("query", "key")}}, "a group in fuse is 'query'"),
        ({"fuse": {1: [("query", "key")]}}, "fuse has the key 1; groups of last parts"),
        ({"fusion": "always"}, r"fusion is 'always' \(allowed: \"known\", \"declared\", \"none\""),
        ({"fusion": None}, "fusion is None"),
        ({"peers_behind": 3}, r"peers_behind is 3 \(allowed: parts of module names, such as"),
        ({"peers_behind": [3]}, r"peers_behind is \[3\]"),
        ({"scheme": {"num_bits": 4}}, r"scheme is {'num_bits': 4} .*; or give args\)"),
        ({"exclude": 3}, r"exclude is 3 \(allowed: indices and ranges of indices"),
        ({"exclude": "3"}, "exclude is '3'"),
        ({"exclude": [3, "a"]}, "an index in exclude is 'a'"),
        ({"exclude": [True]}, "an index in exclude is True"),
        ({"exclude": [-1]}, "an index in exclude -1 is not in 0 to"),
        ({"timeout": -1}, r"timeout is -1 \(allowed: seconds from 0 on\)"),
        ({"timeout": "x"}, "timeout is 'x'"),
    ],
)
def test_of_questions(client: calipers.Client, question: dict[str, Any], message: str):
    session = client.session(NAME, args={})
    session.observe(ONES, index=0)
    for ask in (session.qparams, client.qparams):
        with pytest.raises(calipers.InvalidArgumentError, match=message):
            ask(**question)
    assert session.progress().count == 1


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda client: client.session(3), r"session is 3 \(allowed: a str\)"),
        (lambda client: client.sessions(3), r"pattern is 3 \(allowed: a str\)"),
        (lambda client: client.minmax(3), r"sessions is 3 \(allowed: a pattern, or names"),
        (lambda client: client.minmax([3]), r"sessions is \[3\]"),
        (lambda client: client.minmax(observer=3), "observer is 3"),
        (lambda client: client.minmax(averaging_constant="x"), "averaging_constant is 'x'"),
        (lambda client: client.wait("", "x"), r"count is 'x' \(allowed: an int\)"),
        (lambda client: client.wait("", -1), "count -1 is not in 0 to"),
        (lambda client: client.seal("", 1.5), r"count is 1.5 \(allowed: an int\)"),
        (lambda client: client.seal(3), r"pattern is 3 \(allowed: a str\)"),
        (lambda client: client.session(NAME).wait(None), "count is None"),
        (lambda client: client.session(NAME).seal("x"), "count is 'x'"),
        (lambda client: client.session(NAME).seal(0), "count is 0"),
        (lambda client: client.flush(-1), "timeout is -1"),
        (lambda client: client.flush("x"), "timeout is 'x'"),
    ],
)
def test_of_calls(client: calipers.Client, ask: Callable[[Any], object], message: str):
    client.session(NAME, args={}).observe(ONES, index=0)
    with pytest.raises(calipers.InvalidArgumentError, match=message):
        ask(client)


def test_peers_behind_may_be_a_single_name(client: calipers.Client):
    for expert in range(2):
        session = client.session(f"mlp.experts.{expert}.up_proj/input", args={})
    client.session("mlp.experts.0.up_proj/input").observe(ONES, index=0)
    assert session.qparams(peers_behind="experts").fallback_sessions == (
        "mlp.experts.0.up_proj/input",
    )
