"""Unit tests of targets, ranks, batches and present records."""

from __future__ import annotations

from typing import NamedTuple

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

import calipers
from calipers.ranks import Rank, resolve_rank
from calipers.torch.batches import NumberedBatches, evaluating, model_device, move, run_batch
from calipers.torch.finish import complete
from calipers.torch.resume import Present
from calipers.torch.scheme import resolve_scheme
from calipers.torch.targets import find_modules, unwrap
from models import Model

ATTENTION = [f"layers.{n}.attention.{p}_proj" for n in (0, 1) for p in "qkvo"]


@pytest.mark.parametrize(
    ("targets", "ignore", "found"),
    [
        ("Linear", "re:.*experts", [*ATTENTION, "head"]),
        (["Linear"], ["re:.*experts", "head"], ATTENTION),
        ("head", (), ["head"]),
        ("re:layers\\.1\\.attention", "Attention", [n for n in ATTENTION if "1" in n]),
        # The pattern matches at the beginning of the name.
        (["re:attention", "head"], (), ["head"]),
        (
            ["re:.*q_proj$", "LayerNorm"],
            "re:layers.0",
            ["layers.1.attention.q_proj", "layers.1.norm"],
        ),
        # A base class of other classes.
        ("ModuleList", (), ["layers", "layers.0.mlp.experts", "layers.1.mlp.experts"]),
    ],
)
def test_targets(targets, ignore, found, recwarn):
    assert list(find_modules(Model(), targets, ignore)) == found


def test_a_derived_class_is_meant_by_its_base():
    class Special(nn.Linear):
        pass

    assert list(find_modules(nn.Sequential(Special(2, 2)), "Linear", ())) == ["0"]


def test_a_target_that_means_nothing_is_warned_of():
    with pytest.warns(RuntimeWarning, match='"tail" matches no module'):
        find_modules(Model(), ["head", "tail"], ())


def test_wrappers_are_taken_off():
    inner = nn.Sequential(nn.Linear(2, 2))
    assert unwrap(nn.DataParallel(inner)) is inner
    assert unwrap(torch.compile(nn.DataParallel(inner))) is inner


def test_ranks(monkeypatch):
    monkeypatch.delenv("RANK", raising=False)
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    assert resolve_rank(None, None) == Rank(0, 1)
    monkeypatch.setenv("RANK", "2")
    monkeypatch.setenv("WORLD_SIZE", "4")
    assert resolve_rank(None, None) == Rank(2, 4)
    assert resolve_rank(0, None) == Rank(0, 4)
    assert resolve_rank(5, 6) == Rank(5, 6)


@given(st.integers(1, 9), st.integers(0, 60))
def test_every_batch_has_one_owner(world_size, total):
    ranks = [Rank(rank, world_size) for rank in range(world_size)]
    dealt = [index for rank in ranks for index in rank.indices(total)]
    assert sorted(dealt) == list(range(total))
    for rank in ranks:
        own = rank.indices(total)
        assert [rank.index(n) for n in range(len(own))] == list(own)
        assert all(rank.owns(index) for index in own)


@given(st.integers(1, 5), st.integers(1, 30), st.booleans())
def test_shares_and_all_give_a_rank_the_same_batches(world_size, total, told):
    for number in range(world_size):
        rank = Rank(number, world_size)
        known = total if told else None
        all_of_them = NumberedBatches(range(total), rank, "all", known)
        share = NumberedBatches(range(number, total, world_size), rank, "share", total)
        assert list(all_of_them) == list(share) == [(n, n) for n in rank.indices(total)]
        for batches in (all_of_them, share):
            count, lacking = batches.settle()
            assert (count, list(lacking)) == (total, [])


@pytest.mark.parametrize(
    ("yields", "total", "own", "known"),
    [("share", None, 5, None), ("all", None, 2, 5), ("share", 7, 3, 7), ("all", 5, 2, 5)],
)
def test_what_a_rank_knows_before_its_batches_come(yields, total, own, known):
    batches = NumberedBatches(range(5), Rank(1, 2), yields, total)
    assert (batches.own_count, batches.known_total()) == (own, known)
    nobody = NumberedBatches(iter(range(5)), Rank(1, 2), yields, None)
    assert (nobody.own_count, nobody.known_total()) == (None, None)


