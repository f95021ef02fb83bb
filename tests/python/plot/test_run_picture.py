"""The picture of a run, and its outliers."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.figure import Figure

import calipers
from calipers.plot.outliers import SessionRange, find_outliers

OUTLIER = "#c81e1e"


def observe(client: calipers.Client, name: str, low: float, high: float) -> None:
    shape = (1, 2) if name.endswith("weight") else (1, 1, 2)
    tensor = np.array([low, high], np.float32).reshape(shape)
    client.session(name, args={}).observe(tensor, index=0)


def bars(figure: Figure) -> dict[str, list[tuple[float, float, str]]]:
    """The ends and the color of the bars by position, for each panel by its title."""
    from matplotlib.colors import to_hex

    found = {}
    for axes in figure.axes:
        named = bool(axes.get_yticklabels()) and "/" in axes.get_yticklabels()[0].get_text()
        panel = []
        for collection in axes.collections:
            color = to_hex(collection.get_colors()[0]) if len(collection.get_segments()) else ""
            for begin, end in collection.get_segments():
                along, across = (0, 1) if named else (1, 0)
                panel.append((begin[across], float(begin[along]), float(end[along]), color))
        found[axes.get_title(loc="left")] = [bar[1:] for bar in sorted(panel)]
    return found


def test_few_sessions_stand_with_their_names(client):
    for layer in (0, 2, 10):
        observe(client, f"layer.{layer}/input", -layer, layer + 1)
        observe(client, f"layer.{layer}/weight", -0.5, 0.25)
    client.session("silent/output", args={})
    figure = client.plot()
    found = bars(figure)
    assert list(found) == ["input (3)", "weight (3)"]
    assert [bar[:2] for bar in found["input (3)"]] == [(0, 1), (-2, 3), (-10, 11)]
    assert [bar[:2] for bar in found["weight (3)"]] == [(-0.5, 0.25)] * 3
    names = [tick.get_text() for tick in figure.axes[0].get_yticklabels()]
    assert names == ["layer.0/input", "layer.2/input", "layer.10/input"]
    assert figure.axes[0].texts[2].get_text() == "\u221210 to 11"
    title = figure.get_suptitle()
    assert client.run in title
    assert title.endswith("6 ranges (left out without an answer: 1)")


def test_what_stands_out_is_red(client):
    for layer in range(8):
        observe(client, f"layer.{layer}/input", -1, 1 + layer / 10)
    observe(client, "layer.8/input", -80, 90)
    observe(client, "layer.9/input", -np.inf, 1)
    (panel,) = bars(client.plot()).values()
    assert [bar[2] == OUTLIER for bar in panel] == [False] * 8 + [True]
    figure = client.plot()
    texts = {text.get_text(): text.get_color() for text in figure.axes[0].texts}
    assert texts["\u2212inf to 1"] == OUTLIER
    assert texts["\u221280 to 90"] == OUTLIER
    assert texts["\u22121 to 1"] != OUTLIER


def markers(figure: Figure) -> dict[str, list[tuple[float, float]]]:
    """The positions of points in the outliers' color in the first panel, by marker."""
    found: dict[str, list[tuple[float, float]]] = {}
    for line in figure.axes[0].lines:
        if line.get_color() == OUTLIER and line.get_marker() in "<>x|":
            points = zip(line.get_xdata(), line.get_ydata(), strict=True)
            found.setdefault(line.get_marker(), []).extend((float(x), float(y)) for x, y in points)
    return found


def test_ends_that_are_not_finite_are_seen(client):
    observe(client, "layer.0/input", -2, 3)
    observe(client, "layer.1/input", -np.inf, 1)
    observe(client, "layer.2/input", -1, np.inf)
    observe(client, "layer.3/input", np.nan, 1)
    observe(client, "layer.4/input", np.inf, np.inf)
    figure = client.plot()
    left, right = figure.axes[0].get_xlim()
    assert left < -2
    assert right > 3
    assert markers(figure) == {
        "<": [(left, 1)],
        ">": [(right, 2), (right, 4), (right, 4)],
        "x": [(left, 3), (right, 3)],
        "|": [(1, 1), (-1, 2)],
    }


def test_nothing_but_ends_that_are_not_finite(client, tmp_path):
    observe(client, "layer.0/input", -np.inf, np.inf)
    figure = client.plot("", tmp_path / "x.svg")
    assert sorted(markers(figure)) == ["<", ">"]
    assert figure.get_suptitle().endswith(": 1 range")


