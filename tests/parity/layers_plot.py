"""Draws the results of layers.py as an SVG file."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import matplotlib
import numpy as np

matplotlib.use("svg")
# Makes the SVG file reproducible.
matplotlib.rcParams["svg.hashsalt"] = "calipers"
matplotlib.rcParams["svg.fonttype"] = "none"
METADATA = {"Date": None, "Creator": None}

from matplotlib import pyplot as plt  # noqa: E402

TITLES = {"real": "the model's activations", "normal": "normal ones of the same deviation"}
COLORS = {"input": "#4c78a8", "output": "#dd8452"}
MARKERS = {"min": "v", "max": "^"}


def picture(rows: list[dict]) -> plt.Figure:
    """A column for each kind of activations: on top the distances of all layers over the batches,
    below the last distances of each layer."""
    modules = list(dict.fromkeys(row["session"].rpartition("/")[0] for row in rows))
    figure, panels = plt.subplots(
        2,
        2,
        figsize=(10.5, 3.2 + 0.2 * len(modules)),
        height_ratios=(2.4, 0.2 * len(modules)),
        layout="constrained",
    )
    for column, (kind, title) in enumerate(TITLES.items()):
        of_kind = [row for row in rows if row["kind"] == kind]
        batches = len(of_kind[0]["min"])
        draw_growth(panels[0, column], of_kind)
        panels[0, column].set_title(f"{title}, {batches} batches", fontsize=10, loc="left")
        draw_last(panels[1, column], of_kind, modules)
        panels[1, column].set_title(f"after {batches} batches", fontsize=10, loc="left")
    panels[1, 1].set_yticklabels([])
    for axes in panels.flat:
        axes.set_axisbelow(True)
        axes.spines[["top", "right"]].set_visible(False)
    panels[0, 0].set_ylabel("distance")
    panels[0, 0].legend(frameon=False, fontsize=8.5, loc="upper left")
    panels[1, 1].legend(frameon=False, fontsize=8.5, loc="lower right")
    figure.supxlabel(
        "distance: units in the last place of bfloat16, of the exact average",
        x=0.01,
        horizontalalignment="left",
        fontsize=8.5,
        color="#6b6b6b",
    )
    return figure


def draw_growth(axes: plt.Axes, rows: list[dict]) -> None:
    """Draws the quartiles, the median and the maximum over all ends after each batch."""
    ends = np.array([row[side] for row in rows for side in MARKERS])
    at = np.arange(1, ends.shape[1] + 1)
    low, middle, high = np.quantile(ends, [0.25, 0.5, 0.75], axis=0)
    axes.fill_between(at, low, high, color="#c9d6e8", linewidth=0, label="the middle half")
    axes.plot(at, middle, color="#1a1a1a", linewidth=1.5, label="median")
    axes.plot(at, ends.max(axis=0), color="#6b6b6b", linewidth=0.9, label="greatest")
    axes.set_xlabel("batches", fontsize=9)
    axes.set_ylim(bottom=0)
    axes.grid(axis="y", color="#e6e6e6", linewidth=0.6)


def draw_last(axes: plt.Axes, rows: list[dict], modules: list[str]) -> None:
    """Draws a line for each module, from the top, with the ends of its input and output."""
    for base_name, color in COLORS.items():
        for side, marker in MARKERS.items():
            found = {
                row["session"].rpartition("/")[0]: row[side][-1]
                for row in rows
                if row["session"].endswith(f"/{base_name}")
            }
            axes.plot(
                [found[module] for module in modules],
                range(len(modules)),
                linestyle="",
                marker=marker,
                markersize=5,
                markerfacecolor="none",
                color=color,
                label=f"{base_name}, {side}",
            )
    axes.set_yticks(range(len(modules)), modules, fontsize=8)
    axes.set_ylim(len(modules) - 0.4, -0.6)
    axes.set_xlim(left=-0.5)
    axes.set_xlabel("distance", fontsize=9)
    axes.grid(color="#e6e6e6", linewidth=0.6)
    axes.tick_params(axis="y", length=0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, required=True, help="file from layers.py")
    parser.add_argument("--out", type=Path, required=True, help="output folder")
    arguments = parser.parse_args()
    figure = picture(json.loads(arguments.json.read_text()))
    arguments.out.mkdir(parents=True, exist_ok=True)
    path = arguments.out / "bfloat16.svg"
    figure.savefig(path, metadata=METADATA, facecolor="white")
    print(path)


if __name__ == "__main__":
    main()
