"""Exports the qparams of the captured model, and loads the file with the reference."""

from __future__ import annotations

import subprocess
from pathlib import Path

from qparams_forms import Tensor
from qparams_reference import QParamsReference

SECONDS = 120
MODULES = "encoder.layer.0.attention.self"
FUSED = ("query", "key", "value")


class ExportChecker:
    """The model of tests/data, observed by a running server in reference arithmetic."""

    def __init__(self, calipers: Path, address: str, data: Path) -> None:
        self._command = [str(calipers), "--server", address, "--run", "model"]
        self._weights = data / "minilm-weights.safetensors"
        self._activations = data / "minilm-activations-bf16.safetensors"

    def _run(self, *arguments: object) -> None:
        done = subprocess.run(
            [*self._command, *map(str, arguments)],
            capture_output=True,
            text=True,
            timeout=SECONDS,
        )
        if done.returncode != 0:
            raise RuntimeError(f"{arguments} ended with {done.returncode}: {done.stderr}")

    def observe(self) -> None:
        flags = ("--arithmetic", "reference", "--weight-strategy", "group", "--group-size", 16)
        files = (self._weights, self._activations)
        self._run("observe", *files, *flags, "--attention-strategy", "attn_head")

    def pairs(
        self, scheme: str, reference: QParamsReference, work: Path
    ) -> list[tuple[str, Tensor, Tensor | None]]:
        """(name, tensor of the layer that the reference calibrated, tensor of the loaded layer)."""
        path = work / "qparams.safetensors"
        flags = ("--scheme", scheme, "--fuse", ",".join(FUSED), "--force")
        self._run("export", "--qparams", path, *flags)
        found = reference.loaded(
            scheme=scheme,
            qparams=str(path),
            weights=str(self._weights),
            activations=str(self._activations),
            groups=[[f"{MODULES}.{name}" for name in FUSED]],
        )
        return [
            (f"{scheme} {module} {name}", tensor, loaded.get(name))
            for module, own, loaded in found
            for name, tensor in own.items()
        ]
