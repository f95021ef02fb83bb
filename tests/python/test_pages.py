"""Answers in pages, from servers that can return only some answers in a call."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

import calipers
from calipers import pages
from calipers.pages import Answers, ask_in_pages, joint_error

NAMES = [f"m.{number}/input" for number in range(30)]


class Server:
    """A server whose answers have sizes. A call returns as many answers as fit, at least one."""

    def __init__(self, sizes: dict[str, int], room: int, errors: Sequence[str]) -> None:
        self.sizes, self.room, self.errors = sizes, room, set(errors)
        self.calls: list[list[str]] = []

    def ask(self, page: Sequence[str]) -> list[int | calipers.CalipersError]:
        self.calls.append(list(page))
        results: list[int | calipers.CalipersError] = []
        taken = 0
        for name in page:
            if taken > self.room:
                results.append(calipers.ResourceExhaustedError("full"))
            elif name in self.errors:
                results.append(calipers.NotFoundError(name))
            else:
                taken += self.sizes[name]
                results.append(self.sizes[name])
        return results


@given(
    st.lists(st.sampled_from(NAMES), unique=True),
    st.lists(st.integers(0, 9), min_size=30, max_size=30),
    st.integers(0, 20),
    st.sets(st.sampled_from(NAMES)),
    st.integers(1, 7),
)
def test_every_session_is_asked_until_there_is_room_for_it(asked, sizes, room, errors, page):
    server = Server(dict(zip(NAMES, sizes, strict=True)), room, sorted(errors))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pages, "PAGE", page)
        found = ask_in_pages(asked, server.ask)
    assert list(found) == asked
    assert found.errors.keys() == errors & set(asked)
    for name in asked:
        if name in errors:
            assert found.errors[name].message == name
        else:
            assert found[name] == server.sizes[name]
    assert all(0 < len(call) <= page for call in server.calls)
    if sum(server.sizes[name] for name in asked) <= room:
        assert len(server.calls) == -(-len(asked) // page)


def test_a_session_without_room_in_any_page_is_an_error(monkeypatch):
    monkeypatch.setattr(pages, "PAGE", 3)
    calls: list[Sequence[str]] = []

    def ask(page: Sequence[str]) -> list[int | calipers.CalipersError]:
        calls.append(page)
        return [
            calipers.ResourceExhaustedError("no slot") if name.endswith("1/input") else 1
            for name in page
        ]

    found = ask_in_pages(NAMES[:5], ask)
    assert [name for name in found if name not in found.errors] == [
        name for name in NAMES[:5] if name != "m.1/input"
    ]
    assert found.errors["m.1/input"].message == "no slot"
    assert [len(call) for call in calls] == [3, 3, 1]


def test_looking_up_a_failed_answer_raises_its_error():
    missing = calipers.NotFoundError("no b")
    found = Answers({"a/input": 1, "b/input": missing})
    assert found["a/input"] == 1
    assert found.errors == {"b/input": missing}
    assert list(found) == ["a/input", "b/input"]
    assert "b/input" in found
    assert repr(found) == "Answers(2 sessions, 1 without an answer)"
    for look in (
        lambda: found["b/input"],
        lambda: found.get("b/input"),
        lambda: list(found.values()),
        lambda: dict(found),
    ):
        with pytest.raises(calipers.NotFoundError, match="no b"):
            look()


def test_a_session_that_was_not_asked_is_no_key():
    found = Answers({"a/input": 1})
    assert "c/input" not in found
    assert found.get("c/input") is None
    with pytest.raises(KeyError):
        found["c/input"]
    assert (dict(found), repr(found)) == ({"a/input": 1}, "Answers(1 sessions)")


def test_one_error_names_all():
    errors = {name: calipers.NotFoundError(f"no {name}") for name in NAMES}
    one = joint_error(errors, "is not sealed", "nor are")
    assert isinstance(one, calipers.NotFoundError)
    assert one.message.startswith("m.0/input is not sealed: no m.0/input (nor are m.1/input, m.2/")
    assert one.message.endswith("m.20/input) and 9 more")
    alone = joint_error({"a/input": errors[NAMES[0]]}, "is not sealed", "nor are")
    assert alone.message == "a/input is not sealed: no m.0/input"
