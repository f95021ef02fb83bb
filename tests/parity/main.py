"""Compares Calipers with llm-compressor and compressed-tensors, and with exact arithmetic.

Layer minmax asks a running calipers-server: every case is a session with random settings
and a series of 20 random tensors. In reference arithmetic the answers must have the bits
of llm-compressor 0.14 and 0.10 on PyTorch; in exact arithmetic they must be the correctly
rounded float32 of a fold over exact numbers, except within 1e-10 relative of a tie. A
seed gives the same cases each time; every combination of base name, strategy, dtype and
observer is among any 171 of them.

Layer qparams asks the core: every case is a range of random numbers under quantization
args. In reference arithmetic scale, zero point and global scale must have the bits of
compressed-tensors 0.20 and 0.19, as it returns them and as llm-compressor 0.14 leaves them
on a module; in exact arithmetic they must be the correctly rounded ones. What weights can
have of these ranges is asked of a running calipers-server, too. What `calipers export
--qparams` writes of the captured model is loaded on layers, for each preset, which must then
hold and give the bits of layers that llm-compressor calibrated. Beside that, a
grid of quantization args and random ones must be refused by both or come to the same, and
the presets must be the same. Every combination of format, strategy and dtype is among any
1,176 cases.

Layer oneshot runs llm-compressor's own oneshot on a real model, all-MiniLM-L6-v2, under
several schemes, and sends what its linear modules held and saw meanwhile to a running
calipers-server. What `calipers export --qparams` writes of that must have the bits that
oneshot left on the modules. Seeds and numbers of cases do not matter to it.

Exit status: 0 nothing differs, 1 something does, 2 bad usage.
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
    parser.add_argument("--seed", type=int, default=1, help="a fresh one gives fresh cases")
    parser.add_argument("--cases", type=int, help="how many (default: every combination once)")
    parser.add_argument("--case", type=int, help="only the case of this number")
    parser.add_argument(
        "--layer", choices=list(COMBINATIONS_OF_LAYER), default="minmax", help="what to compare"
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
    # These import what was just made.
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
