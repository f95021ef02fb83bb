"""The picture of a series shows the sent batches and the server's answers."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure

import calipers
from calipers.plot import view_of

NAME = "model.layers.0.mlp.down_proj/input"


def tensors(count: int, shape: tuple[int, ...] = (2, 3, 8)) -> list[np.ndarray]:
    rng = np.random.default_rng(count)
    return [(rng.normal(size=shape) * (1 + index / 5)).astype(np.float32) for index in range(count)]


def observed(client: calipers.Client, batches: dict[int, object], **spec) -> calipers.Session:
    session = client.session(NAME, **{"args": {}, **spec})
    for index, batch in batches.items():
        session.observe(batch, index=index)
    return session


def lines(figure: Figure) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """The picture's lines by label, without the counts in the labels."""
    (axes,) = figure.axes
    return {
        line.get_label().partition(" (")[0]: (
            np.array(line.get_xdata(), np.float64),
            np.array(line.get_ydata(), np.float64),
        )
        for line in axes.lines
    }


def labels(figure: Figure) -> list[str]:
    (axes,) = figure.axes
    return [text.get_text() for text in axes.get_legend().get_texts()]


def test_what_is_drawn_is_what_was_sent(client):
    batches = tensors(12)
    drawn = lines(observed(client, dict(enumerate(batches))).plot())
    x, y = drawn["max of a batch"]
    assert x.tolist() == list(range(12))
    assert y.tolist() == [batch.max() for batch in batches]
    x, y = drawn["min of a batch"]
    assert x.tolist() == list(range(12))
    assert y.tolist() == [batch.min() for batch in batches]
    average = float(batches[0].max())
    averages = [average]
    for batch in batches[1:]:
        average = average * 0.99 + float(batch.max()) * 0.01
        averages.append(average)
    np.testing.assert_allclose(drawn["moving average, c = 0.01"][1], averages, rtol=1e-14)


def test_a_parameter_is_drawn_alone(client):
    batches = tensors(5)
    session = observed(
        client, dict(enumerate(batches)), args={"strategy": "group", "group_size": 2}
    )
    drawn = lines(session.plot(param=3))
    assert drawn["max of a batch"][1].tolist() == [batch[..., 6:].max() for batch in batches]
    assert drawn["min of a batch"][1].tolist() == [batch[..., 6:].min() for batch in batches]
    (low, high) = (drawn[f"{end}moving average, c = 0.01"][1][-1] for end in ("_min, ", ""))
    answer = session.minmax()
    assert low == answer.min.numpy()[3]
    assert high == answer.max.numpy()[3]


@pytest.mark.parametrize("weighting", ["uniform", "num_observations"])
@pytest.mark.parametrize(
    ("dtype", "arithmetic"),
    [
        *itertools.product([torch.float64, torch.float32, torch.float16], ["exact", "reference"]),
        *itertools.product([torch.bfloat16, torch.int32], ["exact", "reference"]),
        (torch.float8_e4m3fn, "exact"),
    ],
)
@pytest.mark.parametrize("observer", ["minmax", "static_minmax", "memoryless_minmax"])
def test_the_fold_is_the_servers_after_every_batch(client, observer, dtype, arithmetic, weighting):
    draw = torch.Generator().manual_seed(11)
    session = client.session(
        NAME,
        args={"observer_kwargs": {"averaging_constant": 0.2}} if observer == "minmax" else {},
        observer=observer,
        arithmetic=arithmetic,
        weighting=weighting,
    )
    answers = []
    for index in range(10):
        batch = 50 * torch.randn(1 + index % 4, 3, 8, generator=draw)
        session.observe(batch.to(dtype), index=index)
        answers.append(session.minmax().global_)
    spec, series = session._read(None)
    view = view_of(series, spec, None, [])
    low, high = view.fold.grow(view.lows, view.highs, view.num_observations)
    for found, expected in (
        (low, [one.min.item() for one in answers]),
        (high, [one.max.item() for one in answers]),
    ):
        assert found.tolist() == expected


@pytest.mark.parametrize(
    ("observer", "label"),
    [("static_minmax", "extremes so far"), ("memoryless_minmax", "the last batch")],
)
def test_other_observers_are_drawn_by_their_rule(client, observer, label):
    session = observed(client, dict(enumerate(tensors(6))), observer=observer)
    drawn = lines(session.plot())
    answer = session.minmax()
    assert drawn[label][1][-1] == answer.max.item()
    assert drawn[f"_min, {label}"][1][-1] == answer.min.item()


def test_other_constants_stand_beside_it(client):
    session = observed(client, dict(enumerate(tensors(9))))
    drawn = lines(session.plot(averaging_constants=[0.1, 1, 0.1]))
    for constant in (0.1, 1):
        expected = session.minmax(averaging_constant=constant).max.item()
        assert drawn[f"moving average, c = {constant:g}"][1][-1] == expected
    assert len(drawn) == 2 + 2 * 3


