"""`calipers export`, `import` and `merge` with real servers. The files are read with the
safetensors package."""

from __future__ import annotations

import json
import os
import resource
import shutil
import signal
import subprocess
from pathlib import Path

import numpy as np
import pytest
from conftest import COMMAND_SECONDS, TOP, Cli, Reflected
from run_files import Raw, RunFile, observed, read_tensors, write_tensors
from safetensors.numpy import save_file

DATA = TOP / "tests" / "data"
QUERY = "encoder.layer.0.attention.self.query/input"
SESSIONS = "runs/default/sessions/"


def capture_of(dtype: str) -> Path:
    return DATA / f"minilm-activations-{dtype}.safetensors"


def min_max(client: Reflected, session: str):
    request = client.message("GetMinMaxRequest")(name=SESSIONS + session)
    return client.call("GetMinMax", request)


@pytest.fixture
def other(server_with) -> Cli:
    """The command with a second server."""
    return Cli(server_with().address)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """The path of an exported run, in a separate folder."""
    folder = tmp_path / "exports"
    folder.mkdir()
    return folder / "run.safetensors"


def small_capture(
    folder: Path, batches: range, sessions: tuple[str, ...] = ("m", "n"), seed: int = 5
) -> Path:
    """The batches of a calibration. The elements of a tensor depend only on its name."""
    tensors = {}
    for session in sessions:
        for batch in batches:
            rng = np.random.default_rng([seed, batch, *session.encode()])
            array = rng.normal(size=(2, 3, 8)).astype(np.float32)
            tensors[f"{session}/input/{batch}"] = array
    name = f"{'-'.join(sessions)}-{batches.start}-{batches.stop}-{seed}.safetensors"
    save_file(tensors, folder / name)
    return folder / name


def parameters(tensor: np.ndarray, session: str) -> np.ndarray:
    """The tensor's elements with a row for each parameter: heads of q, k and v (batch, heads, seq,
    head_dim); groups of 128 in the hidden dimension of other tensors."""
    if session.endswith(("/q", "/k", "/v")):
        return tensor.transpose(1, 0, 2, 3).reshape(tensor.shape[1], -1)
    groups = tensor.shape[-1] // 128
    return tensor.reshape(-1, groups, 128).transpose(1, 0, 2).reshape(groups, -1)


def expect_records(run: RunFile, session: str, batches: dict[int, np.ndarray]) -> None:
    """Checks that the file has numpy's minimum and maximum of the captured tensors."""
    assert run.column(session, "index") == sorted(batches)
    tensors = [batches[index] for index in sorted(batches)]
    dimensions = [dimension for tensor in tensors for dimension in tensor.shape]
    assert run.column(session, "shape") == dimensions
    assert run.column(session, "rank") == [tensor.ndim for tensor in tensors]
    tokens = [t.shape[0] * t.shape[2 if t.ndim == 4 else 1] for t in tensors]
    assert run.column(session, "num_observations") == tokens
    assert run.column(session, "has_values") == [1] * len(tensors)
    for name, extreme in (("min", np.min), ("max", np.max)):
        rows = np.stack([extreme(parameters(t, session), axis=1) for t in tensors])
        written = run.tensor(session, name).values()
        assert written.reshape(rows.shape).tolist() == rows.tolist()
        own = run.tensor(session, f"global_{name}").values()
        assert own.tolist() == [extreme(tensor) for tensor in tensors]


def expect_answer(run: RunFile, session: str, answer) -> None:
    """Checks that the file has the answers of GetMinMax, bit for bit."""
    for end in ("min", "max"):
        given = getattr(answer.range, end)
        written = run.tensor(session, f"range_{end}")
        assert written.data == given.data
        assert (written.dtype, written.shape) == (given.dtype, list(given.shape))
    said = run.sessions[session]["answer"]
    assert said["count"] == answer.progress.count
    for member in ("global", "global_of_range"):
        for end in ("min", "max"):
            given = getattr(getattr(answer, member), end)
            (value,) = Raw(given.dtype, [1], given.data).values()
            assert said[member][end] == float(value)


