"""The layer `qparams` of scripts/parity: compares quantization args, presets, scales and zero
points of the core with compressed-tensors and llm-compressor."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from tqdm import tqdm

from qparams_args import STRICTER, grid, random_args
from qparams_cases import QParamsCase, has_mx_scales, make_case
from qparams_export import ExportChecker
from qparams_forms import Answer, QParams, Question, Refusal, Tensor
from qparams_observed import as_observed, weight_shape
from qparams_oracle import check_exact
from qparams_probe import Probe
from qparams_reference import QParamsReference
from server import running
from stubs import generate

if TYPE_CHECKING:
    # Generated in this folder.
    from qparams_service import QParamsService

BATCH = 100
RANDOM_ARGS_A_CASE = 4
TOP = Path(__file__).resolve().parents[2]


@dataclass
class Count:
    """The comparisons so far."""

    compared: int = 0
    refused: int = 0
    differences: list[str] = field(default_factory=list)


def _same_json(a: str, b: str) -> bool:
    """True if the members and their order are equal. The order in observer_kwargs is ignored."""
    return list(json.loads(a).items()) == list(json.loads(b).items())


def args_difference(expected: dict[str, Any], given: dict[str, str] | Refusal) -> str | None:
    """A description of the difference. None if both sides refuse the args for the same members, or
    resolve them to the same args."""
    if ("refused" in expected) != isinstance(given, Refusal):
        return f"expected {expected}, got {given}"
    if isinstance(given, Refusal):
        # For a rule about two members pydantic names no member.
        named = not expected["members"] or any(name in given.words for name in expected["members"])
        return None if named else f"expected a word of {expected['members']}, got {given}"
    if _same_json(expected["json"], given["json"]) and expected["zp_dtype"] == given["zp_dtype"]:
        return None
    return f"expected {expected}, got {given}"


def _compare_args(
    probe: Probe, newest: QParamsReference, texts: list[str], found: Count
) -> set[str]:
    """Adds the comparisons to `found`. Returns the JSON of the accepted args."""
    written = set()
    for text, expected in zip(texts, newest.args(texts), strict=True):
        given = probe.args(text)
        found.compared += 1
        if difference := args_difference(expected, given):
            found.differences.append(f"args {text}: {difference}")
        if isinstance(given, Refusal):
            found.refused += 1
        else:
            written.add(given["json"])
    return written


def check_args(probe: Probe, newest: QParamsReference, seed: int, count: int) -> Count:
    """Checks that both sides refuse args or resolve them to the same args, also for the JSON that
    was written from accepted args."""
    rng = np.random.default_rng([seed, 7])
    found = Count()
    texts = [json.dumps(args) for args in [*grid(), *random_args(rng, count)]]
    written = _compare_args(probe, newest, texts, found)
    _compare_args(probe, newest, sorted(written), found)
    return found


def check_stricter(probe: Probe, newest: QParamsReference) -> Count:
    """Checks args that Calipers deliberately refuses and compressed-tensors accepts."""
    texts = [json.dumps(args) for args in STRICTER]
    found = Count(compared=len(texts), refused=len(texts))
    for text, expected in zip(texts, newest.args(texts), strict=True):
        given = probe.args(text)
        if "refused" in expected or not isinstance(given, Refusal):
            found.differences.append(f"args {text}: expected {expected}, got {given}")
    return found


def check_export(
    checker: ExportChecker, newest: QParamsReference, presets: list[dict[str, Any]], work: Path
) -> Count:
    """Checks that layers with exported qparams have the same bits as calibrated layers: their
    parameters, their quantized weights and their outputs."""
    found = Count()
    checker.observe()
    for preset in presets:
        if preset["weights"] is None:
            continue
        for name, expected, given in checker.pairs(preset["name"], newest, work):
            found.compared += 1
            if difference := tensor_difference(name, expected, given):
                found.differences.append(difference)
    return found


def _without_text(preset: dict[str, Any]) -> dict[str, Any]:
    """The args without their text form, for comparing contents and order."""

    def said(args: Any) -> Any:
        if not isinstance(args, dict):
            return args
        return list(json.loads(args["json"]).items()), args["zp_dtype"]

    return {name: said(value) for name, value in preset.items()}


def check_fusion(service: QParamsService, newest: QParamsReference) -> Count:
    """Checks that the known groups are exactly llm-compressor's groups."""
    expected = sorted(sorted(names) for names in newest.fused())
    given = sorted(service.fused([name for names in expected for name in names]))
    found = Count(compared=len(expected))
    if expected != given:
        found.differences.append(f"fused: expected {expected}, got {given}")
    return found


