"""scripts/tidy checks a source again if one of its inputs changes."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

TOP = Path(__file__).resolve().parents[2]


@pytest.fixture
def project(tmp_path):
    """A small project with scripts/tidy, and a fake clang-tidy that reports every `bad`."""
    top = tmp_path / "top"
    for folder in ("scripts", "core", "build"):
        (top / folder).mkdir(parents=True)
    (top / "scripts/tidy").write_text((TOP / "scripts/tidy").read_text())
    (top / "scripts/setup").write_text("#!/bin/sh\necho g++\n")
    (top / ".clang-tidy").write_text("Checks: all\n")
    (top / "core/x.cc").write_text('#include "core/x.h"\n')
    (top / "core/x.h").write_text("int x;\n")
    (top / "build/compile_commands.json").write_text(
        json.dumps([{"file": str(top / "core/x.cc"), "command": "g++ -c core/x.cc"}])
    )
    tool = tmp_path / "bin/clang-tidy"
    tool.parent.mkdir()
    tool.write_text(
        '#!/bin/sh\n[ "$1" = --version ] && { echo 1; exit; }\n'
        f"echo run >>{tmp_path}/runs\n! grep -rq bad {top}/core\n"
    )
    for script in (tool, top / "scripts/setup", top / "scripts/tidy"):
        script.chmod(0o755)

    def tidy() -> tuple[int, int]:
        """The exit status, and the number of runs of clang-tidy so far."""
        done = subprocess.run(
            [top / "scripts/tidy", "-p", top / "build", top / "core/x.cc"],
            env={
                **os.environ,
                "PATH": f"{tool.parent}:{os.environ['PATH']}",
                "XDG_CACHE_HOME": str(tmp_path / "cache"),
            },
            check=False,
        )
        runs = tmp_path / "runs"
        return done.returncode, len(runs.read_text().split()) if runs.exists() else 0

    tidy.top = top
    return tidy


def test_an_unchanged_source_is_looked_at_once(project):
    assert project() == (0, 1)
    assert project() == (0, 1)


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("core/x.cc", '#include "core/x.h"\nint y;\n'),
        ("core/x.h", "int z;\n"),
        (".clang-tidy", "Checks: others\n"),
    ],
)
def test_a_change_is_looked_at(project, file, text):
    assert project() == (0, 1)
    (project.top / file).write_text(text)
    assert project() == (0, 2)


def test_a_finding_fails_each_time(project):
    (project.top / "core/x.h").write_text("bad\n")
    assert project() == (1, 1)
    assert project() == (1, 2)


def test_a_unity_file_and_each_of_its_sources_are_looked_at(project):
    top = project.top
    (top / "core/y.cc").write_text("")
    unity = top / "build/Unity/unity_0_cxx.cxx"
    unity.parent.mkdir()
    unity.write_text(f'#include "{top}/core/x.cc"\n#include "{top}/core/y.cc"\n')
    (top / "build/compile_commands.json").write_text(
        json.dumps([{"file": str(unity), "command": f"g++ -I{top} -isystem /usr -c {unity}"}])
    )
    assert project() == (0, 3)
    assert project() == (0, 3)
    (top / "core/y.cc").write_text("int y;\n")
    assert project() == (0, 6)


def test_a_source_that_is_not_compiled_fails(project):
    (project.top / "build/compile_commands.json").write_text("[]")
    assert project() == (1, 0)