@pytest.mark.parametrize("arithmetic", ["exact", "reference"])
@pytest.mark.parametrize("dtype", ["f32", "bf16"])
def test_the_package_reads_what_was_observed(cli, client, path, dtype, arithmetic):
    flags = ["--activation-strategy", "group", "--group-size", 128]
    flags += ["--attention-strategy", "attn_head", "--arithmetic", arithmetic]
    cli.json("observe", capture_of(dtype), "--workers", 5, *flags)
    (done,) = cli.json("export", path)
    assert done == {"path": str(path), "sessions": 6, "records": 6 * 17}
    run = RunFile(path)
    assert run.metadata["format"] == "calipers-run"
    assert run.metadata["version"] == "2"
    assert run.metadata["run"] == "default"
    sessions = observed(read_tensors(capture_of(dtype)))
    assert sorted(run.sessions) == sorted(sessions)
    for session, batches in sessions.items():
        expect_records(run, session, batches)
        expect_answer(run, session, min_max(client, session))
        spec = run.sessions[session]["session"]
        assert spec["arithmetic"] == f"ARITHMETIC_{arithmetic.upper()}"
        assert spec["observed_dtype"] == dtype.upper()
        assert not {"name", "progress"} & set(spec)
        # The workers take the tensors in turn, six tensors in each batch.
        workers = run.sessions[session]["workers"]
        names = {workers[number] for number in run.column(session, "worker")}
        assert names == {f"calipers-{worker}" for worker in range(5)}


def test_weights_by_channel_and_block(cli, client, path):
    weights = DATA / "minilm-weights-f32.safetensors"
    for run_name, flags in (
        ("channel", ["--strategy", "channel"]),
        ("block", ["--strategy", "block", "--block-structure", "100x384"]),
    ):
        one = Cli(cli.address, run_name)
        one.json("observe", weights, *flags)
        one.json("export", path, "--force")
        run = RunFile(path)
        ((name, tensor),) = read_tensors(weights).items()
        session = name.replace(".weight", "/weight")
        rows = tensor.values()
        if run_name == "block":
            # The last block is padded with zeros, which its range must include.
            rows = np.concatenate([rows, np.zeros((16, 384), np.float32)])
            rows = rows.reshape(4, -1)
        lows = run.tensor(session, "min").values()
        assert lows.reshape(-1).tolist() == rows.min(axis=1).tolist()
        assert run.column(session, "global_min") == [tensor.values().min()]
        request = client.message("GetMinMaxRequest")
        name = f"runs/{run_name}/sessions/{session}"
        expect_answer(run, session, client.call("GetMinMax", request(name=name)))


def test_empty_and_skipped_observations(cli, client, path, tmp_path):
    tensors = {f"m/input/{i}": np.float32([[i, i + 1]]) for i in range(5)}
    tensors["m/input/1"] = np.zeros((0, 2), np.float32)
    tensors["m/input/2"] = np.float32([[-100, np.nan]])
    tensors["empty/input/7"] = np.zeros((3, 0), np.float32)
    save_file(tensors, tmp_path / "odd.safetensors")
    cli.json("observe", tmp_path / "odd.safetensors", "--non-finite", "skip")
    cli.json("create", "never/input")
    cli.json("export", path)
    run = RunFile(path)
    assert run.column("m/input", "has_values") == [1, 0, 1, 1, 1]
    assert run.column("m/input", "num_observations") == [1, 0, 1, 1, 1]
    assert run.column("m/input", "shape") == [1, 2, 0, 2, 1, 2, 1, 2, 1, 2]
    lows = run.tensor("m/input", "min").values().reshape(-1)
    assert np.isnan(lows[1]) and lows[[0, 2, 3]].tolist() == [0, 3, 4]
    expect_answer(run, "m/input", min_max(client, "m/input"))
    past = (0 * 0.99 + 3 * 0.01) * 0.99 + 4 * 0.01
    assert run.column("m/input", "range_min") == [past]
    for session, count in (("empty/input", 1), ("never/input", 0)):
        assert len(run.column(session, "index")) == count
        assert "nothing to fold" in run.sessions[session]["no_answer"]
        assert f"{session}/min" not in run.tensors


