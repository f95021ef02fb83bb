"""Compares a running calipers-server with llm-compressor and with exact arithmetic.

Every case is a session with random settings and a series of 20 random tensors. In
reference arithmetic the answers must have the bits of llm-compressor 0.14 and 0.10 on
PyTorch; in exact arithmetic they must be the correctly rounded float32 of a fold over
exact numbers, except within 1e-10 relative of a tie. A seed gives the same cases each
time; every combination of base name, strategy, dtype and observer is among any 171 of
them. Exit status: 0 nothing differs, 1 something does, 2 bad usage.
"""

from __future__ import annotations

import argparse
import os
import sys
from contextlib import ExitStack
from pathlib import Path

from tqdm import tqdm

from cases import COMBINATIONS, Case, make_case
from compare import Tally
from distance import Distances, stall_lines
from references import Reference, WorkerError
from server import running
from stubs import generate

TOP = Path(__file__).resolve().parents[2]
SHOWN_DIFFERENCES = 10


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="scripts/parity",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="example: scripts/parity --seed 7 --cases 342",
    )
    parser.add_argument("--seed", type=int, default=1, help="a fresh one gives fresh cases")
    parser.add_argument("--cases", type=int, default=COMBINATIONS, help="how many (default: 171)")
    parser.add_argument("--case", type=int, help="only the case of this number")
    parser.add_argument("--layer", choices=["minmax"], default="minmax", help="what to compare")
    parser.add_argument(
        "--self-check", action="store_true", help="corrupt one answer: the run must fail"
    )
    arguments = parser.parse_args()
    if arguments.seed < 0 or arguments.cases < 1 or (arguments.case or 0) < 0:
        parser.error("--seed and --case take 0 or more, --cases 1 or more")
    return arguments


def report(case: Case, differences: list[str]) -> None:
    tqdm.write(f"DIFFERS {case.describe()}", file=sys.stdout)
    for line in differences[:SHOWN_DIFFERENCES]:
        tqdm.write(f"    {line}", file=sys.stdout)
    if len(differences) > SHOWN_DIFFERENCES:
        tqdm.write(f"    ... {len(differences)} in all", file=sys.stdout)


def run_cases(checker, seed: int, numbers: range) -> tuple[Tally, int]:
    """What was compared in all, and how many cases failed."""
    total, failed = Tally(), 0
    for number in tqdm(numbers, unit="case", disable=None):
        case = make_case(seed, number)
        try:
            tally = checker.check(case)
        except Exception as error:
            report(case, [f"broke off: {error}"])
            raise
        total.add(tally)
        if tally.differences:
            failed += 1
            report(case, tally.differences)
    return total, failed


def main() -> int:
    arguments = parse_arguments()
    build = Path(os.environ.get("CALIPERS_BUILD", TOP / "build" / "release"))
    environments = Path(os.environ["CALIPERS_ENV_DIR"])
    work = TOP / "build" / "parity"
    generate(TOP / "proto", work / "stubs")
    # These import what was just made.
    from check import Checker, Corruption
    from refusals import check_refusals
    from service import Service

    if arguments.case is None:
        numbers = range(arguments.cases)
    else:
        numbers = range(arguments.case, arguments.case + 1)
    with ExitStack() as stack:
        workers = [
            stack.enter_context(Reference(environments / name, work / f"{name}.log"))
            for name in ("reference-current", "reference-moving-base")
        ]
        address = stack.enter_context(running(build / "server" / "calipers-server", work))
        for worker in workers:
            worker.wait_until_ready()
            said = ", ".join(f"{name} {number}" for name, number in worker.versions.items())
            print(f"reference: {said}")
        references = {worker.versions["llmcompressor"]: worker for worker in workers}
        service = Service(address)
        distances = Distances()
        checker = Checker(service, references, distances, Corruption(arguments.self_check))
        refusals = check_refusals(service, references)
        total, failed = run_cases(checker, arguments.seed, numbers)
        stalls = stall_lines(workers[0])

    print("\nPyTorch's moving averages of these cases, from the exact ones, in units in the")
    print("last place of their dtype:")
    print("\n".join(distances.lines()))
    print("\nThe maximum after 512 batches, averaging constant 0.01, PyTorch's and exact:")
    print("\n".join(stalls))
    print(f"\nrefusals: {refusals.values} compared, {len(refusals.differences)} differ")
    for line in refusals.differences:
        print(f"    {line}")
    print(
        f"parity: {total.values} values compared in {len(numbers)} cases, "
        f"{len(total.differences)} differ ({total.ties} within 1e-10 of a tie)"
    )
    print(f"{len(numbers) - failed} passed, {failed + bool(refusals.differences)} failed")
    return 1 if total.differences or refusals.differences else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (WorkerError, RuntimeError) as error:
        sys.exit(f"parity: {error}")
