"""Compares Calipers with llm-compressor and compressed-tensors, and with exact arithmetic.

Layer minmax tests a running calipers-server. Every case is a session with random settings and a
series of 20 random tensors. In reference arithmetic the answers must have the bits of
llm-compressor 0.14 and 0.10 with PyTorch. In exact arithmetic they are compared with a fold of exact
numbers, and may be off by the error that docs/numbers.md states for a fold in float64. A seed always
gives the same cases. Any 171 consecutive cases contain every combination of base name,
strategy, dtype and observer.

Layer qparams tests the core. Every case is a range of random numbers with quantization args. In
reference arithmetic scale, zero point and global scale must have the bits of compressed-tensors
0.20 and 0.19, as it returns them and as llm-compressor 0.14 stores them on a module. In exact
arithmetic they must be correctly rounded. Ranges that a weight can have are also tested with a
running calipers-server. For each preset, layers that load the output of `calipers export --qparams`
for the captured model must hold the same parameters, and compute the same bits, as layers that
llm-compressor calibrated. Both sides must refuse the same quantization args, of a grid and random
ones, or resolve them to the same args. The presets must be equal. Any 1,176 consecutive cases
contain every combination of format, strategy and dtype.

Layer oneshot runs llm-compressor's oneshot on a real model, all-MiniLM-L6-v2, with several schemes,
and sends the weights and inputs of its linear modules to a running calipers-server. The output of
`calipers export --qparams` must have the bits that oneshot stored on the modules. This layer
ignores --seed, --cases and --case.

Exit status: 0 nothing differs, 1 something differs, 2 wrong usage.
"""

from __future__ import annotations

import argparse
import os
import sys
from contextlib import ExitStack
from pathlib import Path

from tqdm import tqdm

import oneshot_layer
import qparams_cases
import qparams_layer
from cases import COMBINATIONS, Case, make_case
from compare import Tally
from distance import Distances, stall_lines
from references import Reference, WorkerError
from server import running
from stubs import generate

TOP = Path(__file__).resolve().parents[2]
SHOWN_DIFFERENCES = 10
COMBINATIONS_OF_LAYER = {
    "minmax": COMBINATIONS,
    "qparams": len(qparams_cases.COMBINATIONS),
    "oneshot": 1,
}


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="scripts/parity",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="example: scripts/parity --layer qparams --seed 7 --cases 2000",
    )
    parser.add_argument("--seed", type=int, default=1, help="seed of the random cases")
    parser.add_argument("--cases", type=int, help="number of cases (default: all combinations)")
    parser.add_argument("--case", type=int, help="run only the case with this number")
    parser.add_argument(
        "--layer", choices=list(COMBINATIONS_OF_LAYER), default="minmax", help="layer to test"
    )
    parser.add_argument(
        "--self-check", action="store_true", help="corrupt one answer: the run must fail"
    )
    arguments = parser.parse_args()
    if arguments.cases is None:
        arguments.cases = COMBINATIONS_OF_LAYER[arguments.layer]
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
    """The tally of all cases, and the number of failed cases."""
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
    if arguments.case is None:
        numbers = range(arguments.cases)
    else:
        numbers = range(arguments.case, arguments.case + 1)
    if arguments.layer == "oneshot":
        return oneshot_layer.run(build, environments, work, arguments.self_check)
    if arguments.layer == "qparams":
        return qparams_layer.run(
            build, environments, work, arguments.seed, numbers, arguments.self_check
        )
    return compare_minmax(arguments, build, environments, work, numbers)


def compare_minmax(
    arguments: argparse.Namespace, build: Path, environments: Path, work: Path, numbers: range
) -> int:
    generate(TOP / "proto", work / "stubs")
    # These modules import the generated stubs.
    from check import Checker, Corruption
    from refusals import check_refusals
    from service import Service

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

    print("\nDistance of PyTorch's moving averages from the exact averages in these cases, in")
    print("units in the last place of their dtype:")
    print("\n".join(distances.lines()))
    print("\nThe maximum after 512 batches, averaging constant 0.01, in PyTorch and exact:")
    print("\n".join(stalls))
    print(f"\nrefusals: {refusals.values} compared, {len(refusals.differences)} differ")
    for line in refusals.differences:
        print(f"    {line}")
    print(
        f"parity: {total.values} values compared in {len(numbers)} cases, "
        f"{len(total.differences)} differ"
    )
    print(f"{len(numbers) - failed} passed, {failed + bool(refusals.differences)} failed")
    return 1 if total.differences or refusals.differences else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (WorkerError, RuntimeError) as error:
        sys.exit(f"parity: {error}")