def test_an_imported_run_answers_the_same(cli, other, path, tmp_path):
    # All kinds of records.
    cli.json("observe", capture_of("bf16"), "--attention-strategy", "attn_head")
    tensors = {f"m/input/{i}": np.float32([[i, -i]]) for i in (0, 2, 3)}
    tensors["m/input/2"] = np.zeros((0, 2), np.float32)
    tensors["m/input/3"] = np.float32([[np.nan, 1]])
    save_file(tensors, tmp_path / "odd.safetensors")
    cli.json("observe", tmp_path / "odd.safetensors")
    cli.json("export", path)
    (sent,) = other.json("import", path)
    assert (sent["sessions"], sent["stored"]) == (7, 6 * 17 + 3)
    assert sent["duplicates"] + sent["conflicts"] + sent["rejected"] == 0
    expected = cli.run("minmax", "--json").stdout
    assert expected.count("\n") == 7
    assert other.run("minmax", "--json").stdout == expected
    assert other.run("coverage", "--json").stdout == cli.run("coverage", "--json").stdout
    (again,) = other.json("import", path)
    assert (again["stored"], again["duplicates"]) == (0, 6 * 17 + 3)
    assert again["conflicts"] + again["rejected"] + again["refused"] == 0
    assert other.run("minmax", "--json").stdout == expected
    # The second server's file equals the first one except for the times.
    copy = path.with_name("copy.safetensors")
    other.json("export", copy)
    assert RunFile(copy).tensors == RunFile(path).tensors


def test_an_import_into_another_run(cli, other, path, tmp_path):
    cli.json("observe", small_capture(tmp_path, range(4)))
    cli.json("export", path)
    there = Cli(other.address, "trial-3")
    (sent,) = there.json("import", path)
    assert (sent["run"], sent["stored"]) == ("runs/trial-3", 8)
    assert other.json("list") == []
    assert len(there.json("list")) == 2


def test_an_import_merges_with_what_is_there(cli, other, path, tmp_path):
    cli.json("observe", small_capture(tmp_path, range(6)))
    cli.json("export", path)
    # The other server has some of these records, a record that differs, an additional record, and
    # a session with another spec.
    other.json("observe", small_capture(tmp_path, range(2, 4), ("m",)))
    other.json("observe", small_capture(tmp_path, range(5, 7), ("m",), seed=8))
    other.json("create", "n/input", "--observer", "static_minmax")
    (sent,) = other.json("import", path, status=1)
    assert (sent["stored"], sent["duplicates"], sent["conflicts"]) == (3, 2, 1)
    assert (sent["sessions"], sent["rejected"], sent["refused"]) == (1, 0, 2)
    said = "\n".join(sent["first_refused"])
    assert "m/input index 5" in said and "it stays" in said
    assert "n/input" in said and "static_minmax" in said
    copy = path.with_name("copy.safetensors")
    other.json("export", copy)
    theirs = read_tensors(small_capture(tmp_path, range(5, 7), ("m",), seed=8))
    ours = read_tensors(small_capture(tmp_path, range(6)))
    expected = [ours[f"m/input/{i}"].values().min() for i in range(5)]
    expected += [theirs[f"m/input/{i}"].values().min() for i in (5, 6)]
    lows = RunFile(copy).tensor("m/input", "min").values().reshape(-1)
    assert lows.tolist() == expected
    done = other.run("import", path)
    assert done.returncode == 1
    assert "m/input index 5" in done.stderr
    row = ["runs/default", "1", "0", "5", "1", "0", "0"]
    assert done.stdout.splitlines()[1].split() == row


def test_several_files_at_once(cli, other, path, tmp_path):
    other_path = path.with_name("other.safetensors")
    cli.json("observe", small_capture(tmp_path, range(3)))
    cli.json("export", path)
    cli.json("observe", small_capture(tmp_path, range(2, 5)))
    cli.json("export", other_path)
    (sent,) = other.json("import", path, other_path)
    assert (sent["stored"], sent["duplicates"]) == (10, 6)
    assert other.run("minmax", "--json").stdout == cli.run("minmax", "--json").stdout


def sealed_counts(cli: Cli) -> dict[str, int | None]:
    sessions = cli.json("list")
    return {s["name"].removeprefix(SESSIONS): s.get("sealed_count") for s in sessions}