@given(st.sets(st.integers(0, 40)), st.integers(1, 8))
def test_what_is_present(indices, told):
    end = max(indices, default=-1) + 1
    missing = [n for n in range(end) if n not in indices]
    ranges = []
    for index in missing:
        if ranges and ranges[-1].stop == index:
            ranges[-1] = range(ranges[-1].start, index + 1)
        else:
            ranges.append(range(index, index + 1))
    progress = calipers.Progress(len(indices), 0, 0, end, tuple(ranges[:told]), len(ranges), 0, 0)
    present = Present(progress)
    assert all(index in indices for index in range(50) if index in present)
    if len(ranges) <= told:
        assert {index for index in range(50) if index in present} == indices
    assert not any(index in Present() for index in range(50))


class Pair(NamedTuple):
    ids: torch.Tensor
    mask: torch.Tensor | None


def test_batches_are_moved_whatever_they_are():
    ids = torch.zeros(2)
    batch = {"a": [ids, (ids, "text")], "b": Pair(ids, None), "c": 3}
    moved = move(batch, torch.device("meta"))
    assert moved["a"][0].device.type == moved["a"][1][0].device.type == "meta"
    assert (type(moved["b"]), moved["b"].ids.device.type) == (Pair, "meta")
    assert (moved["a"][1][1], moved["b"].mask, moved["c"]) == ("text", None, 3)
    assert ids.device.type == "cpu"


def test_the_device_of_a_model():
    assert model_device(nn.ReLU()).type == "cpu"
    half_there = nn.Sequential(nn.Linear(2, 2, device="meta"), nn.Linear(2, 2))
    assert model_device(half_there).type == "cpu"


def test_a_batch_that_no_model_takes():
    with pytest.raises(calipers.InvalidArgumentError, match=r"a batch is a set.*Give forward"):
        run_batch(nn.ReLU(), {1, 2})


def test_a_model_in_parts_of_both_modes():
    model = nn.Sequential(nn.Dropout(), nn.Dropout().eval(), nn.Dropout())
    with evaluating(model):
        assert not any(module.training for module in model.modules())
    assert [module.training for module in model.modules()] == [True, True, False, True]


class LateSession:
    """A session whose last record arrives when the wait ends."""

    name = "m/input"
    sealed = 0

    def wait(self, count: int, *, timeout: float) -> None:
        raise calipers.DeadlineExceededError("too late")

    def progress(self) -> calipers.Progress:
        return calipers.Progress(3, 3, 3, 3, (), 0, 3, 0)

    def seal(self, count: int) -> None:
        self.sealed = count


class LateClient:
    """A client whose run has other sessions, so that each session is sealed separately."""

    def wait(self, names: list[str], count: int, *, timeout: float) -> None:
        raise calipers.DeadlineExceededError("too late")

    def sessions(self, pattern: str) -> list[object]:
        return []


def test_records_that_arrive_at_the_timeout_count():
    client, session = LateClient(), LateSession()
    complete(client, [(session, 3)], "seal", 0.0)  # type: ignore[arg-type, list-item]
    assert session.sealed == 3
    with pytest.raises(calipers.DeadlineExceededError, match=r"3 of 5 records.*missing are 3 to 4"):
        complete(client, [(session, 5)], "seal", 0.0)  # type: ignore[arg-type, list-item]


class QuantizationScheme:
    """Like the pydantic model of compressed-tensors."""

    weights = None
    input_activations = {"num_bits": 8}  # noqa: RUF012
    output_activations = {"num_bits": 8, "dynamic": True}  # noqa: RUF012


def test_schemes_of_every_kind():
    assert resolve_scheme("fp8").preset == "FP8"
    assert resolve_scheme(QuantizationScheme()).args == {"input": {"num_bits": 8}}
    assert resolve_scheme({"weights": {"num_bits": 4}, "input_activations": None}).args == {
        "weight": {"num_bits": 4}
    }
