"""The oracle accepts correct answers and reports wrong answers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from .fold import PrefixFold
from .oracle import Known, SeriesOracle
from .service import Answer
from .wire import observation_pb2
from .workload import KINDS, Series, record

from dyadic import Dyadic, average  # isort: skip  tests/parity, which wire put on the path

SERIES = [Series(f"runs/r/sessions/{kind.session_id}", kind, 1) for kind in KINDS]
COUNT = 20


def stored(series: Series, index: int, digest: bytes = b"d") -> observation_pb2.SeriesRecord:
    low, high, global_low, global_high = record(series, index).as_bytes()
    header = observation_pb2.ObservationHeader(
        session=series.name,
        index=index,
        dtype=series.kind.dtype,
        shape=series.kind.shape,
        num_observations=series.kind.num_observations,
    )
    observation = observation_pb2.ReducedObservation(
        header=header, min=low, max=high, global_min=global_low, global_max=global_high
    )
    return observation_pb2.SeriesRecord(observation=observation, digest=digest)


def known(acknowledged: range, sent: range) -> Known:
    return Known(set(acknowledged), set(sent))


ALL = known(range(COUNT), range(COUNT))


@pytest.mark.parametrize("series", SERIES, ids=lambda series: series.kind.session_id)
def test_sent_records_pass_the_check(series: Series) -> None:
    oracle = SeriesOracle(series)
    records = [stored(series, index) for index in range(COUNT)]
    assert oracle.check_series(records, ALL) == []
    # Records that were sent and not acknowledged can be stored or not.
    assert oracle.check_series(records, known(range(5), range(COUNT + 5))) == []
    answer = Answer(PrefixFold(series).of(list(range(COUNT))).answer(), list(range(COUNT)))
    assert oracle.check_answer(answer, ALL) == []


@pytest.mark.parametrize(
    ("indices", "of", "said"),
    [
        ([0, 1, 3], known(range(4), range(4)), "acknowledged records are missing: [2]"),
        ([0, 1, 2, 3], known(range(3), range(3)), "never sent: [3]"),
        ([0, 1, 1], known(range(2), range(2)), "doubled"),
        ([1, 0], known(range(2), range(2)), "out of order"),
    ],
)
def test_missing_doubled_and_unsent_records_are_noticed(
    indices: list[int], of: Known, said: str
) -> None:
    (wrong,) = SeriesOracle(SERIES[0]).check_series([stored(SERIES[0], i) for i in indices], of)
    assert said in wrong


def test_one_bit_of_a_record_is_noticed() -> None:
    found = stored(SERIES[0], 0)
    low = bytearray(found.observation.min)
    low[0] ^= 1
    found.observation.min = bytes(low)
    (wrong,) = SeriesOracle(SERIES[0]).check_series([found], known(range(1), range(1)))
    assert "other values than were sent" in wrong


def test_another_digest_than_before_is_noticed() -> None:
    oracle = SeriesOracle(SERIES[0])
    of = known(range(1), range(1))
    assert oracle.check_series([stored(SERIES[0], 0)], of) == []
    (wrong,) = oracle.check_series([stored(SERIES[0], 0, b"other")], of)
    assert "another digest" in wrong


def test_a_record_of_another_life_is_noticed() -> None:
    old = replace(SERIES[0], seed=2)
    (wrong,) = SeriesOracle(SERIES[0]).check_series([stored(old, 0)], known(range(1), range(1)))
    assert "other values" in wrong


@pytest.mark.parametrize("series", SERIES, ids=lambda series: series.kind.session_id)
def test_a_fold_that_leaves_one_out_is_noticed(series: Series) -> None:
    indices = list(range(COUNT))
    short = PrefixFold(series).of([0, *range(2, COUNT)]).answer()
    wrong = SeriesOracle(series).check_answer(Answer(short, indices), ALL)
    # Most subsets of a series have the same extremes as the series.
    assert wrong or series.kind.observer == "static_minmax"


def test_the_fold_of_a_set_does_not_depend_on_those_before() -> None:
    series, folds = SERIES[1], PrefixFold(SERIES[1])
    for indices in ([0, 1, 2], [0, 1, 2, 5, 9], [0, 1, 2, 3, 4, 5, 9], [0, 2], list(range(12))):
        assert folds.of(indices).answer() == PrefixFold(series).of(indices).answer()


def test_the_fold_is_the_exact_average() -> None:
    series = SERIES[0]
    constant = Dyadic.of(series.kind.constant)
    exact = Dyadic.of(float(record(series, 0).low[0]))
    for index in range(1, COUNT):
        exact = average(exact, Dyadic.of(float(record(series, index).low[0])), constant)
    answer = PrefixFold(series).of(list(range(COUNT))).answer()
    given = np.frombuffer(answer["range"][0], np.float64)[0]
    assert float(given) == pytest.approx(float(exact.fraction()), rel=1e-14)