def test_sealed_sessions_are_sealed_again(cli, other, path, tmp_path):
    cli.json("observe", small_capture(tmp_path, range(4)))
    cli.json("seal", "m")
    cli.json("export", path)
    assert RunFile(path).sessions["m/input"]["session"]["sealed_count"] == "4"
    for _ in range(2):
        other.json("import", path)
        assert sealed_counts(other) == {"m/input": 4, "n/input": None}


def test_a_seal_that_fails_is_reported(cli, other, path, tmp_path):
    cli.json("observe", small_capture(tmp_path, range(4)))
    cli.json("seal")
    cli.json("export", path)
    other.json("observe", small_capture(tmp_path, range(4, 6), ("m",)))
    (sent,) = other.json("import", path, status=1)
    assert (sent["stored"], sent["refused"]) == (8, 1)
    (said,) = sent["first_refused"]
    assert "m/input was not sealed" in said and "reach to 6" in said
    assert sealed_counts(other) == {"m/input": None, "n/input": 4}


def export_until_dropped(cli: Cli, path: Path, session: str) -> RunFile:
    """Exports until the server has dropped values, which it does soon after folding."""
    for _ in range(500):
        cli.json("export", path, "--force")
        run = RunFile(path)
        if 0 in run.column(session, "has_values"):
            return run
    pytest.fail("no value was dropped")


@pytest.mark.parametrize("dtype", ["F32", "BF16"])
def test_folded_sessions_keep_their_answer(cli, client, other, path, dtype):
    request = client.message("CreateSessionRequest")(
        parent="runs/default", session_id="f/input"
    )
    request.session.retention = 2  # RETENTION_FOLDED
    client.call("CreateSession", request)
    words = np.random.default_rng(1).normal(size=(200, 1, 2, 8)).astype(np.float32)
    if dtype == "BF16":
        words = (words.view(np.uint32) >> 16).astype(np.uint16)
    shape = list(words.shape[1:])
    send(
        client,
        {f"f/input/{i}": Raw(dtype, shape, word.tobytes()) for i, word in enumerate(words)},
    )
    run = export_until_dropped(cli, path, "f/input")
    assert run.column("f/input", "index") == list(range(200))
    expect_answer(run, "f/input", min_max(client, "f/input"))
    (sent,) = other.json("import", path, status=1)
    assert (sent["sessions"], sent["stored"], sent["refused"]) == (0, 0, 1)
    assert "FOLDED" in sent["first_refused"][0]
    assert "f/input" in sent["first_refused"][0]


def send(client: Reflected, tensors: dict) -> None:
    """Observes tensors in existing sessions."""
    request = client.message("ObserveRequest")

    def requests():
        for name, tensor in tensors.items():
            session, index = name.rsplit("/", 1)
            header = client.message("ObservationHeader")(
                session=SESSIONS + session,
                index=int(index),
                dtype=tensor.dtype,
                shape=tensor.shape,
            )
            yield request(header=header, data=tensor.data)

    acks = [ack for answer in client.observe(requests()) for ack in answer.acks]
    assert [ack.outcome for ack in acks] == [1] * len(tensors)


@pytest.mark.parametrize("dtype", ["f32", "bf16"])
def test_two_halves_merge_into_the_whole(cli, other, server_with, path, tmp_path, dtype):
    flags = ["--attention-strategy", "attn_head", "--averaging-constant", 0.1]
    tensors = read_tensors(capture_of(dtype))
    whole = Cli(server_with().address)
    whole.json("observe", capture_of(dtype), *flags)
    whole.json("export", path)
    halves = []
    for half, server in enumerate((cli, other)):
        # Both halves contain batch 5.
        part = {
            name: tensor
            for name, tensor in tensors.items()
            if int(name.rsplit("/", 1)[1]) % 2 == half or name.endswith("/5")
        }
        write_tensors(tmp_path / "half.safetensors", part)
        server.json("observe", tmp_path / "half.safetensors", *flags)
        halves.append(path.with_name(f"half-{half}.safetensors"))
        server.json("export", halves[-1])
    merged_path = path.with_name("merged.safetensors")
    for order in (halves, halves[::-1]):
        (merged,) = cli.json("merge", *order, "--output", merged_path, "--force")
        assert merged == {
            "path": str(merged_path),
            "sessions": 6,
            "records": 6 * 17,
            "duplicates": 6,
            "conflicts": 0,
            "rejected": 0,
            "first_refused": [],
        }
        expected, got = RunFile(path), RunFile(merged_path)
        assert got.tensors == expected.tensors
        for session, said in expected.sessions.items():
            for sort in (said, got.sessions[session]):
                # The checksum covers the time.
                del sort["session"]["create_time"], sort["checksum"]
            assert got.sessions[session] == said


