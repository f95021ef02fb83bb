"""Draws the growth of costs with the numbers of sessions and workers and the size of tensors."""

from __future__ import annotations

import argparse
import json
import math
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import matplotlib

matplotlib.use("svg")
# Makes the SVG files reproducible.
matplotlib.rcParams["svg.hashsalt"] = "calipers"
matplotlib.rcParams["svg.fonttype"] = "none"
METADATA = {"Date": None, "Creator": None}

from matplotlib import pyplot as plt  # noqa: E402
from matplotlib.axes import Axes  # noqa: E402
from matplotlib.ticker import FuncFormatter, NullLocator  # noqa: E402

CALIPERS = "#0b6e4f"
LIMIT = "#9a9a9a"


@dataclass
class Panel:
    """One pair of axes: rows of the benchmark over the growing quantity."""

    rows: str  # a regular expression; its group is the growing quantity
    title: str
    y_label: str
    x_label: str
    x_text: Callable[[float], str]
    limit: str = "raw gRPC, discards"


def count(value: float) -> str:
    """1k, 1M"""
    for size, unit in ((1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{value / size:g}{unit}"
    return f"{value:g}"


def kibibytes(value: float) -> str:
    """1 KiB, 1 MiB, 1 GiB"""
    for size, unit in ((1 << 20, "GiB"), (1 << 10, "MiB")):
        if value >= size:
            return f"{value / size:g} {unit}"
    return f"{value:g} KiB"


def sessions(figure: str, title: str, unit: str) -> Panel:
    """A panel over the number of sessions."""
    return Panel(rf"growth/sessions=(\d+)/{figure}", title, unit, "sessions", count)


PICTURES = {
    "sessions": [
        sessions("open", "Opening them, one call each", "sessions a second"),
        sessions("memory", "Memory of an open session", "bytes"),
        Panel(
            r"growth/sessions=(\d+)/lookup",
            "GetSession of any of them",
            "µs",
            "sessions",
            count,
            limit="echo",
        ),
        sessions("list", "ListSessions, a page of 100", "µs"),
        sessions("records", "A reduced record to each", "records a second"),
        sessions("used_memory", "Memory of a session with a record", "bytes"),
    ],
    "workers": [
        Panel(r"growth/workers=(\d+)/tensors", "Tensors of 1 MiB", "GB/s", "workers", count),
        Panel(
            r"growth/workers=(\d+)/records",
            "Reduced records in batches of 448",
            "records a second",
            "workers",
            count,
            limit="raw gRPC, parses and acknowledges",
        ),
    ],
    "tensors": [
        Panel(
            r"growth/tensor=(\d+)KiB/ingest",
            "Tensors over one stream, in pieces of 256 KiB",
            "GB/s",
            "bytes of a tensor",
            kibibytes,
        )
    ],
}


def points(rows: list[dict], panel: Panel) -> list[tuple[float, dict]]:
    """The panel's rows by the growing quantity."""
    found = [(re.fullmatch(panel.rows, row["name"]), row) for row in rows]
    return sorted(
        ((float(match.group(1)), row) for match, row in found if match), key=lambda p: p[0]
    )


def draw(axes: Axes, panel: Panel, found: list[tuple[float, dict]]) -> None:
    """Draws the line of Calipers, and the line of the limit if there is one."""
    limits = [(x, row["limit"]) for x, row in found if row["limit"]]
    if limits:
        axes.plot(*zip(*limits), color=LIMIT, marker="o", markersize=3, label=panel.limit)
    line = [(x, row["calipers"]) for x, row in found]
    axes.plot(*zip(*line), color=CALIPERS, marker="o", markersize=4, label="Calipers")
    axes.set_xscale("log")
    axes.set_ylim(0, 1.1 * axes.get_ylim()[1])
    ticks = [x for x, _ in found]
    # As many ticks as there is room for labels.
    axes.set_xticks(ticks[:: math.ceil(len(ticks) / 7)])
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: panel.x_text(x)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda y, _: count(y)))
    axes.set_title(panel.title, fontsize=10, loc="left")
    axes.set_ylabel(panel.y_label)
    axes.set_xlabel(panel.x_label)
    axes.grid(axis="y", color="#e6e6e6", linewidth=0.6)
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    if limits:
        axes.legend(frameon=False, fontsize=8, loc="best")


def picture(rows: list[dict], panels: list[Panel]) -> plt.Figure:
    """Draws the panels, two in each row."""
    columns = min(2, len(panels))
    lines = (len(panels) + columns - 1) // columns
    figure, axes = plt.subplots(
        lines, columns, figsize=(4.6 * columns + 0.4, 2.7 * lines), squeeze=False
    )
    for axis, panel in zip(axes.flat, panels):
        found = points(rows, panel)
        if not found:
            sys.exit(
                f"no rows {panel.rows}: run scripts/bench --only 'growth/*' --json FILE"
            )
        draw(axis, panel, found)
    figure.tight_layout()
    return figure


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, required=True, help="the bench's rows")
    parser.add_argument("--out", type=Path, required=True, help="where the pictures go")
    arguments = parser.parse_args()
    rows = json.loads(arguments.json.read_text())
    arguments.out.mkdir(parents=True, exist_ok=True)
    # All pictures are drawn before the first is written, so that an error changes no file.
    pictures = {name: picture(rows, panels) for name, panels in PICTURES.items()}
    for name, figure in pictures.items():
        path = arguments.out / f"{name}.svg"
        figure.savefig(path, metadata=METADATA, facecolor="white")
        print(path)


if __name__ == "__main__":
    main()
