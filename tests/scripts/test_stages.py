"""scripts/stages.sh: the exit status of a stage decides; the counts in its log are for readers."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

TOP = Path(__file__).resolve().parents[2]


def run(stages: str) -> tuple[int, list[str]]:
    """The exit status and the output lines of a script with these stages."""
    script = f"set -euo pipefail\nsource {TOP}/scripts/stages.sh\n{stages}\nfinish\n"
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, timeout=60)
    return done.returncode, done.stdout.splitlines()


SUMMARIES = {
    "pytest": "5 passed in 0.10s",
    "closing": "5 passed, 0 failed",
}


def test_a_stage_that_exits_with_0_is_counted():
    stages = [f"stage fake {kind} echo '{line}'" for kind, line in SUMMARIES.items()]
    status, lines = run("\n".join(stages))
    assert (status, lines[-1]) == (0, "10 passed, 0 failed")


@pytest.mark.parametrize(
    ("kind", "end"),
    [("pytest", "exit 3"), ("closing", "kill -KILL $BASHPID")],
)
def test_a_stage_that_dies_after_its_summary_fails(kind, end):
    status, lines = run(f"fake() {{ echo '{SUMMARIES[kind]}'; {end}; }}\nstage fake {kind} fake")
    assert (status, lines[-1]) == (1, "5 passed, 1 failed")


def test_a_whole_stage_that_fails_has_passed_nothing():
    status, lines = run("stage good whole true\nstage bad whole false")
    assert status == 1
    assert [line.split(" s  ")[1] for line in lines[:2]] == [
        "status   0  1 passed, 0 failed",
        "status   1  0 passed, 1 failed",
    ]
    assert lines[2:] == ["1 passed, 1 failed"]


def test_a_command_that_fails_within_a_stage_ends_the_stage():
    status, lines = run("fake() { false; echo '5 passed in 0.10s'; }\nstage fake pytest fake")
    assert (status, lines[-1]) == (1, "0 passed, 1 failed")


def test_later_stages_run_after_a_failure():
    status, lines = run("stage bad whole false\nstage good whole echo ran")
    assert status == 1
    assert lines[0] == "ran"
    assert lines[-1] == "1 passed, 1 failed"


def test_a_required_stage_that_fails_ends_the_check():
    status, lines = run("required bad whole false\nstage good whole echo ran")
    assert status == 1
    assert "ran" not in lines
    assert lines[-1] == "0 passed, 1 failed"


@pytest.mark.parametrize(
    ("kind", "line"),
    [("pytest", "5 skipped in 0.10s"), ("closing", "")],
)
def test_a_counted_stage_without_a_passed_test_fails(kind, line):
    status, lines = run(f"stage fake {kind} echo '{line}'")
    assert (status, lines[-1]) == (1, "0 passed, 1 failed")


def test_a_log_that_names_failures_fails_whatever_the_status():
    for end in ("true", "exit 1"):
        logs = {
            "pytest": "4 passed, 1 failed, 1 skipped, 2 errors in 61.00s (0:01:01)",
            "closing": "5 passed, 1 failed",
        }
        stages = [
            f"fake() {{ echo '{line}'; {end}; }}\nstage fake {kind} fake"
            for kind, line in logs.items()
        ]
        status, lines = run("\n".join(stages))
        assert (status, lines[-1]) == (1, "9 passed, 4 failed")


def test_summaries_of_several_runs_of_pytest_are_added():
    status, lines = run("fake() { echo '5 passed in 0.10s'; echo '2 passed in 1.00s'; }\n"
                        "stage fake pytest fake")
    assert (status, lines[-1]) == (0, "7 passed, 0 failed")


def test_cases_of_cpp_tests_are_added_and_the_status_of_ctest_is_kept(tmp_path):
    log = tmp_path / "build/some/Testing/Temporary/LastTest.log"
    log.parent.mkdir(parents=True)
    log.write_text("[  PASSED  ] 40 tests.\n[  PASSED  ] 1 test.\n[  FAILED  ] 2 tests, listed below:\n"
                   "[  FAILED  ] Suite.Name (5 ms)\n")
    for ctest, totals in (("true", (1, "41 passed, 2 failed")), ("return 8", (1, "41 passed, 2 failed"))):
        status, lines = run(f"cd {tmp_path}\nctest() {{ {ctest}; }}\nstage fake closing cpp_tests some")
        assert (status, lines[-1]) == totals
    log.write_text("[  PASSED  ] 40 tests.\n")
    for ctest, totals in (("true", (0, "40 passed, 0 failed")), ("return 8", (1, "40 passed, 1 failed"))):
        status, lines = run(f"cd {tmp_path}\nctest() {{ {ctest}; }}\nstage fake closing cpp_tests some")
        assert (status, lines[-1]) == totals


def test_a_check_without_stages_fails():
    assert run("")[0] == 1


@pytest.mark.parametrize("script", ["scripts/test", ".ci/run"])
def test_no_stage_is_called_where_bash_would_ignore_its_failures(script):
    text = (TOP / script).read_text()
    stages = [line for line in text.splitlines() if line.lstrip().startswith(("stage ", "required "))]
    assert len(stages) >= 3
    assert not [line for line in stages if "||" in line or "&&" in line]