def test_merge_reports_what_differs(cli, other, path, tmp_path):
    cli.json("observe", small_capture(tmp_path, range(3)))
    cli.json("export", path)
    other.json("observe", small_capture(tmp_path, range(2, 5), ("m",), seed=8))
    extremes = small_capture(tmp_path, range(3), ("n",))
    other.json("observe", extremes, "--observer", "static_minmax")
    second = path.with_name("second.safetensors")
    other.json("export", second)
    merged_path = path.with_name("merged.safetensors")
    (merged,) = cli.json("merge", path, second, "-o", merged_path, status=1)
    counts = [merged[key] for key in ("sessions", "records", "conflicts", "rejected")]
    assert counts == [2, 8, 1, 3]
    said = "\n".join(merged["first_refused"])
    assert "m/input index 2" in said and "n/input" in said and "another spec" in said
    assert RunFile(merged_path).column("m/input", "index") == [0, 1, 2, 3, 4]
    done = cli.run("merge", path, second, "-o", merged_path, "--force")
    assert done.returncode == 1
    assert "m/input index 2" in done.stderr
    row = [str(merged_path), "2", "8", "0", "1", "3"]
    assert done.stdout.splitlines()[1].split() == row


def test_merge_over_one_of_its_files(cli, path, tmp_path):
    cli.json("observe", small_capture(tmp_path, range(3)))
    cli.json("export", path)
    before = RunFile(path)
    assert cli.run("merge", path, "-o", path).returncode == 2
    cli.json("merge", path, path, "-o", path, "--force")
    assert RunFile(path).tensors == before.tensors


def test_a_file_that_is_there_stays_without_force(cli, path, tmp_path):
    cli.json("observe", small_capture(tmp_path, range(3)))
    path.write_text("mine")
    for command in (["export", path], ["merge", path, "--output", path]):
        refused = cli.run(*command)
        assert refused.returncode == 2
        assert str(path) in refused.stderr and "--force" in refused.stderr
        assert path.read_text() == "mine"
    cli.json("export", path, "--force")
    assert len(RunFile(path).sessions) == 2
    assert os.listdir(path.parent) == [path.name]


def test_a_glob_chooses_sessions(cli, path, tmp_path):
    cli.json("observe", small_capture(tmp_path, range(3), ("m", "mm", "n")))
    (done,) = cli.json("export", path, "m*")
    assert (done["sessions"], done["records"]) == (2, 6)
    assert sorted(RunFile(path).sessions) == ["m/input", "mm/input"]
    none = cli.run("export", path.with_name("none"), "z*")
    assert none.returncode == 4 and "z*" in none.stderr
    assert os.listdir(path.parent) == [path.name]


def test_text_output_of_export_and_import(cli, other, path, tmp_path):
    cli.json("observe", small_capture(tmp_path, range(3)))
    assert cli.run("export", path).stdout == f"{path}: 6 records of 2 sessions\n"
    lines = other.run("import", path).stdout.splitlines()
    titles = ["into", "sessions", "stored", "duplicate", "conflict", "rejected"]
    assert lines[0].split() == [*titles, "reconnects"]
    assert lines[1].split() == ["runs/default", "2", "6", "0", "0", "0", "0"]


@pytest.mark.parametrize("command", ["import", "merge"])
def test_a_damaged_file_is_refused_by_name(cli, other, path, tmp_path, command):
    cli.json("observe", small_capture(tmp_path, range(3)))
    cli.json("export", path)
    whole = path.read_bytes()
    index = whole.index(b'"m/input/index"')
    damages = {
        "cut": whole[:-1],
        "no safetensors": b"x" * 100,
        "empty": b"",
        "version": whole.replace(b'"version":"2"', b'"version":"7"'),
        "tensor": whole[:index] + b'"m/input/indox"' + whole[index + 15 :],
    }
    good = path.with_name("good.safetensors")
    shutil.copy(path, good)
    for damage, content in damages.items():
        path.write_bytes(content)
        out = path.with_name("out.safetensors")
        rest = ["--output", out] if command == "merge" else []
        done = other.run(command, good, path, *rest)
        assert done.returncode == 1, damage
        assert str(path) in done.stderr and done.stdout == "", damage
        assert not out.exists()
    # With one damaged file, the other files are not sent either.
    assert other.json("list") == []


