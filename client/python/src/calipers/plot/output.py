"""Style and output files of pictures."""

from __future__ import annotations

import contextlib
import io
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from calipers import extras
from calipers.errors import InvalidArgumentError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SUFFIXES = (".png", ".svg")

MUTED = "#6b6b6b"

_STYLE: dict[str, Any] = {
    "axes.axisbelow": True,
    "axes.labelcolor": "#333333",
    "axes.labelsize": 9,
    "axes.linewidth": 0.8,
    "axes.edgecolor": "#999999",
    "axes.titlelocation": "left",
    "font.size": 9,
    "legend.fontsize": 8.5,
    "legend.frameon": False,
    "savefig.dpi": 150,
    "svg.fonttype": "none",
    # Makes the SVG file reproducible.
    "svg.hashsalt": "calipers",
    "xtick.labelsize": 8.5,
    "ytick.labelsize": 8.5,
}


def require(path: str | os.PathLike[str] | None) -> None:
    """Checks that pictures can be drawn. Raises ImportError without matplotlib, and
    InvalidArgumentError for a path whose suffix is neither .png nor .svg."""
    extras.require("matplotlib", "drawing")
    if path is not None and Path(path).suffix.lower() not in SUFFIXES:
        raise InvalidArgumentError(
            f'path "{os.fspath(path)}" has another suffix (allowed: {" and ".join(SUFFIXES)})'
        )


@contextlib.contextmanager
def style() -> Iterator[None]:
    """Applies the style of all pictures within the block, and restores the user's settings after
    it."""
    import matplotlib as mpl

    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(_STYLE)
        yield


def clean(axes: Axes) -> None:
    """Draws a light grid for values, and removes the frame."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", color="#e8e8e8", linewidth=0.7)


def number(value: float) -> str:
    """A number with four significant digits, and with the minus sign of the axes."""
    large = 1000 <= abs(value) < 1e6
    return (f"{value:,.0f}" if large else f"{value:.4g}").replace("-", "\u2212")


def shortened(name: str, most: int) -> str:
    """The name, shortened in its middle to at most `most` characters."""
    half = (most - 1) // 2
    return name if len(name) <= most else f"{name[:half]}…{name[-half:]}"


def write(figure: Figure, path: str | os.PathLike[str] | None) -> Figure:
    """Writes the figure to `path`, unless it is None, and returns the figure. The same figure gives
    the same SVG file. Raises OSError."""
    if path is None:
        return figure
    kind = Path(path).suffix.lower().removeprefix(".")
    metadata = {"Date": None, "Creator": None} if kind == "svg" else None
    # Drawn in memory first, so that an error leaves no incomplete file.
    drawn = io.BytesIO()
    with style():
        figure.savefig(drawn, format=kind, metadata=metadata, facecolor="white")
    Path(path).write_bytes(drawn.getvalue())
    return figure
