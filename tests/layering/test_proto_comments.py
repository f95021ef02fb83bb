"""Every message, field, enum and call in proto/ has a comment."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from google.protobuf import descriptor_pb2

TOP = Path(__file__).resolve().parents[2]
CONTRACT = sorted((TOP / "proto/calipers/v1").glob("*.proto"))

# Field numbers in descriptor.proto, of which the path of a location consists.
IN_FILE = {"message_type": 4, "enum_type": 5, "service": 6}
IN_MESSAGE = {"field": 2, "nested_type": 3, "enum_type": 4}
IN_ENUM = {"value": 2}
IN_SERVICE = {"method": 2}


def described(folder: Path, names: list[str]) -> list[descriptor_pb2.FileDescriptorProto]:
    """The files of `folder`, with their comments."""
    out = folder / "contract.pb"
    subprocess.run(
        [sys.executable, "-m", "grpc_tools.protoc", f"-I{folder}", f"-I{TOP / 'proto'}"]
        + ["--include_source_info", f"--descriptor_set_out={out}", *names],
        check=True,
    )
    files = descriptor_pb2.FileDescriptorSet.FromString(out.read_bytes()).file
    return list(files)


def members(node, path: tuple[int, ...], name: str):
    """The path and the name of each element that needs a comment."""
    kinds = {
        descriptor_pb2.FileDescriptorProto: IN_FILE,
        descriptor_pb2.DescriptorProto: IN_MESSAGE,
        descriptor_pb2.EnumDescriptorProto: IN_ENUM,
        descriptor_pb2.ServiceDescriptorProto: IN_SERVICE,
    }.get(type(node), {})
    for kind, number in kinds.items():
        for i, child in enumerate(getattr(node, kind)):
            child_path = (*path, number, i)
            child_name = f"{name}.{child.name}".lstrip(".")
            yield child_path, child_name
            yield from members(child, child_path, child_name)


def bare(file: descriptor_pb2.FileDescriptorProto) -> list[str]:
    """The names in a file without a leading or trailing comment."""
    said = {
        tuple(location.path)
        for location in file.source_code_info.location
        if location.leading_comments.strip() or location.trailing_comments.strip()
    }
    return [name for path, name in members(file, (), "") if path not in said]


def test_everything_has_a_comment(tmp_path):
    for path in CONTRACT:
        (tmp_path / "calipers/v1").mkdir(parents=True, exist_ok=True)
        (tmp_path / "calipers/v1" / path.name).write_text(path.read_text())
    files = described(tmp_path, [f"calipers/v1/{path.name}" for path in CONTRACT])
    assert sum(len(list(members(file, (), ""))) for file in files) > 100
    assert [f"{file.name}: {name}" for file in files for name in bare(file)] == []


@pytest.mark.parametrize(
    "kept", ["// A message.", "// A field.", "// A kind.", "// A service.", "// A call."]
)
def test_a_missing_comment_is_found(tmp_path, kept):
    text = """syntax = "proto3";
// A message.
message M {
  // A field.
  int32 f = 1;
}
// A kind.
enum E { E_UNSPECIFIED = 0; }
// A service.
service S {
  // A call.
  rpc R(M) returns (M);
}
"""
    (tmp_path / "t.proto").write_text(text)
    (whole,) = described(tmp_path, ["t.proto"])
    assert bare(whole) == ["E.E_UNSPECIFIED"]
    (tmp_path / "t.proto").write_text(text.replace(kept, ""))
    (less,) = described(tmp_path, ["t.proto"])
    assert len(bare(less)) == 2