def check_presets(probe: Probe, newest: QParamsReference) -> Count:
    expected = [_without_text(preset) for preset in newest.presets()]
    given = [_without_text(preset) for preset in probe.presets()]
    found = Count(compared=len(expected))
    if [preset["name"] for preset in expected] != [preset["name"] for preset in given]:
        found.differences.append(f"presets: expected {expected}, got {given}")
        return found
    for wanted, got in zip(expected, given, strict=True):
        if wanted != got:
            found.differences.append(f"preset {wanted['name']}: expected {wanted}, got {got}")
    return found


def tensor_difference(label: str, expected: Tensor | None, given: Tensor | None) -> str | None:
    """A description of the difference in bits; all NaNs are equal."""
    if expected == given:
        return None
    if expected is None or given is None:
        return f"{label}: expected {expected}, got {given}"
    if (expected.dtype, expected.shape) != (given.dtype, given.shape):
        return (
            f"{label}: expected {expected.dtype} of shape {expected.shape}, "
            f"got {given.dtype} of shape {given.shape}"
        )
    wanted, got = expected.elements(), given.elements()
    size = wanted.itemsize
    same = np.array(
        [
            expected.data[i : i + size] == given.data[i : i + size]
            for i in range(0, wanted.nbytes, size)
        ]
    )
    same |= np.isnan(expected.numbers()) & np.isnan(given.numbers())
    if same.all():
        return None
    place = int(np.flatnonzero(~same)[0])
    return (
        f"{label}: {(~same).sum()} of {same.size} differ, first [{place}]: expected "
        f"{wanted[place]!r}, got {got[place]!r}"
    )


def _qparams_differences(label: str, expected: QParams, given: QParams) -> list[str]:
    pairs = [
        (name, getattr(expected, name), getattr(given, name))
        for name in ("scale", "zero_point", "global_scale")
    ]
    found = [tensor_difference(f"{label} {name}", wanted, got) for name, wanted, got in pairs]
    return [difference for difference in found if difference]


def _differences(label: str, expected: Answer | Refusal, given: Answer | Refusal) -> list[str]:
    if isinstance(expected, Refusal) or isinstance(given, Refusal):
        if isinstance(expected, Refusal) and isinstance(given, Refusal):
            return []
        return [f"{label}: expected {expected}, got {given}"]
    found = _qparams_differences(f"{label}, returned", expected.returned, given.returned)
    if expected.stored:
        found += _qparams_differences(f"{label}, stored", expected.stored, given.stored)
    return found


def _spoilt(given: QParams) -> QParams:
    """Flips the lowest bit of the first scale, for the negative control."""
    data = bytes([given.scale.data[0] ^ 1]) + given.scale.data[1:]
    return replace(given, scale=replace(given.scale, data=data))


def _knows(reference: QParamsReference, question: Question) -> bool:
    """True if the version supports the case; floats with 6 bits need 0.20."""
    six = question.args.get("type") == "float" and question.args["num_bits"] == 6
    return not six or reference.versions["compressed-tensors"] >= "0.20"


def _stored_differences(
    label: str, expected: Answer | Refusal, given: QParams | Refusal
) -> list[str]:
    if isinstance(expected, Refusal) or isinstance(given, Refusal):
        if isinstance(expected, Refusal) and isinstance(given, Refusal):
            return []
        return [f"{label}: expected {expected}, got {given}"]
    return _qparams_differences(label, expected.stored, given)


@dataclass
class Result:
    values: int = 0
    refused: int = 0
    stored: int = 0
    ties: int = 0
    exact: int = 0
    exact_refused: int = 0
    served: int = 0
    served_refused: int = 0
    # The numbers of the failed cases.
    failed: set[int] = field(default_factory=set)
    notes: dict[str, int] = field(default_factory=dict)
    lines: list[str] = field(default_factory=list)


@dataclass
class QParamsChecker:
    probe: Probe
    references: list[QParamsReference]
    spoil: bool

    def check(self, seed: int, numbers: list[int], result: Result) -> None:
        cases = [make_case(seed, number) for number in numbers]
        asked = {}
        for reference in self.references:
            known = [case for case in cases if _knows(reference, case.question)]
            reference.ask([case.question for case in known])
            asked[reference.versions["compressed-tensors"]] = (reference, known)
        found: dict[int, list[str]] = {case.number: [] for case in cases}
        given = {case.number: self._in_reference(case, result) for case in cases}
        for version, (reference, known) in asked.items():
            for case, expected in zip(known, reference.answers(), strict=True):
                label = f"reference arithmetic, compressed-tensors {version}"
                found[case.number] += _differences(label, expected, given[case.number])
                if isinstance(expected, Answer) and expected.stored:
                    result.stored += 1
        for case in cases:
            found[case.number] += self._in_exact(case, result)
            if found[case.number]:
                result.failed.add(case.number)
                result.lines += [
                    f"DIFFERS {case.describe()}",
                    *(f"    {d}" for d in found[case.number]),
                ]

    def _in_reference(self, case: QParamsCase, result: Result) -> Answer | Refusal:
        given = self.probe.qparams(case.question, "reference", case.dtype)
        if isinstance(given, Refusal):
            result.refused += 1
            return given
        result.values += 2 * given.returned.scale.elements().size + bool(
            given.returned.global_scale
        )
        if self.spoil and not has_mx_scales(case.question.args):
            self.spoil = False
            return replace(given, returned=_spoilt(given.returned))
        return given

    def _in_exact(self, case: QParamsCase, result: Result) -> list[str]:
        given = self.probe.qparams(case.question, "exact", case.dtype)
        result.exact += 1
        result.exact_refused += isinstance(given, Refusal)
        ties, differences = check_exact(case.question, case.dtype, given)
        result.ties += ties
        return [f"exact arithmetic: {difference}" for difference in differences]


