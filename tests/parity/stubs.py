"""Generates the protocol's Python modules and adds them to the path."""

from __future__ import annotations

import importlib
import sys
from importlib import resources
from pathlib import Path

from grpc_tools import protoc


def generate(proto: Path, out: Path) -> None:
    """Generates modules from the .proto files in `proto` in the folder `out`."""
    out.mkdir(parents=True, exist_ok=True)
    sources = [
        *sorted((proto / "calipers").rglob("*.proto")),
        *sorted((proto / "google").rglob("*.proto")),
    ]
    status = protoc.main(
        [
            "protoc",
            f"--proto_path={proto}",
            f"--proto_path={resources.files('grpc_tools') / '_proto'}",
            f"--python_out={out}",
            f"--grpc_python_out={out}",
            *map(str, sources),
        ]
    )
    if status != 0:
        raise RuntimeError(f"protoc ended with status {status}")
    sys.path.insert(0, str(out))
    # protobuf's package `google` may already be imported.
    google = importlib.import_module("google")
    google.__path__ = [*google.__path__, str(out / "google")]
