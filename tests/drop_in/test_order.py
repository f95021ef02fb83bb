"""The order in which llm-compressor's data loaders were dealt to the workers."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest
import torch
import torch.distributed as dist
from datasets import Dataset, load_dataset
from torch.utils.data import DataLoader
from torch.utils.data.distributed import DistributedSampler

from calibrating import Experts, assert_same, batches_of, calibrate, static
from calipers.llmcompressor.dealing import Sign, find_order, have_the_same_data, order_of, sign_of
from calipers.ranks import Rank

INPUT = {"num_bits": 8, "type": "int", "strategy": "tensor", "symmetric": True}


def part(begin: int, end: int, name: str = "train") -> Sign:
    return Sign(part=(name, begin, end))


@pytest.fixture
def data_set(tmp_path):
    """Loads a part of a data set as llm-compressor's get_rank_partition names it."""
    lines = [json.dumps({"n": n}) for n in range(10)]
    (tmp_path / "train.jsonl").write_text("\n".join(lines))

    def load(split: str) -> Dataset:
        files = {"train": str(tmp_path / "train.jsonl")}
        return load_dataset("json", data_files=files, split=split, cache_dir=str(tmp_path / "c"))

    return load


def test_a_part_of_a_split_is_recognised(data_set):
    found = data_set("train[3:6]").map(lambda row: {"m": row["n"] + 1}).shuffle(seed=1)
    assert sorted(found["n"]) == [3, 4, 5]
    assert sign_of(DataLoader(found)).part == ("train", 3, 6)
    assert sign_of(DataLoader(data_set("train"))).part is None
    assert sign_of([1, 2]) == Sign()
    assert sign_of(None) == Sign()


def test_a_distributed_sampler_is_recognised():
    samples = torch.arange(6)
    sampler = DistributedSampler(samples, num_replicas=2, rank=1)
    assert sign_of(DataLoader(samples, sampler=sampler)).is_dealt_in_turn
    assert not sign_of(DataLoader(samples)).is_dealt_in_turn


@pytest.mark.parametrize(
    ("signs", "order"),
    [
        ([part(0, 3), part(3, 7), part(7, 10)], "contiguous"),
        ([part(4, 8)], "contiguous"),
        ([part(3, 7), part(0, 3)], None),
        ([part(0, 3), part(3, 7, "test")], None),
        ([part(0, 3), Sign()], None),
        ([Sign(is_dealt_in_turn=True)] * 2, "interleaved"),
        ([Sign(is_dealt_in_turn=True), Sign()], None),
        ([Sign()], None),
    ],
)
def test_the_order_that_all_signs_show(signs, order):
    assert order_of(signs) == order


def test_equal_data_sets_are_recognised(data_set):
    whole = sign_of(DataLoader(data_set("train")))
    assert have_the_same_data([whole, sign_of(DataLoader(data_set("train")))])
    assert not have_the_same_data([whole])
    assert not have_the_same_data([sign_of(DataLoader(data_set("train[0:5]"))), whole])
    assert not have_the_same_data([Sign(), Sign()])


def test_an_order_that_is_assumed_is_said(caplog):
    with caplog.at_level(logging.WARNING, "calipers"):
        assert find_order([1, 2], Rank(1, 2)) == "contiguous"
    (told,) = caplog.messages
    assert "assumed: contiguous" in told
    assert "CALIPERS_ORDER" in told


def test_one_worker_is_told_nothing(caplog):
    with caplog.at_level(logging.WARNING, "calipers"):
        find_order([1, 2], Rank(0, 1))
    assert not caplog.messages


class Part(list):
    """The batches of one part of a split, as a data loader has them."""

    dataset = Dataset.from_list([{"n": n} for n in range(4)], split="train[3:7]")


def test_parts_as_llm_compressor_deals_them_need_no_setting(client, monkeypatch, caplog):
    batches = [{**batch, "chosen": torch.tensor([0])} for batch in batches_of(7)]
    wanted = calibrate(Experts(1), batches, input_observer="minmax", **static())
    session = client.session(
        "experts.0/input", args=INPUT, observer="minmax", arithmetic="reference"
    )
    for index in range(3):
        session.observe(batches[index]["x"], index=index)
    client.flush()
    monkeypatch.setenv("RANK", "1")
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("CALIPERS_BATCHES", "7")
    with caplog.at_level(logging.WARNING, "calipers"):
        given = calibrate(
            Experts(1), Part(batches[3:]), input_observer="calipers_minmax", **static()
        )
    assert not [record for record in caplog.records if record.name == "calipers"]
    assert_same(given, wanted)


def two_processes(rank: int, folder: str, split: str | None) -> None:
    """One of two processes of torch.distributed; writes its order and its warnings."""
    dist.init_process_group("gloo", f"file://{folder}/meeting", rank=rank, world_size=2)
    told = Told()
    logging.getLogger("calipers").addHandler(told)
    part = Dataset.from_list(
        [{"n": n} for n in range(5)], split=split and split.format(5 * rank, 5 * rank + 5)
    )
    order = find_order(DataLoader(part), Rank(rank, 2))
    (Path(folder) / f"{rank}.json").write_text(json.dumps([order, told.messages]))
    dist.destroy_process_group()


class Told(logging.Handler):
    """Keeps messages."""

    def __init__(self) -> None:
        super().__init__()
        self.messages: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Called for each message."""
        self.messages.append(record.getMessage())


@pytest.mark.parametrize(
    ("split", "said"), [("train[{}:{}]", []), (None, ["all 2 processes have the same data set"])]
)
def test_processes_agree_on_the_order(split, said, tmp_path, monkeypatch):
    monkeypatch.setenv("GLOO_SOCKET_IFNAME", "lo")
    torch.multiprocessing.spawn(two_processes, (str(tmp_path), split), nprocs=2)
    found = [json.loads((tmp_path / f"{rank}.json").read_text()) for rank in (0, 1)]
    assert [order for order, _ in found] == ["contiguous"] * 2
    assert [message[: len(said[0])] for message in found[0][1]] == said
    assert found[1][1] == []
