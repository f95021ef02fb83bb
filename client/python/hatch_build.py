"""The build's own step: generates `calipers._wire`, and puts what lies above this
folder, the contract, the core and the license, into an sdist."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

sys.path.insert(0, str(Path(__file__).resolve().parent))

import generate_wire


class ContractHook(BuildHookInterface):
    """A wheel holds what was generated, an sdist what it is generated from."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002
        """Before anything is packed."""
        if self.target_name == "sdist":
            protos = generate_wire.find_protos()
            build_data["force_include"][str(protos)] = "proto"
            build_data["force_include"][str(protos.parent / "core")] = "core"
            build_data["force_include"][str(protos.parent / "LICENSE")] = "LICENSE"
        else:
            generate_wire.generate()
