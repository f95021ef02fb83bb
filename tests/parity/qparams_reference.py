"""Queries to qparams_worker.py, and its answers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from qparams_forms import Answer, QParams, Question, Range, Refusal, Tensor
from references import Worker

SCRIPT = Path(__file__).with_name("qparams_worker.py")


def _raw(found: Range) -> list[tuple]:
    return [(side.dtype, side.shape, side.data) for side in (found.min, found.max)]


def _job(question: Question) -> dict:
    return {
        "args": json.dumps(question.args),
        "range": _raw(question.range),
        "global_ranges": [_raw(found) for found in question.global_ranges],
    }


def _qparams(raw: dict[str, tuple | None]) -> QParams:
    found = {name: value and Tensor(*value) for name, value in raw.items()}
    return QParams(found["scale"], found["zero_point"], found["global_scale"])


class QParamsReference(Worker):
    """One version of compressed-tensors and of llm-compressor."""

    def __init__(self, environment: Path, log: Path) -> None:
        super().__init__(environment, log, SCRIPT)

    def fused(self) -> list[list[str]]:
        """The groups of layer names that share a global scale."""
        self.start({"op": "fused"})
        return self.answer()

    def args(self, texts: list[str]) -> list[dict[str, Any]]:
        """For each of the args: `json` and `zp_dtype`, or `refused` (the reason) and `members`."""
        self.start({"op": "args", "texts": texts})
        return self.answer()

    def presets(self) -> list[dict[str, Any]]:
        self.start({"op": "presets"})
        return self.answer()

    def loaded(self, **job: Any) -> list[tuple[str, dict[str, Tensor], dict[str, Tensor]]]:
        """The results of a calibrated and of a loaded layer for each module; see
        qparams_loading.compare_loaded."""
        self.start({"op": "load", **job})

        def tensors(raw: dict[str, tuple]) -> dict[str, Tensor]:
            return {name: Tensor(*value) for name, value in raw.items()}

        return [(module, tensors(own), tensors(got)) for module, own, got in self.answer()]

    def ask(self, questions: list[Question]) -> None:
        self.start({"op": "qparams", "questions": [_job(question) for question in questions]})

    def answers(self) -> list[Answer | Refusal]:
        return [
            Refusal(found["refused"])
            if "refused" in found
            else Answer(_qparams(found["returned"]), found["stored"] and _qparams(found["stored"]))
            for found in self.answer()
        ]