def test_a_capture_is_no_run_file(other):
    done = other.run("import", capture_of("f32"))
    assert done.returncode == 1
    assert "calipers observe" in done.stderr


def test_a_forged_name_does_not_come_to_the_terminal(cli, other, path, tmp_path):
    cli.json("observe", small_capture(tmp_path, range(3)))
    cli.json("export", path)
    forged = path.read_bytes().replace(b"m/input", b"\\u001b/")
    path.write_bytes(forged)
    done = other.run("import", path)
    assert done.returncode == 1
    assert "session" in done.stderr and "\x1b" not in done.stderr


def test_a_record_larger_than_a_message_is_reported_at_once(
    cli, server_with, path, tmp_path
):
    weight = np.random.default_rng(2).normal(size=(20_000, 2)).astype(np.float32)
    save_file({"m.weight": weight}, tmp_path / "weight.safetensors")
    cli.json("observe", tmp_path / "weight.safetensors", "--strategy", "channel")
    cli.json("export", path)
    small = Cli(server_with("--max-message-bytes", "64KiB").address)
    done = small.run("import", path)
    assert done.returncode == 1
    assert "larger than max" in done.stderr and "1 observations" in done.stderr
    large = Cli(server_with("--max-message-bytes", "512KiB").address)
    assert large.json("import", path)[0]["stored"] == 1


def many_sessions(cli: Cli, folder: Path, count: int) -> None:
    save_file(
        {f"m{i}/input/0": np.float32([[i, -i]]) for i in range(count)},
        folder / "many.safetensors",
    )
    cli.json("observe", folder / "many.safetensors")


def has_open(process: subprocess.Popen, part: str) -> bool:
    """True if the process has an open file whose name contains `part`."""
    folder = Path(f"/proc/{process.pid}/fd")
    try:
        return any(part in os.readlink(folder / name) for name in os.listdir(folder))
    except OSError:  # the process opened or closed a file meanwhile, or ended
        return False


def test_a_server_that_dies_during_an_export_leaves_nothing(server_with, path, tmp_path):
    server = server_with("--durability", "none")
    cli = Cli(server.address)
    many_sessions(cli, tmp_path, 2000)
    export = subprocess.Popen(
        cli.command("export", path, "--json"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        # It writes to files without a name, which it opens after it has listed the sessions.
        while not has_open(export, f"{path}.spool"):
            assert export.poll() is None, "it was done too soon"
        export.send_signal(signal.SIGSTOP)
        server.stop(signal.SIGKILL)
        export.send_signal(signal.SIGCONT)
        output, errors = export.communicate(timeout=COMMAND_SECONDS)
    finally:
        export.kill()
    assert export.returncode == 3, errors
    assert output == "" and "UNAVAILABLE" in errors
    assert os.listdir(path.parent) == []


def test_an_export_onto_a_full_disk_leaves_nothing(cli, path, tmp_path):
    many_sessions(cli, tmp_path, 1000)
    cli.json("export", path)
    size = path.stat().st_size
    path.unlink()

    # One limit is smaller than a column, the other one smaller than the whole file.
    for limit in (6000, size - 1):

        def limited(limit=limit):
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

        done = cli.run("export", path, "--json", preexec_fn=limited)
        assert done.returncode == 1, done.stderr
        assert done.stdout == "" and str(path) in done.stderr
        assert os.listdir(path.parent) == []


def test_a_folder_that_is_not_there_is_wrong_usage(cli, path, tmp_path):
    cli.json("observe", small_capture(tmp_path, range(3)))
    cli.json("export", path)
    missing = path.parent / "no" / "run"
    for command in (["export", missing], ["merge", path, "--output", missing]):
        done = cli.run(*command)
        assert done.returncode == 2
        assert str(missing.parent) in done.stderr
