"""Clients in processes that did not make them."""

from __future__ import annotations

import os
import pickle
import traceback
from collections.abc import Callable

import numpy as np
import pytest

import calipers

NAME = "model.layers.0.mlp.down_proj/input"
ONES = np.ones((2, 4), np.float32)


def in_a_child(do: Callable[[], object]) -> None:
    """Runs `do` in a forked child, and fails if it fails there or takes a minute."""
    child = os.fork()
    if child == 0:
        try:
            import signal

            signal.alarm(60)
            do()
            os._exit(0)
        except BaseException:
            traceback.print_exc()
            os._exit(1)
    assert os.waitpid(child, 0)[1] == 0


def test_every_call_of_a_forked_child_raises_at_once(client):
    session = client.session(NAME, args={})
    session.observe(ONES, index=0)

    def leave_block() -> None:
        with client:
            pass

    calls = (
        lambda: session.observe(ONES, index=1),
        session.minmax,
        session.qparams,
        session.progress,
        session.series,
        lambda: client.session(NAME),
        client.sessions,
        client.flush,
        lambda: client.totals,
        client.close,
        leave_block,
    )

    def check() -> None:
        for call in calls:
            with pytest.raises(calipers.FailedPreconditionError, match="forked from it: call"):
                call()

    in_a_child(check)
    # The parent goes on.
    session.observe(ONES, index=1)
    assert client.flush().stored == 2


def test_an_exception_in_a_childs_block_stays_visible(client):
    def check() -> None:
        with pytest.raises(ZeroDivisionError), client:
            1 / 0  # noqa: B018

    in_a_child(check)


def test_a_child_that_drops_the_client_ends(client):
    held = [client]

    def check() -> None:
        held.clear()

    in_a_child(check)


def test_a_child_can_connect(server, client):
    def check() -> None:
        with calipers.connect(server.address, run=client.run) as own:
            own.session(NAME, args={}).observe(ONES, index=7)

    in_a_child(check)
    assert client.session(NAME).progress().count == 1


def test_pickling_says_what_to_do(client):
    for one in (client, client.session(NAME, args={})):
        with pytest.raises(TypeError, match=r"cannot be pickled.*calipers\.connect"):
            pickle.dumps(one)
