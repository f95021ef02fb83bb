"""Hatch build hook: generates `calipers._wire` for a wheel, and adds the .proto files, the core and
the license, which are outside of this folder, to an sdist."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

sys.path.insert(0, str(Path(__file__).resolve().parent))

import generate_wire


class ContractHook(BuildHookInterface):
    """Adds the generated package to a wheel, and its sources to an sdist."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002
        """Called by hatchling before it packs files."""
        if self.target_name == "sdist":
            protos = generate_wire.find_protos()
            build_data["force_include"][str(protos)] = "proto"
            build_data["force_include"][str(protos.parent / "core")] = "core"
            build_data["force_include"][str(protos.parent / "LICENSE")] = "LICENSE"
        else:
            generate_wire.generate()