def foot(figure: Figure) -> str:
    return figure.get_supxlabel()


def test_the_foot_says_the_rule_and_whether_it_holds(client):
    for layer in range(5):
        observe(client, f"layer.{layer}/input", -1, 1)
    assert foot(client.plot()).startswith("Nothing stands out: ")
    assert "fewer than 5" not in foot(client.plot())
    observe(client, "layer.5/input", -80, 90)
    observe(client, "layer.0/weight", -1, 1)
    assert foot(client.plot()).startswith("Red stands out: ")
    assert foot(client.plot()).endswith("fewer than 5 are not compared.")


def test_the_axis_of_values_is_named_once(client):
    for base_name in ("input", "output", "weight"):
        observe(client, f"up/{base_name}", -1, 1)
    figure = client.plot()
    assert [axes.get_xlabel() for axes in figure.axes] == ["", "", "value"]


def test_many_sessions_have_a_column_each(client, tmp_path):
    for layer in range(130):
        wide = 500 if layer == 100 else 1
        observe(client, f"layer.{layer}.up/input", -wide, 2 * wide)
        observe(client, f"layer.{layer}.up/weight", -0.5, 0.5)
    figure = client.plot("", tmp_path / "run.png")
    found = bars(figure)
    assert {title: len(panel) for title, panel in found.items()} == {
        "input (130)": 130,
        "weight (130)": 130,
    }
    assert found["input (130)"][100] == (-500, 1000, OUTLIER)
    assert {bar[2] for bar in found["weight (130)"]} != {OUTLIER}
    (listed,) = [text.get_text() for text in figure.axes[0].texts]
    assert listed.split() == ["100:", "layer.100.up", "\u2212500", "to", "1,000"]
    assert "logarithmic" in figure.axes[0].get_ylabel()
    assert figure.axes[1].get_ylabel() == "value"
    width, height = figure.get_size_inches()
    assert max(width, height) < 12


def test_a_pattern_chooses(client):
    observe(client, "up/input", -1, 1)
    observe(client, "down/input", -2, 2)
    figure = client.plot("up*")
    assert [bar[:2] for bar in bars(figure)["input (1)"]] == [(-1, 1)]
    with pytest.raises(calipers.NotFoundError, match=r'matches "gate\*"'):
        client.plot("gate*")


def test_a_run_that_is_not_there(client):
    with pytest.raises(calipers.NotFoundError, match="no run"):
        client.plot()


def test_a_run_that_has_seen_nothing(client):
    client.session("up/input", args={})
    with pytest.raises(calipers.FailedPreconditionError, match="none of 1 sessions"):
        client.plot()


def ranges(*widths: float) -> list[SessionRange]:
    return [SessionRange(f"m.{at}/input", -width / 2, width / 2) for at, width in enumerate(widths)]


@pytest.mark.parametrize(
    ("widths", "expected"),
    [
        # Similar ranges: an outlier is at least a factor of 2 away.
        ((1, 1, 1, 1, 1, 1.9), []),
        ((1, 1, 1, 1, 1, 2.1), [5]),
        ((1, 1, 1, 1, 1, 0.45), [5]),
        # log2 has the quartiles 1 and 3: from 2^-5 to 2^9.
        ((1, 2, 4, 8, 16), []),
        ((1, 2, 2, 2, 4, 8, 8, 8, 500), []),
        ((1, 2, 2, 2, 4, 8, 8, 8, 530), [8]),
        ((0.03, 2, 2, 2, 4, 8, 8, 8, 16), [0]),
        # A single value beside ranges.
        ((1, 1, 1, 1, 1, 0), [5]),
        ((0, 0, 0, 0, 0, 0), []),
        # Too few ranges to compare.
        ((1, 1, 1, 1000), []),
        ((1, 1, 1, np.nan), [3]),
        ((), []),
    ],
)
def test_the_rule(widths, expected):
    assert find_outliers(ranges(*widths)) == {f"m.{at}/input" for at in expected}


def test_a_range_wider_than_any_number():
    greatest = np.finfo(np.float64).max
    wide = SessionRange("wide/input", -greatest, greatest)
    assert find_outliers([*ranges(1, 1, 1, 1, 1), wide]) == {"wide/input"}
