"""The distribution of batches by accelerate, as docs/python.md describes it."""

from __future__ import annotations

import pytest
import torch
from accelerate.data_loader import prepare_data_loader
from torch.utils.data import DataLoader, IterableDataset

from calipers.ranks import Rank


class Stream(IterableDataset):
    """An iterable dataset, whose samples have no index."""

    def __init__(self, count):
        self.count = count

    def __iter__(self):
        return iter(torch.arange(self.count))


def dealt(dataset, size, world, *, drop_last=False, **arguments):
    """The samples of each batch, by the batch's index in calipers.torch."""
    found = {}
    for rank in range(world):
        loader = prepare_data_loader(
            DataLoader(dataset, batch_size=size, drop_last=drop_last),
            num_processes=world,
            process_index=rank,
            **arguments,
        )
        for place, batch in enumerate(loader):
            found[Rank(rank, world).index(place)] = batch.tolist()
    return found


def whole(count, size):
    """The batches of one process, by index."""
    batches = torch.arange(count).split(size)
    return {index: batch.tolist() for index, batch in enumerate(batches)}


@pytest.mark.parametrize("world", [1, 2, 3, 4])
@pytest.mark.parametrize(("count", "size"), [(7, 1), (7, 2), (12, 2), (33, 1), (10, 4)])
def test_batches_as_they_are_have_the_indices_of_one_process(count, size, world):
    found = dealt(torch.arange(count), size, world, even_batches=False)
    assert found == whole(count, size)


def test_the_last_ones_are_filled_up():
    assert dealt(torch.arange(7), 2, 2) == {**whole(6, 2), 3: [6, 0]}
    assert dealt(torch.arange(7), 1, 2) == {**whole(7, 1), 7: [0]}


def test_the_last_round_is_left_out():
    assert dealt(torch.arange(7), 1, 2, drop_last=True) == whole(6, 1)


@pytest.mark.parametrize("even_batches", [True, False])
def test_of_an_iterable_dataset_samples_are_repeated(even_batches):
    given = dealt(Stream(7), 1, 2, even_batches=even_batches)
    assert given == {**whole(7, 1), 7: [0]}
    assert dealt(Stream(7), 1, 2, even_batches=even_batches, drop_last=True) == whole(6, 1)


def test_pieces_of_batches_are_batches():
    assert dealt(torch.arange(8), 4, 2, split_batches=True) == whole(8, 2)
