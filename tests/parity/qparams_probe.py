"""Queries to the core, through qparams_probe.cc."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from qparams_forms import Answer, QParams, Question, Range, Refusal, Tensor


def _range(found: Range) -> dict[str, Any]:
    return {
        "dtype": found.min.dtype,
        "shape": found.min.shape,
        "min": found.min.data.hex(),
        "max": found.max.data.hex(),
    }


def _tensor(found: dict[str, Any]) -> Tensor:
    return Tensor(found["dtype"], tuple(found["shape"]), bytes.fromhex(found["data"]))


def _qparams(found: dict[str, Any]) -> QParams:
    global_scale = found.get("global_scale")
    notes = tuple((n["trap"], n["repaired"], n["count"], n["first"]) for n in found["notes"])
    return QParams(
        _tensor(found["scale"]),
        _tensor(found["zero_point"]),
        global_scale and _tensor(global_scale),
        notes,
    )


class Probe:
    """The program qparams_probe as a process. A context manager."""

    def __init__(self, program: Path) -> None:
        self._process = subprocess.Popen(
            [program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.communicate()

    def _ask(self, request: dict[str, Any]) -> Any:
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"qparams_probe ended with {self._process.wait()}: {request}")
        found = json.loads(line)
        return Refusal(found["error"]) if "error" in found else found["answer"]

    def args(self, text: str) -> dict[str, str] | Refusal:
        """`json` and `zp_dtype`."""
        return self._ask({"op": "args", "text": text})

    def presets(self) -> list[dict[str, Any]]:
        return self._ask({"op": "presets"})

    def qparams(self, question: Question, arithmetic: str, observed: str) -> Answer | Refusal:
        found = self._ask(
            {
                "op": "qparams",
                "args": json.dumps(question.args),
                "arithmetic": arithmetic,
                "observed": observed,
                "range": _range(question.range),
                "global_ranges": [_range(member) for member in question.global_ranges],
            }
        )
        if isinstance(found, Refusal):
            return found
        return Answer(_qparams(found["returned"]), _qparams(found["stored"]))
