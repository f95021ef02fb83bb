"""The command `calipers`: output, JSON and exit status."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import numpy as np
import pytest
from conftest import BUILD, TOP, Cli
from safetensors.numpy import save_file

DATA = TOP / "tests" / "data"
SECONDS = 60


def captures(folder: Path, batches: int = 6) -> tuple[Path, dict[str, np.ndarray]]:
    """A file of captured activations of two sessions, a weight and a bias."""
    rng = np.random.default_rng(7)
    tensors = {
        f"layer.{module}/input/{index}": rng.normal(size=(2, 3, 8)).astype(np.float32)
        for module in ("up", "down")
        for index in range(batches)
    }
    tensors["layer.up.weight"] = rng.normal(size=(4, 8)).astype(np.float32)
    tensors["layer.up.bias"] = rng.normal(size=(4,)).astype(np.float32)
    path = folder / "captures.safetensors"
    save_file(tensors, path)
    return path, tensors


def moving_average(batches: list[np.ndarray], constant: float = 0.01) -> np.ndarray:
    """The moving average by its definition, in float64."""
    past = batches[0].astype(np.float64)
    for current in batches[1:]:
        past = past * (1 - constant) + current.astype(np.float64) * constant
    return past


@pytest.mark.parametrize("workers", [1, 4])
def test_observe_then_minmax_gives_the_moving_average(cli, tmp_path, workers):
    path, tensors = captures(tmp_path)
    (sent,) = cli.json("observe", path, "--workers", workers)
    assert (sent["stored"], sent["rejected"], sent["skipped_tensors"]) == (13, 0, 1)
    answers = {answer["session"]: answer for answer in cli.json("minmax")}
    assert len(answers) == 3
    for module in ("up", "down"):
        batches = [tensors[f"layer.{module}/input/{i}"] for i in range(6)]
        answer = answers[f"runs/default/sessions/layer.{module}/input"]
        low = moving_average([batch.min() for batch in batches])
        high = moving_average([batch.max() for batch in batches])
        assert answer["range"]["min"]["values"] == [float(low)]
        assert answer["range"]["max"]["values"] == [float(high)]
        assert answer["current"]["min"]["values"] == [float(batches[-1].min())]
        assert answer["progress"]["count"] == 6


def test_sending_again_is_harmless(cli, tmp_path):
    path, _ = captures(tmp_path)
    cli.json("observe", path)
    before = cli.run("minmax", "--json").stdout
    (again,) = cli.json("observe", path)
    assert (again["stored"], again["duplicates"]) == (0, 13)
    assert cli.run("minmax", "--json").stdout == before


def test_another_tensor_at_the_same_index_is_a_conflict(cli, tmp_path):
    path, tensors = captures(tmp_path)
    cli.json("observe", path)
    before = cli.run("minmax", "--json").stdout
    tensors["layer.up/input/2"] = tensors["layer.up/input/2"] * 3
    save_file(tensors, path)
    done = cli.run("observe", path)
    assert done.returncode == 1
    assert "layer.up/input index 2" in done.stderr
    (conflicted,) = cli.json("list", "layer.up/input")
    assert conflicted["progress"].pop("conflict_count") == 1
    after = cli.run("minmax", "--json").stdout
    assert after.replace('"conflict_count":1', '"conflict_count":0') == before


def test_strategies_shape_the_answer(cli, tmp_path):
    path, tensors = captures(tmp_path)
    cli.json("observe", path, "--weight-strategy", "group", "--group-size", 4)
    (weight,) = cli.json("minmax", "layer.up/weight")
    expected = tensors["layer.up.weight"].reshape(4, 2, 4).min(axis=-1)
    assert weight["range"]["min"]["shape"] == [4, 2]
    assert weight["range"]["min"]["values"] == [float(v) for v in expected.ravel()]
    (activation,) = cli.json("minmax", "layer.up/input")
    assert activation["range"]["min"]["shape"] == [1]


def test_tables_line_up(cli):
    cli.json("observe", DATA / "minilm-activations-bf16.safetensors")
    for command in ("minmax", "list"):
        lines = cli.run(command).stdout.splitlines()
        assert len(lines) == 7
        ends = {len(line) for line in lines}
        assert len(ends) == 1, lines


def test_integers_are_printed_in_full(cli, tmp_path):
    path = tmp_path / "m@input@0.npy"
    low, high = -(2**53 + 1), 9007199254740995
    np.save(path, np.array([[low, 2**53 + 1, high]], dtype=np.int64))
    cli.json("observe", path)
    current = cli.json("minmax", "m/input")[0]["current"]
    # As strings, which no reader rounds.
    assert current["min"]["values"] == [str(low)]
    assert current["max"]["values"] == [str(high)]


def test_full_prints_numbers_that_read_back(cli, tmp_path):
    rng = np.random.default_rng(3)
    weight = rng.normal(size=(50, 4)).astype(np.float32) * np.float32(1e-20)
    path = tmp_path / "weight.safetensors"
    save_file({"m.weight": weight}, path)
    cli.json("observe", path, "--strategy", "channel")
    rows = cli.run("minmax", "m/weight", "--full").stdout.splitlines()[2:]
    printed = np.array([row.split()[1:] for row in rows], dtype=np.float32)
    assert (printed == np.stack([weight.min(1), weight.max(1)], axis=1)).all()


def test_the_table_has_shapes_without_asking_for_the_parameters(cli, tmp_path):
    path, _ = captures(tmp_path)
    cli.json("observe", path, "--weight-strategy", "group", "--group-size", 4)
    for arguments in ([], ["layer.up/weight"], ["*/weight"]):
        lines = cli.run("minmax", *arguments).stdout.splitlines()
        (row,) = [line for line in lines if line.startswith("layer.up/weight")]
        assert "[4, 2]" in row
        assert "-  " not in row


def test_list_has_the_dtype_that_was_asked_for_and_the_one_observed(cli, client):
    request = client.message("CreateSessionRequest")(
        parent="runs/default", session_id="a/input"
    )
    request.session.dtype = "BF16"
    client.call("CreateSession", request)
    (session,) = cli.json("list")
    assert (session["dtype"], session["observed_dtype"]) == ("BF16", "")


def test_reset_and_delete_ask_first(cli, tmp_path):
    path, _ = captures(tmp_path)
    cli.json("observe", path)
    assert cli.run("reset", "layer.up/input").returncode == 2
    assert cli.json("list", "layer.up/input")[0]["progress"]["count"] == 6
    assert cli.run("reset", "layer.up/input", "--yes").returncode == 0
    assert cli.json("list", "layer.up/input")[0]["progress"]["count"] == 0
    assert cli.run("minmax", "layer.up/input").returncode == 4
    assert cli.run("delete", "*/input", "--yes").returncode == 0
    assert [s["name"] for s in cli.json("list")] == [
        "runs/default/sessions/layer.up/weight"
    ]
    assert cli.run("delete", "--all", "--yes").returncode == 0
    assert cli.json("list") == []
    assert cli.run("delete", "--all", "--yes").returncode == 4


def test_coverage_names_what_was_never_observed(cli, tmp_path):
    path, _ = captures(tmp_path)
    cli.json("observe", path, "--workers", 2, "--worker-name", "gpu")
    cli.json("create", "layer.gate/input")
    done = cli.run("coverage", "--json")
    assert done.returncode == 4
    coverage = json.loads(done.stdout)
    assert coverage["unobserved"] == ["runs/default/sessions/layer.gate/input"]
    assert {w["worker"] for w in coverage["workers"]} == {"gpu-0", "gpu-1"}
    assert sum(w["batches"] for w in coverage["workers"]) == 13
    assert sum(w["tokens"] for w in coverage["workers"]) == 2 * 6 * 6 + 1


def test_watch_until_ends_by_itself(cli, tmp_path):
    path, _ = captures(tmp_path)
    for session in ("layer.up/input", "layer.down/input"):
        cli.json("create", session)
    watching = subprocess.Popen(
        [BUILD / "client" / "calipers", "--server", cli.address]
        + ["watch", "*/input", "--until", "6", "--json"],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert json.loads(watching.stdout.readline())["kind"] == "current"
    cli.json("observe", path)
    output, _ = watching.communicate(timeout=SECONDS)
    assert watching.returncode == 0
    last = {}
    for line in output.splitlines():
        event = json.loads(line)
        last[event["session"]["name"]] = event["session"]["progress"]["count"]
    assert last["runs/default/sessions/layer.up/input"] == 6


def test_wait_answers_once_the_records_are_there(cli, tmp_path):
    path, _ = captures(tmp_path)
    cli.json("create", "layer.up/input")
    waiting = subprocess.Popen(
        [BUILD / "client" / "calipers", "--server", cli.address]
        + ["minmax", "layer.up/input", "--wait", "6", "--json"],
        stdout=subprocess.PIPE,
        text=True,
    )
    cli.json("observe", path)
    output, _ = waiting.communicate(timeout=SECONDS)
    assert waiting.returncode == 0
    assert json.loads(output)["progress"]["count"] == 6
    late = cli.run("minmax", "layer.up/input", "--wait", 7, "--timeout", 0.3)
    assert late.returncode == 4
    assert "holds 6 of the 7 records" in late.stderr


def test_seal_closes_sessions_and_says_which_it_did_not(cli, tmp_path):
    path, tensors = captures(tmp_path)
    cli.json("observe", path)
    (sealed,) = cli.json("seal", "layer.up/input", "--count", 6)
    name = "runs/default/sessions/layer.up/input"
    assert sealed == {"session": name, "sealed_count": 6}
    before = cli.run("minmax", "layer.up/input", "--json").stdout
    # Seals every session at 6, but the weight has only one record.
    answered = cli.json("seal", "--count", 6, status=1)
    results = {result["session"]: result for result in answered}
    assert len(results) == 3
    error = results["runs/default/sessions/layer.up/weight"]["error"]
    assert error["code"] == "FAILED_PRECONDITION"
    assert "missing: 1-5" in error["message"]
    table = cli.run("seal", "--count", 6)
    assert table.returncode == 1
    lines = {line.split()[0]: line.split()[1] for line in table.stdout.splitlines()[1:]}
    assert lines == {
        "layer.down/input": "6",
        "layer.up/input": "6",
        "layer.up/weight": "-",
    }
    # Without a count, sessions are sealed at the largest index plus one.
    assert [result["sealed_count"] for result in cli.json("seal")] == [6, 6, 1]
    tensors["layer.up/input/6"] = tensors["layer.up/input/5"]
    save_file(tensors, path)
    (sent,) = cli.json("observe", path, status=1)
    assert (sent["stored"], sent["duplicates"], sent["rejected"]) == (0, 13, 1)
    assert "sealed at 6" in sent["first_refused"][0]
    assert cli.run("minmax", "layer.up/input", "--json").stdout == before
    assert cli.run("seal", "no.such/input").returncode == 4


def test_sweep_answers_for_each_constant(cli, tmp_path):
    path, tensors = captures(tmp_path)
    cli.json("observe", path)
    batches = [tensors[f"layer.up/input/{i}"].min() for i in range(6)]
    for exclude in ([], [1, 3, 4]):
        left = [value for i, value in enumerate(batches) if i not in exclude]
        flags = ["--exclude", "1,3-4"] if exclude else []
        (swept,) = cli.json(
            "sweep", "layer.up/input", "--averaging-constants", "0.5,0.01,1", *flags
        )
        constants = [result["averaging_constant"] for result in swept["results"]]
        assert constants == [0.5, 0.01, 1]
        for constant, result in zip(constants, swept["results"]):
            low = float(moving_average(left, constant))
            assert result["range"]["min"]["values"] == pytest.approx([low], rel=1e-13)
    table = cli.run("sweep", "layer.up/input").stdout.splitlines()
    constants = [line.split()[0] for line in table[1:]]
    assert constants == ["0.001", "0.003", "0.01", "0.03", "0.1", "0.3", "1"]
    (own,) = cli.json("minmax", "layer.up/input")
    assert float(table[3].split()[1]) == pytest.approx(own["range"]["min"]["values"][0], rel=1e-7)
    assert cli.run("sweep", "no.such/input").returncode == 4
    assert cli.run("sweep", "layer.up/input", "--averaging-constants", "2").returncode == 1


def test_another_server_begins_from_a_backup(cli, server_with, tmp_path):
    path, tensors = captures(tmp_path)
    cli.json("observe", path)
    cli.json("seal", "layer.down/input")
    (backup,) = cli.json("backup", "friday")
    assert Path(backup["path"]).name == "friday"
    assert backup["size_bytes"] > 0
    answers, sessions = cli.run("minmax", "--json").stdout, cli.run("list", "--json").stdout
    # Later records are not in the backup.
    tensors["layer.up/input/6"] = tensors["layer.up/input/5"]
    save_file(tensors, path)
    cli.json("observe", path, "--include", "layer.up/*")
    restored = Cli(server_with("--restore-from", backup["path"]).address)
    assert restored.run("minmax", "--json").stdout == answers
    assert restored.run("list", "--json").stdout == sessions
    again = cli.run("backup", "friday")
    assert again.returncode == 1 and "friday" in again.stderr
    # The error is about backups, not about sessions.
    assert "delete" not in again.stderr
    assert backup["path"] in cli.run("backup", "friday-2").stdout
    assert cli.run("backup", "../friday").returncode == 1


def test_a_server_that_keeps_nothing_refuses_a_backup(server_with):
    done = Cli(server_with("--store", "memory").address).run("backup", "friday")
    assert done.returncode == 1 and "--data-dir" in done.stderr


def test_errors_say_what_to_do_next(cli, tmp_path):
    missing = cli.run("minmax", "no.such/input")
    assert missing.returncode == 4
    assert "no.such/input" in missing.stderr and "next:" in missing.stderr
    damaged = tmp_path / "damaged.safetensors"
    damaged.write_bytes(b"not one")
    refused = cli.run("observe", damaged)
    assert refused.returncode == 1 and "damaged.safetensors" in refused.stderr
    cli.json("create", "a/input", "--strategy", "token")
    other = cli.run("create", "a/input")
    assert other.returncode == 1
    assert "strategy is token, given tensor" in other.stderr


@pytest.mark.parametrize(
    "options",
    [
        ("minmax", "--exclude", "3"),
        ("minmax", "--exclude", "2,3-4", "--exclude", "5"),
        ("qparams", "--scheme", "FP8"),
        ("qparams", "--args", '{"num_bits": 8}'),
        ("qparams", "--fuse", "a,b"),
        ("qparams", "--peers-behind", "experts"),
        ("sweep", "--averaging-constants", "0.5,0.1"),
    ],
)
def test_a_pattern_may_follow_an_option(cli, tmp_path, options):
    path, _ = captures(tmp_path)
    cli.json("observe", path)
    answers = cli.json(*options, "layer.up/input")
    assert [answer["session"] for answer in answers] == ["runs/default/sessions/layer.up/input"]


# Help and results are written in another way.
@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["list"], ["list", "--json"]])
def test_an_output_that_cannot_be_written_is_exit_status_1(cli, tmp_path, arguments):
    cli.json("observe", captures(tmp_path)[0])
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            cli.command(*arguments),
            stdout=full,
            stderr=subprocess.PIPE,
            timeout=SECONDS,
        )
    assert done.returncode == 1
    assert b"standard output" in done.stderr
    # An error of the command itself has its own status.
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            cli.command("minmax", "none/input"),
            stdout=full,
            stderr=subprocess.PIPE,
            timeout=SECONDS,
        )
    assert done.returncode == 4


@pytest.mark.parametrize(
    "arguments",
    [
        ["frobnicate"],
        [],
        ["observe"],
        ["observe", "/nonexistent.safetensors"],
        ["minmax", "--wait", "-1"],
        ["create", "a/input", "--strategy", "diagonal"],
        ["create", "a/input", "--strategy", "tensor", "--group-size", "128"],
        ["create", "a/input", "--weight-strategy", "group", "--group-size", "128"],
        ["create", "a/weight", "--strategy", "channel", "--block-structure", "4x4"],
        ["create", "a/weight", "--strategy", "block", "--block-structure", "4"],
        ["observe", __file__, "--strategy", "tensor", "--group-size", "128"],
        ["delete"],
    ],
)
def test_wrong_usage_is_exit_status_2(cli, arguments):
    assert cli.run(*arguments).returncode == 2


@pytest.mark.parametrize(
    "command",
    "ping observe inspect minmax list watch coverage create seal sweep reset delete export "
    "import merge backup".split(),
)
def test_help_teaches(cli, command):
    done = cli.run(command, "--help")
    assert done.returncode == 0
    assert f"calipers {command}" in done.stdout or f" {command}" in done.stdout
    assert "Examples:" in done.stdout


def test_help_and_version_are_commands_too(cli):
    assert cli.run("help").stdout == cli.run("--help").stdout
    assert cli.run("help", "observe").stdout == cli.run("observe", "--help").stdout
    assert cli.run("version").stdout == cli.run("--version").stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["lst"], "did you mean calipers list?"),
        (["--run", "r", "obsrve", "x"], "did you mean calipers observe?"),
        (["help", "lits"], "did you mean calipers list?"),
        (["frobnicate"], "calipers --help lists the commands"),
        (["minmax", "--wait", "abc"], '"abc" is not a whole number of at least 0'),
        (["minmax", "--wait", "1.5"], '"1.5" is not a whole number of at least 0'),
        (["seal", "--count", "0"], '"0" is not a whole number of at least 1'),
    ],
)
def test_wrong_words_and_numbers_are_named(cli, arguments, said):
    done = cli.run(*arguments)
    assert done.returncode == 2
    assert said in done.stderr
    assert len(done.stderr) < 300


