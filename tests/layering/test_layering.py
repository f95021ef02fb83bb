"""Arrows between the layers point down, and protocol types stop at the edge.

Debian puts every library's headers in one folder, so the compiler would let any
layer include any of them; this reads the #include lines instead."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

TOP = Path(__file__).resolve().parents[2]
INCLUDE = re.compile(r'^\s*#\s*include\s+["<]([^">]+)[">]', re.MULTILINE)

GRPC = re.compile(r"^(grpc|grpcpp|google/protobuf)/")
PROTO = re.compile(r"^(calipers/v1|google/rpc|grpc/health)/")

# The files of the server that may see protocol types: its edge.
SERVER_EDGE = {
    "calibration_service.cc",
    "calibration_service.h",
    "convert.cc",
    "convert.h",
    "convert_qparams.cc",
    "convert_qparams.h",
    "observe_request.cc",
    "observe_request.h",
    "observe_stream.cc",
    "observe_stream.h",
    "server.cc",
    "poll_keeper.cc",
    "poll_keeper.h",
    "qparams_calls.cc",
    "qparams_calls.h",
    "series_calls.cc",
    "series_calls.h",
    "server.h",
}


def violations(layer: str, name: str, text: str) -> list[str]:
    """The includes of a file that its layer may not have."""
    found = []
    for include in INCLUDE.findall(text):
        wire = bool(GRPC.match(include) or PROTO.match(include))
        allowed = {
            "core": not wire
            and not include.startswith(("server/", "client/", "spdlog/", "CLI/")),
            "server": not include.startswith("client/")
            and (not wire or name in SERVER_EDGE),
            "client": not include.startswith("server/"),
        }[layer]
        if not allowed:
            found.append(f"{layer}/{name} includes {include}")
    return found


@pytest.mark.parametrize("layer", ["core", "server", "client"])
def test_a_layer_includes_only_what_lies_below(layer):
    files = [
        path
        for suffix in ("*.h", "*.cc")
        for path in (TOP / layer).rglob(suffix)
    ]
    assert len(files) > 10
    found = [
        violation
        for path in files
        for violation in violations(layer, path.name, path.read_text())
    ]
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    ("layer", "name", "include"),
    [
        ("core", "record.h", "grpcpp/grpcpp.h"),
        ("core", "record.h", "calipers/v1/range.pb.h"),
        ("core", "record.h", "server/model/names.h"),
        ("server", "session.h", "google/protobuf/message.h"),
        ("server", "session.h", "calipers/v1/range.pb.h"),
        ("server", "convert.h", "client/library/client.h"),
        ("client", "client.h", "server/session/session.h"),
    ],
)
def test_what_is_forbidden_is_found(layer, name, include):
    assert violations(layer, name, f'#include "{include}"\n')


def test_what_is_allowed_is_not_found():
    assert not violations("core", "record.h", '#include "absl/status/status.h"\n')
    assert not violations("server", "convert.h", '#include "calipers/v1/range.pb.h"\n')


@pytest.mark.parametrize(
    ("layer", "include"),
    [
        ("core", "<grpcpp/grpcpp.h>"),
        ("core", "<google/protobuf/message.h>"),
        ("core", '"calipers/v1/session.pb.h"'),
        ("core", '"server/model/names.h"'),
        ("server", '"client/library/client.h"'),
        ("client", '"server/session/session.h"'),
    ],
)
def test_the_build_refuses_such_an_include(tmp_path, layer, include):
    script = TOP / "core/check_includes.cmake"
    check = ["cmake", f"-DLAYER={layer}", f"-DDIR={tmp_path}", "-P", script]
    (tmp_path / "fine.cc").write_text(
        f'#include "core/tensor/dtype.h"\n#include <vector>\n// #include {include}\n'
    )
    fine = subprocess.run(check, capture_output=True, text=True)
    assert (fine.returncode, fine.stdout, fine.stderr) == (0, "", "")
    wrong = tmp_path / "wrong.cc"
    wrong.write_text(f"// #include {include}\n\n[[x]];\n  #include {include}  // a; b\n")
    refused = subprocess.run(check, capture_output=True, text=True)
    assert refused.returncode != 0
    assert f"{wrong}:4: error: includes {include[1:-1]}: the {layer} " in refused.stderr


def test_the_build_runs_the_check_in_every_layer():
    text = (TOP / "CMakeLists.txt").read_text()
    assert "foreach(layer core server client)" in text
    assert "add_dependencies(calipers_${layer} calipers_${layer}_includes)" in text
