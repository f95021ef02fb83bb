"""The picture of a run: a bar for each session, a panel for each base name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from calipers.answers import Range
from calipers.errors import FailedPreconditionError, NotFoundError
from calipers.plot.outliers import FEWEST, SessionRange, find_outliers, ranges_by_base_name
from calipers.plot.output import MUTED, clean, shortened, style
from calipers.wording import counted

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_BAR, _OUTLIER = "#4c78a8", "#c81e1e"
# Up to this number of sessions, each session has a row with its name. More sessions are numbered,
# and only outliers are named.
_MOST_NAMED = 48
_MOST_LISTED = 8
_ROW_INCHES = 0.22
# The height of a panel of numbered sessions, in rows.
_PANEL_ROWS = 11
# A larger ratio of the largest to the median magnitude makes small ranges invisible on a linear
# axis.
_LINEAR_REACH = 30.0

_STANDS_OUT = (
    "Red stands out: an end is NaN or infinite, or the width is far from the panel's others."
)
_NOTHING = "Nothing stands out: no end is NaN or infinite, no width far from the panel's others."
_RULE = (
    "Far: log2(max \u2212 min) is beyond the quartiles by more than 3 interquartile ranges, "
    "and a factor of 2 at least."
)
_FEW = f" Panels of fewer than {FEWEST} are not compared."


def draw_run(run: str, pattern: str, found: Mapping[str, Range | None]) -> Figure:
    """Draws the ranges in `found`, by session; None stands for a session without an answer. Raises
    NotFoundError if there are no sessions, FailedPreconditionError if no session has an answer."""
    if not found:
        raise NotFoundError(
            f'no session of run "{run}" matches "{pattern}"' if pattern else f'no run "{run}"'
        )
    panels = ranges_by_base_name(found)
    if not panels:
        raise FailedPreconditionError(
            f'none of {len(found)} sessions of run "{run}" has an answer: they have no data yet'
        )
    with style():
        return _draw(_title(run, pattern, found), panels)


def _title(run: str, pattern: str, found: Mapping[str, Range | None]) -> str:
    answered = sum(one is not None for one in found.values())
    title = f"Run {run}" + (f", {pattern}" if pattern else "") + f": {counted(answered, 'range')}"
    silent = len(found) - answered
    return title + (f" (left out without an answer: {silent:,})" if silent else "")


def _draw(title: str, panels: Mapping[str, Sequence[SessionRange]]) -> Figure:
    from matplotlib.figure import Figure

    count = sum(map(len, panels.values()))
    named = count <= _MOST_NAMED
    heights = [len(ranges) if named else _PANEL_ROWS for ranges in panels.values()]
    height = 0.9 + _ROW_INCHES * sum(heights) + 0.65 * len(panels)
    figure = Figure(figsize=(10.5, height), layout="constrained")
    figure.suptitle(title, x=0.01, horizontalalignment="left", fontsize=11)
    outliers = {session for ranges in panels.values() for session in find_outliers(ranges)}
    few = any(len(ranges) < FEWEST for ranges in panels.values())
    figure.supxlabel(
        f"{_STANDS_OUT if outliers else _NOTHING}\n{_RULE}{_FEW if few else ''}",
        x=0.01,
        horizontalalignment="left",
        fontsize=8.5,
        color=MUTED,
    )
    grid = figure.subplots(len(panels), squeeze=False, height_ratios=heights)
    for axes, (base_name, ranges) in zip(grid[:, 0], panels.items(), strict=True):
        axes.set_title(f"{base_name} ({len(ranges):,})", fontsize=9.5, pad=8)
        (_draw_named if named else _draw_numbered)(axes, ranges, outliers)
    _label_values(list(grid[:, 0]), "x" if named else "y")
    return figure


def _label_values(panels: Sequence[Axes], side: str) -> None:
    """Labels the axis of the last panel, and every logarithmic axis."""
    for axes in panels:
        axis = getattr(axes, f"{side}axis")
        if axis.get_scale() != "linear":
            linear = axis.get_transform().linthresh
            axis.set_label_text(f"value (logarithmic beyond ±{linear:g})", fontsize=8)
        elif axes is panels[-1]:
            axis.set_label_text("value", fontsize=8)


def _draw_named(axes: Axes, ranges: Sequence[SessionRange], outliers: set[str]) -> None:
    """Draws a row for each session, from the top: name on the left, numbers on the right."""
    rows = np.arange(len(ranges))
    for row, one in enumerate(ranges):
        color = _OUTLIER if one.session in outliers else _BAR
        if one.finite:
            axes.hlines(row, one.low, one.high, color=color, linewidth=5)
            axes.plot([one.low, one.high], [row, row], "|", color=color, markersize=8)
        axes.annotate(
            str(one),
            (1.01, row),
            xycoords=("axes fraction", "data"),
            verticalalignment="center",
            color=_OUTLIER if one.session in outliers else MUTED,
            fontsize=8.5,
            annotation_clip=False,
        )
    clean(axes)
    axes.grid(visible=False, axis="y")
    axes.grid(axis="x", color="#e8e8e8", linewidth=0.7)
    axes.set_yticks(rows, [shortened(one.session, 60) for one in ranges])
    axes.set_ylim(len(ranges) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)
    axes.axvline(0, color="#999999", linewidth=0.8, zorder=0)
    _scale(axes, "x", ranges)
    for row, one in enumerate(ranges):
        if not one.finite:
            _draw_open(axes, row, one)


def _draw_open(axes: Axes, row: int, one: SessionRange) -> None:
    """Draws a dotted line instead of a bar. An arrow at the edge stands for an infinite end, a
    cross at the edge for NaN."""
    left, right = axes.get_xlim()
    places = [_place(one.low, left, left, right), _place(one.high, right, left, right)]
    look: dict[str, Any] = {"color": _OUTLIER, "clip_on": False}
    axes.plot([at for at, _ in places], [row, row], linestyle=":", linewidth=1.5, **look)
    for at, marker in places:
        axes.plot(at, row, marker, markersize=6, **look)
    axes.set_xlim(left, right)


def _place(end: float, nan: float, left: float, right: float) -> tuple[float, str]:
    """The position and the marker of an end."""
    if np.isnan(end):
        return nan, "x"
    if np.isinf(end):
        return (right, ">") if end > 0 else (left, "<")
    return end, "|"


def _draw_numbered(axes: Axes, ranges: Sequence[SessionRange], outliers: set[str]) -> None:
    """Draws a column for each session, and a list of the outliers."""
    from matplotlib.ticker import MaxNLocator

    for is_outlier, color in ((False, _BAR), (True, _OUTLIER)):
        chosen = [
            (at, one)
            for at, one in enumerate(ranges)
            if one.finite and (one.session in outliers) == is_outlier
        ]
        at = [at for at, _ in chosen]
        axes.vlines(
            at,
            [one.low for _, one in chosen],
            [one.high for _, one in chosen],
            color=color,
            linewidth=max(1.0, min(4.0, 300 / len(ranges))),
        )
    _mark(axes, [at for at, one in enumerate(ranges) if one.session in outliers])
    clean(axes)
    axes.axhline(0, color="#999999", linewidth=0.8, zorder=0)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes.set_xlim(-1, len(ranges))
    _scale(axes, "y", ranges)
    first, last = (shortened(one.session, 44) for one in (ranges[0], ranges[-1]))
    axes.set_xlabel(f"sessions sorted by name: 0 is {first}, {len(ranges) - 1} is {last}")
    axes.annotate(
        _listed(ranges, outliers),
        (1.01, 1),
        xycoords="axes fraction",
        verticalalignment="top",
        color=_OUTLIER,
        fontsize=8,
    )


def _mark(axes: Axes, positions: Sequence[int]) -> None:
    """Marks outliers, because their range can be too small to see, or have no finite ends."""
    if positions:
        axes.plot(
            positions,
            np.ones(len(positions)),
            "v",
            color=_OUTLIER,
            markersize=5,
            clip_on=False,
            transform=axes.get_xaxis_transform(),
        )


def _listed(ranges: Sequence[SessionRange], outliers: set[str]) -> str:
    lines = [
        f"{at}: {shortened(one.session.rpartition('/')[0], 38)}\n      {one}"
        for at, one in enumerate(ranges)
        if one.session in outliers
    ]
    more = len(lines) - _MOST_LISTED
    return "\n".join([*lines[:_MOST_LISTED], *([f"and {more:,} more"] if more > 0 else [])])


def _scale(axes: Axes, side: str, ranges: Sequence[SessionRange]) -> None:
    """Makes the axis logarithmic if the magnitudes of the ranges differ too much for a linear
    axis."""
    ends = [max(abs(one.low), abs(one.high)) for one in ranges if one.finite]
    ends = [end for end in ends if end > 0]
    if not ends or max(ends) <= _LINEAR_REACH * np.median(ends):
        return
    # A power of ten, like the axis' ticks, so that no tick is in the linear part.
    linear = 10.0 ** np.round(np.log10(np.median(ends)))
    getattr(axes, f"set_{side}scale")("symlog", linthresh=linear)
