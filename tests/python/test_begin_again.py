"""Resetting and deleting sessions."""

from __future__ import annotations

import numpy as np
import pytest

import calipers

NAME = "model.layers.0.mlp.down_proj/input"
ONES = np.ones((2, 4), np.float32)


@pytest.fixture
def names(client: calipers.Client) -> list[str]:
    """Sessions with one record each. The last records are not acknowledged yet."""
    names = [f"layers.{layer}/{base}" for layer in range(3) for base in ("input", "weight")]
    for name in names:
        client.session(name, args={}).observe(ONES, index=0)
    return names


def left(client: calipers.Client) -> list[str]:
    return [row.session for row in client.sessions()]


def test_a_session_that_is_reset_takes_other_records(client):
    session = client.session(NAME, args={"strategy": "token"}, observer="static_minmax")
    session.observe(ONES, index=0)
    session.observe(3 * ONES, index=1)
    session.seal(2)
    session.reset()
    assert session.progress().count == 0
    assert client.sessions()[0].sealed is None
    session.observe(2 * ONES, index=0)
    assert session.minmax().max.numpy().tolist() == [2.0, 2.0]
    assert client.session(NAME).args == session.args


def test_reset_drops_what_was_on_its_way(client):
    session = client.session(NAME, args={})
    session.observe(ONES, index=0)
    session.reset()
    assert session.progress().count == 0
    assert client.totals.acknowledged == 1


def test_a_conflict_is_told_before_anything_is_dropped(client):
    session = client.session(NAME, args={})
    session.observe(ONES, index=0)
    session.observe(2 * ONES, index=0)
    with pytest.raises(calipers.RefusedError, match=r"or session.reset\(\)"):
        session.reset()
    assert session.progress().count == 1
    session.reset()
    session.observe(2 * ONES, index=0)
    assert session.minmax().max.item() == 2


@pytest.mark.parametrize(
    ("which", "gone"),
    [
        ("layers.0", [0, 1]),
        ("layers.0/input", [0]),
        ("*/weight", [1, 3, 5]),
        ("layers.[12]/*", []),
        ("layers.?", [0, 1, 2, 3, 4, 5]),
        (["layers.2/weight", "layers.0/input", "layers.2/weight"], [5, 0]),
        ([], []),
    ],
)
def test_delete(client, names, which, gone):
    if isinstance(which, str) and not gone:
        with pytest.raises(calipers.NotFoundError, match="no session of run"):
            client.delete(which)
    else:
        assert client.delete(which) == [names[place] for place in gone]
    assert left(client) == [name for place, name in enumerate(names) if place not in gone]


@pytest.mark.parametrize("pattern", ["", "*", "**", "*/*", "?*", "/"])
def test_wildcards_alone_delete_nothing(client, names, pattern):
    with pytest.raises(calipers.InvalidArgumentError, match=r"use delete_run\(\) to delete it"):
        client.delete(pattern)
    assert left(client) == names


def test_delete_has_no_default(client):
    with pytest.raises(TypeError, match="sessions"):
        client.delete()
    with pytest.raises(calipers.InvalidArgumentError, match="sessions is None"):
        client.delete(None)


def test_what_cannot_be_deleted_is_named_once_the_others_are_gone(client, names):
    message = r"^a/input is not deleted: .*a/input.* \(nor are b/input\)$"
    with pytest.raises(calipers.NotFoundError, match=message):
        client.delete(["a/input", names[0], "b/input"])
    assert left(client) == names[1:]
    with pytest.raises(calipers.InvalidArgumentError, match="session"):
        client.delete([names[1], "no_base_name"])
    assert left(client) == names[1:]


def test_a_session_that_was_deleted_is_not_there(client):
    session = client.session(NAME, args={})
    session.observe(ONES, index=0)
    client.delete([NAME])
    for ask in (session.minmax, session.reset, session.seal):
        with pytest.raises(calipers.NotFoundError):
            ask()
    # The session can be created again with another spec.
    again = client.session(NAME, args={"strategy": "token"})
    again.observe(ONES, index=0)
    assert again.minmax().min.shape == (2,)


def test_delete_run_leaves_other_runs(client, server, names):
    with calipers.connect(server.address, run=f"{client.run[-100:]}-other") as other:
        other.session(NAME, args={}).observe(ONES, index=0)
        other.flush()
        client.delete_run()
        assert left(client) == []
        assert left(other) == [NAME]
        with pytest.raises(calipers.NotFoundError):
            client.delete_run()
        other.delete_run()
