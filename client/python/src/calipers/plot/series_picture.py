"""The picture of a series."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from calipers.plot.fold import Fold
from calipers.plot.output import MUTED, clean, number, shortened, style
from calipers.plot.series_view import SeriesView
from calipers.wording import counted

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_MAX, _MIN = "#dd8452", "#6f9bd1"
_FOLD = "#1a1a1a"
_OTHERS = ("#7b3fa0", "#138a72", "#b0357a", "#8a7413", "#3d5a99", "#5c5c5c")
_NOT_FINITE = "#c81e1e"
_GAP = "#e4e4e4"
# More markers than this overlap, and only make the file larger.
_MOST_MARKERS = 400
_MOST_NUMBERS = 3
_LARGEST = 1e300
_INCHES = (9.6, 4.4)
# The size of a picture with only index 0, as for a weight.
_ALONE_INCHES = (6.4, 3.2)

_FOLD_NAMES = {"static_minmax": "extremes so far", "memoryless_minmax": "the last batch"}


def draw_series(view: SeriesView, averaging_constants: Sequence[float]) -> Figure:
    """Draws the range of each batch over the batch index, the session's fold after each batch, and
    moving averages with other constants."""
    with style():
        from matplotlib.figure import Figure

        alone = int(view.all_indices[-1]) == 0
        figure = Figure(figsize=_ALONE_INCHES if alone else _INCHES, layout="constrained")
        axes = figure.add_subplot()
        _draw_batches(axes, view)
        _draw_folds(axes, view, averaging_constants)
        _draw_left_out(axes, view)
        _draw_gaps(axes, view)
        _draw_marks(axes, view)
        _dress(axes, view)
    return figure


def _draw_gaps(axes: Axes, view: SeriesView) -> None:
    """Draws a band over missing indices below the largest index present."""
    there = np.concatenate([np.array([-1], np.int64), view.all_indices])
    behind = np.flatnonzero(np.diff(there) > 1)
    spans = [(there[at] + 0.5, there[at + 1] - there[at] - 1) for at in behind]
    if spans:
        missing = sum(int(width) for _, width in spans)
        axes.broken_barh(
            spans,
            (0, 1),
            transform=axes.get_xaxis_transform(),
            facecolor=_GAP,
            label=f"missing ({missing:,})",
            zorder=0,
        )


def _draw_batches(axes: Axes, view: SeriesView) -> None:
    indices = view.indices[view.folded]
    look: dict[str, Any] = {"linewidth": 0.9, "zorder": 2}
    if len(indices) == 1:
        # Rings, because the fold's points would hide smaller markers.
        look |= {"marker": "o", "markersize": 9, "markerfacecolor": "none", "markeredgewidth": 1.8}
    elif len(indices) <= _MOST_MARKERS:
        look |= {"marker": "o", "markersize": 3.2}
    for name, values, color in (("max", view.highs, _MAX), ("min", view.lows, _MIN)):
        x, y = _broken(indices, values[view.folded])
        axes.plot(x, y, color=color, label=f"{name} of a batch", **look)


def _draw_left_out(axes: Axes, view: SeriesView) -> None:
    """Draws excluded batches. They do not change the scale; values beyond it are marked at the
    edge."""
    out = ~view.folded
    if not out.any():
        return
    x = np.tile(view.indices[out], 2)
    y = _drawable(np.concatenate([view.highs[out], view.lows[out]]))
    look: dict[str, Any] = {"linestyle": "", "markerfacecolor": "white", "zorder": 6}
    look["markeredgecolor"] = MUTED
    bottom, top = axes.get_ylim()
    axes.plot(x, y, marker="X", label=f"left out ({int(out.sum()):,})", **look)
    if not view.folded.any():
        return
    axes.set_ylim(bottom, top)
    for beyond, edge, marker, lift in ((y > top, top, "^", 0), (y < bottom, bottom, "v", 7)):
        # A line without points would make the layout reserve room at the origin.
        if not beyond.any():
            continue
        at = np.full(int(beyond.sum()), edge)
        axes.plot(x[beyond], at, marker=marker, clip_on=False, label=f"_beyond {marker}", **look)
        for position, value in list(zip(x[beyond], y[beyond], strict=True))[:_MOST_NUMBERS]:
            _annotate(axes, (float(position), edge), number(value), MUTED, lift)


def _annotate(axes: Axes, at: tuple[float, float], text: str, color: str, lift: int = 0) -> None:
    axes.annotate(
        text,
        at,
        xytext=(6, lift),
        textcoords="offset points",
        verticalalignment="center",
        color=color,
        fontsize=8.5,
        annotation_clip=False,
    )


def _draw_folds(axes: Axes, view: SeriesView, averaging_constants: Sequence[float]) -> None:
    for end in _draw_fold(axes, view, view.fold, color=_FOLD, linewidth=2, zorder=5):
        if np.isfinite(end[1]):
            place = (end[0], float(np.clip(end[1], -_LARGEST, _LARGEST)))
            _annotate(axes, place, number(end[1]), _FOLD)
    for at, constant in enumerate(averaging_constants):
        other = dataclasses.replace(view.fold, observer="minmax", averaging_constant=constant)
        color = _OTHERS[at % len(_OTHERS)]
        dashes = (5, 2) if at < len(_OTHERS) else (1, 1)
        _draw_fold(axes, view, other, color=color, linewidth=1.4, dashes=dashes, zorder=4)


def _draw_fold(axes: Axes, view: SeriesView, fold: Fold, **look: Any) -> list[tuple[float, float]]:
    """Draws a fold, and returns the last points of its two lines."""
    indices = view.indices[view.folded]
    if len(indices) == 0:
        return []
    folds = fold.grow(
        view.lows[view.folded], view.highs[view.folded], view.num_observations[view.folded]
    )
    label = _FOLD_NAMES.get(fold.observer, f"moving average, c = {fold.averaging_constant:g}")
    if not all(np.isfinite(values[-1]) for values in folds):
        label += ": not finite"
    # The marker at the end shows the answer, and makes a fold of a single batch visible.
    look |= {"marker": "o", "markersize": 4, "markevery": [-1]}
    for values, name in zip(folds, (f"_min, {label}", label), strict=True):
        axes.plot(indices, _drawable(values), label=name, **look)
    return [(float(indices[-1]), float(values[-1])) for values in folds]


def _draw_marks(axes: Axes, view: SeriesView) -> None:
    """Marks batches without drawable values: batches with NaN or infinity, and empty batches."""
    across = axes.get_xaxis_transform()
    at = view.indices[view.not_finite]
    if len(at):
        axes.vlines(at, 0, 1, transform=across, color=_NOT_FINITE, linewidth=0.8, linestyle=":")
        axes.plot(
            at,
            np.ones(len(at)),
            transform=across,
            clip_on=False,
            linestyle="",
            marker="v",
            color=_NOT_FINITE,
            label=f"NaN or infinity ({len(at):,})",
        )
    empty = np.setdiff1d(view.all_indices, view.indices)
    if len(empty):
        axes.plot(
            empty,
            np.full(len(empty), 0.02),
            transform=across,
            linestyle="",
            marker="|",
            color=MUTED,
            label=f"empty ({len(empty):,})",
        )


def _dress(axes: Axes, view: SeriesView) -> None:
    from matplotlib.ticker import MaxNLocator

    clean(axes)
    axes.set_title(shortened(view.title, 90), fontsize=11, pad=20)
    axes.annotate(
        _subtitle(view),
        (0, 1),
        xycoords="axes fraction",
        xytext=(0, 7),
        textcoords="offset points",
        color=MUTED,
    )
    axes.set_xlabel("batch index")
    axes.set_ylabel("value")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes.ticklabel_format(axis="x", style="plain", useOffset=False)
    # Room for the numbers of the answer.
    last = float(view.all_indices[-1])
    axes.set_xlim(-0.03 * last - 0.5, 1.1 * last + 0.5)
    axes.legend(loc="upper left", bbox_to_anchor=(1.01, 1), borderaxespad=0)


def _subtitle(view: SeriesView) -> str:
    there, end = len(view.all_indices), int(view.all_indices[-1]) + 1
    batches = counted(end, "batch")
    parts = [batches if there == end else f"{there:,} of {batches}", view.dtype, view.fold.observer]
    if view.fold.reference:
        parts.append("reference arithmetic")
    if view.fold.weighted:
        parts.append("weighted by num_observations")
    return ", ".join(parts)


def _drawable(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """The values with NaN instead of infinity, limited to magnitudes that the axes can handle."""
    return np.where(np.isfinite(values), np.clip(values, -_LARGEST, _LARGEST), np.nan)


def _broken(
    indices: NDArray[np.int64], values: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The line with a gap after each index whose successor is missing."""
    holes = np.flatnonzero(np.diff(indices) > 1) + 1
    x = np.insert(indices.astype(np.float64), holes, np.nan)
    return x, np.insert(_drawable(values), holes, np.nan)
