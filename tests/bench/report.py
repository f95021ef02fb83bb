"""Makes a table and a JSON file of the benchmarks' results."""

from __future__ import annotations

import argparse
import fnmatch
import json
from pathlib import Path


def core_row(b: dict) -> dict:
    """A row of one of Google Benchmark's results."""
    if "bare_product" in b:
        unit = "folds/s"
        speed, limit = b["items_per_second"], b["bare_product"]
        peers = {"an observer each": b["an_observer_each"]}
    else:
        unit = "GB/s"
        speed, limit = b["bytes_per_second"] / 1e9, b["load_only"] / 1e9
        peers = {}
    return {
        "name": b["run_name"].removesuffix("/manual_time"),
        "unit": unit,
        "calipers": speed,
        "limit": limit,
        "ratio": speed / limit,
        "peers": peers,
    }


def core_rows(path: Path) -> list[dict]:
    """Rows of Google Benchmark's JSON: medians, with the limit of each."""
    results = json.loads(path.read_text())["benchmarks"]
    rows = [core_row(b) for b in results if b.get("aggregate_name") == "median"]
    return sorted(rows, key=lambda row: row["name"])


def figure(value: float | None) -> str:
    """A number with about three significant digits and with separators; "-" for None."""
    if value is None:
        return "-"
    return f"{value:,.0f}" if value >= 1000 else f"{value:.3g}"


def table(rows: list[dict]) -> str:
    """The rows as lines of aligned columns."""
    cells = [["benchmark", "unit", "Calipers", "limit", "ratio", "peers"]]
    for row in rows:
        peers = ", ".join(f"{name}: {figure(v)}" for name, v in row["peers"].items())
        cells.append(
            [
                row["name"],
                row["unit"],
                figure(row["calipers"]),
                figure(row["limit"]),
                "-" if row["ratio"] is None else f"{row['ratio']:.2f}",
                peers,
            ]
        )
    widths = [max(len(line[c]) for line in cells) for c in range(6)]
    lines = []
    for line in cells:
        left = [line[c].ljust(widths[c]) for c in (0, 1)]
        right = [line[c].rjust(widths[c]) for c in (2, 3, 4)]
        lines.append("  ".join([*left, *right, line[5]]).rstrip())
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--reducer", type=Path, help="Google Benchmark's JSON")
    parser.add_argument("--rows", type=Path, action="append", default=[], help="more rows")
    parser.add_argument("--only", default="*", help="names to show")
    parser.add_argument("--json", type=Path, help="where the rows go")
    arguments = parser.parse_args()
    rows: list[dict] = []
    if arguments.reducer:
        rows += core_rows(arguments.reducer)
    for path in arguments.rows:
        rows += json.loads(path.read_text())
    rows = [row for row in rows if fnmatch.fnmatch(row["name"], arguments.only)]
    if not rows:
        parser.exit(2, f"no row matches {arguments.only!r}; scripts/bench --help has examples\n")
    print(table(rows))
    if arguments.json:
        arguments.json.write_text(json.dumps(rows, indent=2) + "\n")


if __name__ == "__main__":
    main()
