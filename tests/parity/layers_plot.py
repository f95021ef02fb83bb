"""Draws what layers.py measured, as an SVG file."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import matplotlib

matplotlib.use("svg")
# Without these every run would give another file.
matplotlib.rcParams["svg.hashsalt"] = "calipers"
matplotlib.rcParams["svg.fonttype"] = "none"
METADATA = {"Date": None, "Creator": None}

from matplotlib import pyplot as plt  # noqa: E402

TITLES = {"real": "captured activations", "random": "normal ones of the same deviation"}


def picture(rows: list[dict]) -> plt.Figure:
    """A panel a kind of activations, a line a session: the further of the two ends."""
    figure, panels = plt.subplots(1, 2, figsize=(10, 4.4), layout="constrained")
    sessions = list(dict.fromkeys(row["session"] for row in rows))
    for axes, (kind, title) in zip(panels, TITLES.items()):
        for row in rows:
            if row["kind"] != kind:
                continue
            furthest = [max(ends) for ends in zip(row["min"], row["max"])]
            axes.plot(
                range(1, len(furthest) + 1),
                furthest,
                color=f"C{sessions.index(row['session'])}",
                marker="o" if len(furthest) < 50 else None,
                markersize=3,
                linewidth=1.3,
                label=row["session"],
            )
        axes.set_title(title, fontsize=10, loc="left")
        axes.set_xlabel("batches")
        axes.set_ylim(bottom=0)
        axes.grid(axis="y", color="#e6e6e6", linewidth=0.6)
        axes.set_axisbelow(True)
        axes.spines[["top", "right"]].set_visible(False)
    panels[0].set_ylabel("distance, units in the last place of bfloat16")
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(
        handles, labels, loc="outside lower left", ncols=2, frameon=False, fontsize=8
    )
    return figure


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, required=True, help="what layers.py wrote")
    parser.add_argument("--out", type=Path, required=True, help="the folder it goes into")
    arguments = parser.parse_args()
    figure = picture(json.loads(arguments.json.read_text()))
    arguments.out.mkdir(parents=True, exist_ok=True)
    path = arguments.out / "bfloat16.svg"
    figure.savefig(path, metadata=METADATA, facecolor="white")
    print(path)


if __name__ == "__main__":
    main()
