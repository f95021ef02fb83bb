"""Calibrates a real model, all-MiniLM-L6-v2, with llm-compressor's `oneshot`: with its own
observers and with the observers of calipers.llmcompressor, in 1, 2 and 4 processes, which
torch.distributed (gloo) connects. Each process has a part of the batches.

With one process the scales, zero points and global scales on the modules must be equal, bit for
bit. With more processes the observers of Calipers must give the results of one process, in both
arithmetics. The table also shows the results of llm-compressor's own observers, which it averages
over the processes (0.14) or which differ between processes (0.10).

Exit status: 0 the bits agree, 1 they differ or an error occurred, 2 wrong usage.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

TOP = Path(__file__).resolve().parents[2]
sys.path.append(str(TOP / "tests" / "parity"))

from server import running

from agreement import Distance, Parameters, measure, of_side, read, worst
from group import Group, GroupError, Places, find_model, variables
from recipes import DTYPES, OWN, QUICK, REFERENCE, SIDES, VERSIONS, WHOLE, Plan, Recipe, Side

BATCHES = 33
ORDERS = ("contiguous", "interleaved")


@dataclass(frozen=True)
class Case:
    """A calibration, for all observers and numbers of processes."""

    version: str
    recipe: Recipe
    dtype: str


Found = dict[tuple[Case, Side, int], list[Parameters]]
"""The parameters of each process."""


@dataclass(frozen=True)
class Row:
    """Distances of `processes` processes from one process: the worst process of each side."""

    case: Case
    processes: int
    weights: Distance
    own: Distance
    reference: Distance
    exact: Distance
    seconds: dict[str, float]

    @property
    def agrees(self) -> bool:
        return not any(each.differing for each in (self.weights, self.reference, self.exact))

    def as_json(self) -> dict[str, object]:
        case = {"llm_compressor": self.case.version, "recipe": self.case.recipe.name}
        distances = {
            name: getattr(self, name).as_json() for name in ("weights", "own", "reference", "exact")
        }
        return {
            **case,
            "dtype": DTYPES[self.case.dtype],
            "processes": self.processes,
            **distances,
            "seconds": self.seconds,
        }


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="scripts/drop-in",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--quick", action="store_true", help="one recipe, 1 and 2 processes")
    parser.add_argument(
        "--order",
        choices=ORDERS,
        default=ORDERS[0],
        help="the distribution of batches over processes: contiguous parts, or in turn",
    )
    parser.add_argument("--version", choices=VERSIONS, help="llm-compressor (default: both)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the table to FILE")
    parser.add_argument("--self-check", action="store_true", help="flip one bit: the run must fail")
    parser.add_argument(
        "--tests",
        action="store_true",
        help="run the tests in tests/drop_in instead, with --version or with both versions",
    )
    return parser.parse_args()


def jobs_of(plan: Plan, version: str, processes: int, order: str, address: str) -> Iterator[tuple]:
    """Each case and side with its job, in the order in which every process runs the jobs."""
    for recipe in plan.recipes:
        for dtype in plan.dtypes:
            for side in SIDES:
                run = f"{version}-{plan.recipes.index(recipe)}-{dtype}-{side.name}-{processes}"
                environment = {
                    "CALIPERS_SERVER": address,
                    "CALIPERS_RUN": run,
                    "CALIPERS_ARITHMETIC": side.arithmetic,
                    # Contiguous parts of a data set show their order.
                    "CALIPERS_ORDER": order if order == "interleaved" else "auto",
                }
                job = {
                    "dtype": dtype,
                    "arguments": recipe.arguments,
                    "observer": side.observer(recipe),
                    "order": order,
                    "batches": BATCHES,
                    "environment": environment,
                }
                yield Case(version, recipe, dtype), side, job


def calibrate(
    plan: Plan, places: Places, version: str, order: str, address: str
) -> tuple[Found, dict[tuple, float]]:
    """Calibrates with one version. Returns the parameters of every process, and the seconds of
    the slowest process."""
    found: Found = {}
    seconds: dict[tuple, float] = {}
    for processes in plan.processes:
        planned = list(jobs_of(plan, version, processes, order, address))
        jobs = [job for _, _, job in planned]
        name = f"{version}-{processes}"
        print(f"llm-compressor {version}, {processes} processes ...", file=sys.stderr, flush=True)
        with Group(places, VERSIONS[version], processes, jobs, name) as group:
            group.wait()
            for place, (case, side, _) in enumerate(planned):
                left = [
                    read(group.folder / f"{place}-{rank}.safetensors") for rank in range(processes)
                ]
                found[case, side, processes] = [parameters for parameters, _ in left]
                seconds[case, side, processes] = max(each for _, each in left)
    return found, seconds


def compare(found: Found, seconds: dict[tuple, float]) -> list[Row]:
    """A row for each case and number of processes."""
    rows = []
    for case, side, processes in found:
        if side is not OWN:
            continue
        single = found[case, OWN, 1][0]
        inputs = {
            # Exact arithmetic gives other bits than one process of llm-compressor.
            each.name: worst(
                measure(of_side(wanted, "input"), of_side(given, "input"))
                for given in found[case, each, processes]
            )
            for each in SIDES
            for wanted in [single if each in (OWN, REFERENCE) else found[case, each, 1][0]]
        }
        weights = worst(
            measure(of_side(single, "weight"), of_side(given, "weight"))
            for given in found[case, REFERENCE, processes]
        )
        rows.append(
            Row(
                case,
                processes,
                weights,
                seconds={each.name: seconds[case, each, processes] for each in SIDES},
                **inputs,
            )
        )
    return rows


def spoil(found: Found) -> None:
    """Flips one bit of one scale, for the negative control."""
    (case, _, processes), _ = next(item for item in found.items() if item[0][1] is REFERENCE)
    left = found[case, REFERENCE, processes][0]
    name = next(name for name in left if name.endswith("input_scale"))
    data = left[name].data
    left[name] = replace(left[name], data=bytes([data[0] ^ 1]) + data[1:])


def lines_of(rows: list[Row]) -> list[str]:
    """The lines of an aligned Markdown table, with a row for each case."""
    sizes = sorted({row.processes for row in rows})
    by_case: dict[Case, dict[int, Row]] = {}
    for row in rows:
        by_case.setdefault(row.case, {})[row.processes] = row
    head = ["llm-compressor", "recipe", "dtype", "values", "Calipers, 1"]
    head += [f"{whose}, {size}" for size in sizes[1:] for whose in ("its own", "Calipers")]
    cells = [head]
    for case, found in by_case.items():
        alone = found[1]
        line = [case.version, case.recipe.name, DTYPES[case.dtype]]
        line += [str(alone.reference.values), str(alone.reference)]
        for size in sizes[1:]:
            row = found[size]
            line += [str(row.own), str(worst([row.reference, row.exact]))]
        cells.append(line)
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    cells.insert(1, ["-" * width for width in widths])
    return [
        "| "
        + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        + " |"
        for line in cells
    ]


def report(rows: list[Row]) -> int:
    """Prints the table. Returns 0 if the bits agree."""
    print("Number of input scales, zero points and global scales that differ from a single-process")
    print("run, for llm-compressor's own observers and for the observers of Calipers (the worse of")
    print("both arithmetics), by number of processes; the largest relative difference of a scale;")
    print("the largest difference of a zero point in steps. The worst process is shown:\n")
    print("\n".join(lines_of(rows)))
    failed = sum(not row.agrees for row in rows)
    for row in rows:
        if row.weights.differing:
            print(f"DIFFERS {row.case.recipe.name}, weights: {row.weights}")
    values = sum(row.reference.values + row.exact.values + row.weights.values for row in rows)
    print(f"\n{values} values compared; {len(rows) - failed} passed, {failed} failed")
    return 1 if failed else 0


def run_tests(environments: Path, only: str | None) -> int:
    """Runs the tests with each version, or with one version. Returns 0 if all pass."""
    failed = 0
    for version, environment in VERSIONS.items():
        if only not in (None, version):
            continue
        print(f"llm-compressor {version}:", flush=True)
        command = [environments / environment / "bin" / "python", "-m", "pytest", "-q"]
        command += ["-p", "no:cacheprovider", Path(__file__).parent]
        failed += subprocess.run(command, env=variables(environments)).returncode != 0
    return 1 if failed else 0


def main() -> int:
    arguments = parse_arguments()
    environments = Path(os.environ["CALIPERS_ENV_DIR"])
    if arguments.tests:
        return run_tests(environments, arguments.version)
    plan = QUICK if arguments.quick else WHOLE
    build = Path(os.environ.get("CALIPERS_BUILD", TOP / "build" / "release"))
    work = TOP / "build" / "drop-in"
    work.mkdir(parents=True, exist_ok=True)
    rows: list[Row] = []
    with (
        TemporaryDirectory(dir=work) as temporary,
        running(build / "server" / "calipers-server", work) as address,
    ):
        places = Places(environments, find_model(environments), Path(temporary))
        for version in [arguments.version] if arguments.version else plan.versions:
            try:
                found, seconds = calibrate(plan, places, version, arguments.order, address)
            except GroupError as error:
                print(f"scripts/drop-in: llm-compressor {version}: {error}", file=sys.stderr)
                return 1
            if arguments.self_check:
                spoil(found)
            rows += compare(found, seconds)
    if arguments.json:
        arguments.json.write_text(json.dumps([row.as_json() for row in rows], indent=1) + "\n")
    return report(rows)


if __name__ == "__main__":
    sys.exit(main())
