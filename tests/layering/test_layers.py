"""scripts/layers, with the sources and with small trees that violate each rule."""

from __future__ import annotations

import subprocess
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path

import pytest

TOP = Path(__file__).resolve().parents[2]
SCRIPT = TOP / "scripts/layers"


def load():
    spec = spec_from_loader("layers", SourceFileLoader("layers", str(SCRIPT)))
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


layers = load()


def refused(**files: str) -> list[str]:
    """The violations for files given as name=includes. In names `__` stands for `/`, and `_h` and
    `_cc` for the suffix."""
    sources = {}
    for name, includes in files.items():
        path, _, suffix = name.rpartition("_")
        sources[f"{path.replace('__', '/')}.{suffix}"] = includes.split()
    return layers.violations(sources)


def test_the_sources_keep_the_rules():
    run = subprocess.run([SCRIPT], capture_output=True, text=True, check=False)
    assert (run.returncode, run.stderr) == (0, "")
    assert run.stdout.splitlines()[-1].endswith("files, 0 includes refused")


def test_every_folder_has_a_layer():
    sources = layers.read_sources(TOP)
    assert len(sources) > 250
    assert {layers.folder_of(file) for file in sources} <= set(layers.ranks())


@pytest.mark.parametrize(
    ("source", "target"),
    [
        ("core/tensor", "core/reduce"),
        ("core/reduce", "core/fold"),
        ("core/args", "server/model"),
        ("server/storage", "server/rpc"),
        ("server/storage", "server/storage/rocksdb"),
        ("server/storage/memory", "server/storage/rocksdb"),
        ("server/ingest", "server/qparams"),
        ("server/session", "client/library"),
        ("client/library", "client/formats"),
        ("client/formats", "server/model"),
        ("server/new_folder", "core/tensor"),
    ],
)
def test_an_include_that_points_up_is_refused(source, target):
    file = f"{source}/x.cc"
    found = layers.violations({file: [f"{target}/y.h"]})
    assert found == [f"{file} includes {target}/y.h, which does not lie below it"]
    if target in layers.ranks() and source in layers.ranks():
        assert not layers.points_down(source, target)


def test_an_include_that_points_down_is_allowed():
    assert not refused(
        server__rpc__x_h="server/session/y.h core/tensor/dtype.h vector grpcpp/grpcpp.h",
        core__fold__observers__x_cc="core/fold/y.h core/reduce/record.h",
        core__fold__y_h="core/fold/simd/z.h",
    )


def test_a_leak_through_headers_in_between_is_refused():
    found = refused(
        server__model__session_proto_h="calipers/v1/session.pb.h",
        server__model__plain_h="server/model/session_proto.h",
        server__session__session_h="server/model/plain.h",
    )
    assert found == [
        "server/model/plain.h reaches gRPC, protobuf or calipers.v1: "
        "server/model/session_proto.h -> calipers/v1/session.pb.h",
        "server/session/session.h reaches gRPC, protobuf or calipers.v1: "
        "server/model/plain.h -> server/model/session_proto.h -> calipers/v1/session.pb.h",
    ]


@pytest.mark.parametrize(
    ("file", "include"),
    [
        ("core/reduce/record.h", "grpcpp/grpcpp.h"),
        ("core/reduce/record.h", "google/protobuf/message.h"),
        ("core/reduce/record.cc", "absl/synchronization/mutex.h"),
        ("core/args/x.cc", "fstream"),
        ("server/session/session.h", "calipers/v1/range.pb.h"),
        ("server/session/session.cc", "rocksdb/db.h"),
        ("server/storage/memory/memory_store.cc", "storage/rows.pb.h"),
    ],
)
def test_headers_from_outside_stop_where_they_belong(file, include):
    assert len(layers.violations({file: [include]})) == 1


def test_the_linker_is_asked_too():
    """Each folder's library links with only the libraries that it names."""
    text = (TOP / "CMakeLists.txt").read_text()
    assert "add_dependencies(calipers_links ${name}_links)" in text
