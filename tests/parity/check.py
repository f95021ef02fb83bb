"""Checks one case: both arithmetics of the service, both references and the oracle."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np

from cases import Case
from compare import Tally, with_oracle, with_reference
from distance import Distances
from formats import NUMPY_DTYPES, Answers
from oracle import ExactPair, exact_answers
from references import Reference, case_job
from service import Service, quantization_args

OBSERVED_NAMES = ("current", "current_global")


@dataclass
class Corruption:
    """Flips one bit of one answer once, for the negative control."""

    wanted: bool

    def apply(self, answers: Answers) -> Answers:
        if not self.wanted or not answers:
            return answers
        found = answers["range"]
        if not np.isfinite(found.max).any():
            return answers
        self.wanted = False
        position = int(np.flatnonzero(np.isfinite(found.max))[0])
        dtype = NUMPY_DTYPES[found.dtype]
        elements = found.max.astype(dtype)
        elements.view(f"u{dtype.itemsize}")[position] ^= 1
        spoilt = elements.astype(np.float64)
        return {**answers, "range": replace(found, max=spoilt)}


@dataclass
class Checker:
    """Checks cases with the service, the references and the oracle."""

    service: Service
    references: dict[str, Reference]
    distances: Distances
    corruption: Corruption

    def check(self, case: Case) -> Tally:
        """Checks a case. Returns the tally of compared and different values."""
        for reference in self.references.values():
            reference.start(case_job(case))
        served = self._serve(case)
        exact = exact_answers(case) if case.layout.exact else None
        referred = {name: worker.finish() for name, worker in self.references.items()}
        tally = Tally()
        for step, count in enumerate(case.checkpoints):
            where = f"after {count}"
            in_reference, *in_exact = served[step]
            for version, answers in referred.items():
                label = f"{where}, reference arithmetic, llm-compressor {version}"
                tally.add(_against_reference(label, answers[step], in_reference))
            if exact is not None:
                label = f"{where}, exact arithmetic"
                tally.add(_against_oracle(label, case, exact[step], *in_exact))
        if exact is not None:
            self.distances.add(case, next(iter(referred.values()))[-1], exact[-1])
        return tally

    def _serve(self, case: Case) -> list[list[Answers]]:
        """The service's answers at each checkpoint, in reference arithmetic, and in exact
        arithmetic if that supports the shapes."""
        args = quantization_args(
            case.strategy,
            case.observer,
            case.averaging_constant,
            case.group_size,
            case.block_structure,
        )
        names = [
            self.service.create(f"{arithmetic}.{case.number}", case.base_name, args, arithmetic)
            for arithmetic in ("reference", "exact")[: 1 + case.layout.exact]
        ]
        answers = []
        start = 0
        for end in case.checkpoints:
            self.service.observe(names, case, start, end, seed=case.seed * 1000 + end)
            answers.append([self.service.answers(name) for name in names])
            start = end
        for name in names:
            self.service.delete(name)
        return [[self.corruption.apply(first), *rest] for first, *rest in answers]


def _seen_differs(label: str, expected: object, given: object) -> Tally | None:
    """True if only one side has an answer."""
    if (expected is None) == (given is None):
        return None
    said = {True: "nothing seen", False: "an answer"}
    wanted, got = said[expected is None], said[given is None]
    return Tally(values=1, differences=[f"{label}: expected {wanted}, got {got}"])


def _against_reference(label: str, expected: Answers, given: Answers) -> Tally:
    if (differs := _seen_differs(label, expected, given)) is not None:
        return differs
    tally = Tally()
    if not expected or not given:
        return tally
    for name, pair in expected.items():
        tally.add(with_reference(f"{label}, {name}", pair, given[name]))
    return tally


def _against_oracle(
    label: str, case: Case, expected: dict[str, ExactPair] | None, given: Answers
) -> Tally:
    if (differs := _seen_differs(label, expected, given)) is not None:
        return differs
    tally = Tally()
    if not expected or not given:
        return tally
    for name, pair in expected.items():
        observed = name in OBSERVED_NAMES
        dtype, error = (case.dtype, Fraction(0)) if observed else ("F64", _error_of(case))
        tally.add(with_oracle(f"{label}, {name}", pair, dtype, given[name], error))
    return tally


def _error_of(case: Case) -> Fraction:
    """The largest error of the float64 fold, as docs/numbers.md states it: n x 2^-52 of the largest
    magnitude among n records."""
    ends = [np.abs(tensor.astype(np.float64)).ravel() for tensor in case.tensors]
    magnitudes = np.concatenate(ends)
    finite = magnitudes[np.isfinite(magnitudes)]
    largest = Fraction(float(finite.max())) if finite.size else Fraction(0)
    return len(case.tensors) * largest / 2**52