def test_what_is_left_out_is_marked_and_not_folded(client):
    batches = dict(enumerate(tensors(10)))
    batches[4] = batches[4] * 1000
    session = observed(client, batches)
    figure = session.plot(exclude=[4, range(7, 9)])
    drawn = lines(figure)
    x, y = drawn["left out"]
    assert x.tolist() == [4, 7, 8] * 2
    assert y.tolist() == [
        *(float(batches[i].max()) for i in (4, 7, 8)),
        *(float(batches[i].min()) for i in (4, 7, 8)),
    ]
    assert "left out (3)" in labels(figure)
    assert not {4, 7, 8} & set(drawn["max of a batch"][0])
    answer = session.minmax(exclude=[4, 7, 8])
    assert drawn["moving average, c = 0.01"][1][-1] == answer.max.item()
    # Its value would flatten the other lines, so it is at the edge, with its number.
    (axes,) = figure.axes
    bottom, top = axes.get_ylim()
    assert top < 100
    for name, edge in (("_beyond ^", top), ("_beyond v", bottom)):
        x, y = drawn[name]
        side = "max" if edge > 0 else "min"
        ends = {i: abs(float(getattr(batches[i], side)())) for i in (4, 7, 8)}
        assert x.tolist() == [i for i, end in ends.items() if end > abs(edge)]
        assert 4 in x
        assert set(y.tolist()) == {edge}
    assert f"{batches[4].max():,.0f}" in {text.get_text() for text in axes.texts}


def test_gaps_are_seen(client):
    batches = tensors(4)
    figure = observed(client, dict(zip((2, 3, 6, 7), batches, strict=True))).plot()
    x, y = lines(figure)["max of a batch"]
    np.testing.assert_array_equal(x, [2, 3, np.nan, 6, 7])
    assert np.isnan(y[2])
    assert "missing (4)" in labels(figure)
    (bands,) = figure.axes[0].collections
    spans = [sorted(set(path.vertices[:, 0])) for path in bands.get_paths()]
    assert spans == [[-0.5, 1.5], [3.5, 5.5]]
    assert "4 of 8 batches" in figure.axes[0].texts[-1].get_text()


@pytest.mark.parametrize("policy", ["propagate", "skip"])
def test_batches_that_are_not_finite_are_marked(client, policy):
    batches = tensors(8)
    batches[3][0, 0, 0] = np.nan
    batches[5][1, 2, 7] = -np.inf
    figure = observed(client, dict(enumerate(batches)), non_finite=policy).plot()
    drawn = lines(figure)
    assert drawn["NaN or infinity"][0].tolist() == [3, 5]
    assert "NaN or infinity (2)" in labels(figure)
    if policy == "skip":
        assert "left out (2)" in labels(figure)
        assert np.isfinite(drawn["moving average, c = 0.01"][1]).all()
    else:
        average = drawn["moving average, c = 0.01: not finite"][1]
        assert np.isfinite(average).tolist() == [True] * 3 + [False] * 5


def test_empty_batches_are_marked(client):
    batches = dict(enumerate(tensors(4)))
    batches[2] = batches[2][:0]
    figure = observed(client, batches).plot()
    assert lines(figure)["empty"][0].tolist() == [2]
    assert "missing" not in " ".join(labels(figure))


@pytest.mark.parametrize("left", [1, 0])
def test_one_batch_or_none_is_drawn(client, tmp_path, left):
    session = observed(client, {0: tensors(1)[0]})
    figure = session.plot(tmp_path / "x.png", exclude=[] if left else [0])
    assert ("moving average, c = 0.01" in lines(figure)) == bool(left)
    assert (tmp_path / "x.png").stat().st_size > 1000


def shown_ticks(figure: Figure) -> list[float]:
    """The visible ticks of the x axis."""
    (axes,) = figure.axes
    low, high = axes.get_xlim()
    return [float(at) for at in axes.get_xticks() if low <= at <= high]


def test_a_weight_is_one_batch_whose_points_are_seen(client):
    (batch,) = tensors(1)
    figure = observed(client, {0: batch}).plot()
    figure.draw_without_rendering()
    (axes,) = figure.axes
    assert shown_ticks(figure) == [0]
    assert axes.texts[-1].get_text() == "1 batch, F32, minmax"
    sizes = {line.get_label(): line.get_markersize() for line in axes.lines}
    # The markers surround the fold's markers and are not hidden by them.
    assert sizes["max of a batch"] > sizes["moving average, c = 0.01"]
    assert sizes["min of a batch"] > sizes["moving average, c = 0.01"]


@pytest.mark.parametrize("count", [2, 3, 7, 40])
def test_indices_are_whole(client, count):
    figure = observed(client, dict(enumerate(tensors(count)))).plot()
    figure.draw_without_rendering()
    ticks = shown_ticks(figure)
    assert len(ticks) > 1
    assert all(tick.is_integer() for tick in ticks)


def test_extreme_float64_values(client, tmp_path):
    greatest = np.finfo(np.float64).max
    batches = [np.array([[-greatest, greatest]]), np.array([[0.0, 5e-324]])]
    observed(client, dict(enumerate(batches))).plot(tmp_path / "x.svg")
    assert (tmp_path / "x.svg").read_text().startswith("<?xml")
