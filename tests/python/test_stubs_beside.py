"""The package together with other generated stubs of calipers.v1, of any version."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib import resources
from pathlib import Path

import pytest
from grpc_tools import protoc

from server_process import TOP

SOURCES = TOP / "client" / "python" / "src"

BOTH = """
import sys
{first}
{second}
import calipers.client
from calipers._wire import session_pb2 as ours
from calipers.v1 import session_pb2 as theirs
assert ours.Session is not theirs.Session
assert not hasattr(ours.Session(), "newer")
assert hasattr(theirs.Session(), "newer")
assert ours.Session.FromString(theirs.Session(name="n").SerializeToString()).name == "n"
"""


@pytest.fixture(scope="module")
def other_stubs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Stubs from .proto files with an additional field, in a separate folder."""
    protos, out = (tmp_path_factory.mktemp(name) for name in ("protos", "stubs"))
    files = []
    for path in (TOP / "proto").rglob("*.proto"):
        copy = protos / path.relative_to(TOP / "proto")
        copy.parent.mkdir(parents=True, exist_ok=True)
        text = path.read_text()
        copy.write_text(text.replace("message Session {", "message Session {\n bool newer = 99;"))
        files.append(str(copy.relative_to(protos)))
    include = resources.files("grpc_tools") / "_proto"
    paths = [f"--proto_path={protos}", f"--proto_path={include}", f"--python_out={out}"]
    assert protoc.main(["protoc", *paths, *files]) == 0
    # google.rpc is a separate published package.
    status = out / "google" / "rpc" / "status_pb2.py"
    for stub in (out / "calipers" / "v1").glob("*.py"):
        stub.write_text(stub.read_text().replace("from google.rpc import", "from rpc import"))
    (out / "rpc").mkdir()
    status.rename(out / "rpc" / "status_pb2.py")
    return out


@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.parametrize("stubs_first_on_path", [True, False])
def test_both_work_in_one_process(other_stubs, order, stubs_first_on_path):
    imports = ["import calipers", "import calipers.v1.calibration_pb2"][::order]
    folders = [str(other_stubs), str(SOURCES)][:: 1 if stubs_first_on_path else -1]
    done = subprocess.run(
        [sys.executable, "-c", BOTH.format(first=imports[0], second=imports[1])],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(folders)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