@dataclass
class ServiceChecker:
    """Checks the same ranges with a running server."""

    service: QParamsService
    newest: QParamsReference
    spoil: bool

    def check(self, seed: int, numbers: list[int], result: Result) -> None:
        cases = [make_case(seed, number) for number in numbers]
        cases = [
            replace(case, question=as_observed(case.question))
            for case in cases
            if weight_shape(case.question.args, case.question.range.min.shape)
        ]
        self.newest.ask([case.question for case in cases])
        given = [self._given(case) for case in cases]
        for case, expected, got in zip(cases, self.newest.answers(), given, strict=True):
            result.served += 1
            differences = _stored_differences("through the service", expected, got)
            if isinstance(got, Refusal):
                result.served_refused += 1
            if differences:
                result.failed.add(case.number)
                result.lines += [
                    f"DIFFERS {case.describe()}",
                    *(f"    {difference}" for difference in differences),
                ]

    def _given(self, case: QParamsCase) -> QParams | Refusal:
        given = self.service.stored(case.question)
        if not self.spoil or isinstance(given, Refusal):
            return given
        self.spoil = False
        return _spoilt(given)


def run(
    build: Path, environments: Path, work: Path, seed: int, numbers: range, spoil: bool
) -> int:
    """Runs the comparisons and prints a summary. Returns 0 if nothing differs."""
    work.mkdir(parents=True, exist_ok=True)
    generate(TOP / "proto", work / "stubs")
    # The module imports the generated stubs.
    from qparams_service import QParamsService

    names = ("reference-newest", "reference-current")
    with (
        Probe(build / "tests" / "parity" / "qparams_probe") as probe,
        running(build / "server" / "calipers-server", work) as address,
        QParamsReference(environments / names[0], work / "qparams-newest.log") as newest,
        QParamsReference(environments / names[1], work / "qparams-current.log") as current,
    ):
        for reference in (newest, current):
            reference.wait_until_ready()
            said = ", ".join(f"{name} {number}" for name, number in reference.versions.items())
            print(f"reference: {said}")
        args = check_args(probe, newest, seed, RANDOM_ARGS_A_CASE * len(numbers))
        stricter = check_stricter(probe, newest)
        presets = check_presets(probe, newest)
        export = check_export(
            ExportChecker(build / "client" / "calipers", address, TOP / "tests" / "data"),
            newest,
            probe.presets(),
            work,
        )
        checker = QParamsChecker(probe, [newest, current], spoil)
        service = QParamsService(address)
        fusion = check_fusion(service, newest)
        service_checker = ServiceChecker(service, newest, spoil)
        result = Result()
        starts = range(numbers.start, numbers.stop, BATCH)
        for start in tqdm(starts, unit="batch", disable=None):
            batch = list(range(start, min(start + BATCH, numbers.stop)))
            checker.check(seed, batch, result)
            service_checker.check(seed, batch, result)
    for line in result.lines[:60]:
        print(line)
    differing = 0
    for what, count in (
        ("args", args),
        ("args refused on purpose", stricter),
        ("presets", presets),
        ("groups that are fused", fusion),
        ("tensors of layers that an export was loaded on", export),
    ):
        print(
            f"{what}: {count.compared} compared ({count.refused} refused), "
            f"{len(count.differences)} differ"
        )
        differing += bool(count.differences)
        for line in count.differences[:10]:
            print(f"    {line}")
    print(
        f"qparams: {result.values} values compared in reference arithmetic with two versions "
        f"({result.refused} cases refused, {result.stored} also as a module holds them); "
        f"{result.exact} cases in exact arithmetic ({result.exact_refused} refused, "
        f"{result.ties} values off by the error of float64)"
    )
    print(
        f"service: {result.served} cases through a running server "
        f"({result.served_refused} refused)"
    )
    failed = len(result.failed) + differing
    print(f"{len(numbers) - len(result.failed)} passed, {failed} failed")
    return 1 if failed else 0
