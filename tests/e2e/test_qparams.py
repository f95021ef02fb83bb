"""Scales and zero points: queried and exported by the command, and read back."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
import safetensors
from conftest import TOP, Cli
from safetensors.numpy import save_file

DATA = TOP / "tests" / "data"
WEIGHTS = DATA / "minilm-weights.safetensors"
ACTIVATIONS = DATA / "minilm-activations-bf16.safetensors"
QUERY = "encoder.layer.0.attention.self.query"
PRESETS = (
    "UNQUANTIZED W8A8 INT8 W2A16 W3A16 W4A16 W5A16 W6A16 W7A16 W8A16 W2A8 W3A8 W4A8 W5A8 W6A8 "
    "W7A8 W2A4 W3A4 W4A4 W4A16_ASYM W4AFP8 FP8 FP8_DYNAMIC FP8_BLOCK NVFP4A16 NVFP4 MXFP4A16 "
    "MXFP6A16 MXFP8A16 MXFP4 MXFP8 MXFP6A8 MXFP4XFP8"
).split()
FUSED = ("--fuse", "query,key,value")


def observe_model(cli: Cli, workers: int = 4, arithmetic: str = "exact") -> None:
    """Observes the captured model finely enough for every preset."""
    common = ("--workers", workers, "--weight-strategy", "group", "--group-size", 16)
    common += ("--arithmetic", arithmetic)
    cli.json("observe", WEIGHTS, ACTIVATIONS, *common, "--attention-strategy", "attn_head")


def read_file(path: Path) -> dict[str, tuple[str, list[int], bytes]]:
    """Reads dtype, shape and bytes of each tensor, by name."""
    found = safetensors.deserialize(path.read_bytes())
    return {name: (raw["dtype"], raw["shape"], bytes(raw["data"])) for name, raw in found}


def observe_small(cli: Cli, folder: Path, **tensors: np.ndarray) -> None:
    """Observes tensors by name, in which __ stands for a dot."""
    path = folder / "small.safetensors"
    named = {name.replace("__", "."): array for name, array in tensors.items()}
    save_file({name: array.astype(np.float32) for name, array in named.items()}, path)
    cli.json("observe", path, "--weight-strategy", "group", "--group-size", 16)


def weight(*ends: float) -> np.ndarray:
    """A row; each argument is the magnitude of a group of 16."""
    found = np.zeros((1, 16 * len(ends)), np.float32)
    found[0, ::16] = ends
    return found


def test_a_row_for_each_session_and_scheme(cli, tmp_path):
    observe_small(cli, tmp_path, m__weight=weight(1, -3), **{"m/input/0": np.array([[-2, 5]])})
    done = cli.run("qparams", "--scheme", "W8A8", "--scheme", "FP8")
    assert done.returncode == 0, done.stderr
    lines = [line.split() for line in done.stdout.splitlines()]
    assert [line[:2] for line in lines[1:]] == [
        ["m/input", "W8A8"],
        ["m/input", "FP8"],
        ["m/weight", "W8A8"],
        ["m/weight", "FP8"],
    ]
    # The input of W8A8 is quantized dynamically.
    assert lines[1][2] == "-"
    assert float(lines[2][4]) == pytest.approx(5 / 448, rel=1e-6)


def test_json_has_every_number(cli, tmp_path):
    observe_small(cli, tmp_path, m__weight=weight(1, -3))
    args = '{"num_bits": 4, "symmetric": false, "strategy": "group", "group_size": 16}'
    (answer,) = cli.json("qparams", "m/weight", "--args", args)
    assert (answer["session"], answer["spec"]) == ("runs/default/sessions/m/weight", "args1")
    assert answer["args"]["num_bits"] == 4 and answer["args"]["symmetric"] is False
    assert answer["scale"]["shape"] == [1, 2]
    assert answer["scale"]["values"] == [float(np.float32(1 / 15)), float(np.float32(0.2))]
    assert answer["zero_point"] == {**answer["zero_point"], "dtype": "I8", "values": [-8, 7]}
    assert answer["notes"] == [] and answer["fused_sessions"] == []
    # Args come from a file or from the command line; the default is the session's own args.
    file = tmp_path / "args.json"
    file.write_text(args)
    assert cli.json("qparams", "m/weight", "--args", f"@{file}") == [answer]
    (own,) = cli.json("qparams", "m/weight")
    assert own["spec"] == "session" and own["args"]["num_bits"] == 8


def test_fusion(cli, tmp_path):
    observe_small(cli, tmp_path, a__query__weight=weight(1), a__key__weight=weight(4))
    observe_small(cli, tmp_path, b__w1__weight=weight(1), b__w3__weight=weight(8))

    def shared(*flags: str) -> dict[str, float]:
        found = cli.json("qparams", "--scheme", "NVFP4", *flags)
        return {
            answer["session"].rsplit("/", 2)[1]: answer["global_scale"]["values"][0]
            for answer in found
        }

    every = {"a.query": 2688, "a.key": 672, "b.w1": 2688, "b.w3": 336}
    assert shared("--no-fusion") == every
    assert shared() == {**every, "b.w1": 336}
    assert shared("--fuse", "query,key") == {**every, "b.w1": 336, "a.query": 672}


def test_peers_stand_for_an_expert_that_saw_nothing(cli, tmp_path):
    observe_small(
        cli,
        tmp_path,
        **{"experts.0.up/input/0": np.array([[1, 7]]), "experts.1.up/input/0": np.array([[-9, 1]])},
    )
    cli.json("create", "experts.2.up/input")
    missing = cli.run("qparams", "experts.2.up/input", "--scheme", "FP8")
    assert missing.returncode == 4 and "experts.2.up/input" in missing.stderr
    flags = ("experts.2.up/input", "--scheme", "FP8", "--peers-behind", "experts")
    (answer,) = cli.json("qparams", *flags)
    assert answer["scale"]["values"] == [float(np.float32(9 / 448))]
    assert answer["fallback_sessions"] == [
        f"runs/default/sessions/experts.{i}.up/input" for i in (0, 1)
    ]
    assert "of its peers" in cli.run("qparams", *flags).stdout


def test_an_export_has_the_names_and_kinds_of_a_checkpoint(cli, tmp_path):
    observe_model(cli)
    path = tmp_path / "qparams.safetensors"

    def kinds(scheme: str) -> dict[str, tuple[str, list[int]]]:
        (said,) = cli.json("export", "--qparams", path, "--scheme", scheme, "--force", *FUSED)
        found = read_file(path)
        assert said["tensors"] == len(found)
        return {
            name.removeprefix(f"{QUERY}."): raw[:2]
            for name, raw in found.items()
            if name.startswith(QUERY)
        }

    assert kinds("W4A16") == {
        "weight_scale": ("BF16", [384, 3]),
        "weight_zero_point": ("I8", [384, 3]),
    }
    assert kinds("W8A8") == {
        "weight_scale": ("BF16", [384, 1]),
        "weight_zero_point": ("I8", [384, 1]),
    }
    assert kinds("FP8") == {
        "weight_scale": ("BF16", [1]),
        "weight_zero_point": ("F8_E4M3", [1]),
        "input_scale": ("BF16", [1]),
        "input_zero_point": ("F8_E4M3", [1]),
    }
    assert kinds("FP8_BLOCK") == {
        "weight_scale": ("BF16", [3, 3]),
        "weight_zero_point": ("F8_E4M3", [3, 3]),
    }
    assert kinds("NVFP4") == {
        "weight_scale": ("BF16", [384, 24]),
        "weight_zero_point": ("F8_E4M3", [384, 24]),
        "weight_global_scale": ("F32", [1]),
        "input_global_scale": ("F32", [1]),
    }
    assert kinds("UNQUANTIZED") == {}
    with safetensors.safe_open(path, "np") as file:
        assert file.metadata()["format"] == "pt"


def test_an_export_has_the_numbers_that_are_asked_for(cli, tmp_path):
    observe_small(cli, tmp_path, a__w1__weight=weight(1, -3), a__w3__weight=weight(2, 5))
    path = tmp_path / "qparams.safetensors"
    cli.json("export", "--qparams", path, "a.w1", "--scheme", "NVFP4")
    (asked,) = cli.json("qparams", "a.w1/weight", "--scheme", "NVFP4")
    found = read_file(path)
    assert sorted(found) == [
        "a.w1.weight_global_scale",
        "a.w1.weight_scale",
        "a.w1.weight_zero_point",
    ]
    for what in ("scale", "global_scale"):
        dtype, shape, data = found[f"a.w1.weight_{what}"]
        assert (dtype, shape) == ("F32", asked[what]["shape"])
        assert np.frombuffer(data, np.float32).tolist() == asked[what]["values"]


@pytest.mark.parametrize("arithmetic", ["exact", "reference"])
def test_every_preset_has_the_same_bits_from_any_number_of_workers(cli, tmp_path, arithmetic):
    path = tmp_path / "qparams.safetensors"
    files: dict[int, dict[str, bytes]] = {}
    for workers in (1, 2, 8):
        observe_model(cli, workers, arithmetic)
        files[workers] = {}
        for scheme in PRESETS:
            cli.json("export", "--qparams", path, "--scheme", scheme, "--force", *FUSED)
            files[workers][scheme] = path.read_bytes()
        cli.run("delete", "--all", "--yes")
    assert files[1] == files[2] == files[8]
    # Presets that quantize weights differently give different results.
    assert len(set(files[1].values())) > 12


def test_a_layer_without_a_member_of_its_group(cli, tmp_path):
    values = {"0.q_proj": 1, "0.k_proj": 2, "0.v_proj": 3, "1.q_proj": 4, "1.k_proj": 5}
    weights = {f"{name}.weight": np.full((1, 16), value, np.float32) for name, value in values.items()}
    save_file(weights, tmp_path / "weights.safetensors")
    cli.json("observe", tmp_path / "weights.safetensors", "--strategy", "tensor_group", "--group-size", 16)

    def scales(*flags: str) -> dict[str, float]:
        answers = cli.json("qparams", "--scheme", "NVFP4", *flags)
        found = {each["session"].split("/")[3]: each["global_scale"]["values"] for each in answers}
        return {module: value for module, (value,) in found.items()}

    expected = {f"0.{part}_proj": 896 for part in "qkv"}
    expected |= {f"1.{part}_proj": float(np.float32(537.6)) for part in "qk"}
    assert scales() == expected
    assert "without 1.v_proj/weight" in cli.run("qparams", "1.q_proj/weight").stdout
    done = cli.run("export", tmp_path / "q.safetensors", "--qparams", "--scheme", "NVFP4")
    assert "left out of its group: 1.v_proj/weight\n" in done.stdout
    apart = scales("--fuse", "0=q_proj,k_proj", "--fuse", "1=k_proj,x")
    assert apart == {"0.q_proj": 1344, "0.k_proj": 1344, "0.v_proj": 896, "1.q_proj": 672} | {
        "1.k_proj": float(np.float32(537.6))
    }


def test_an_unknown_scheme_is_refused_with_all_presets(cli, tmp_path):
    observe_small(cli, tmp_path, m__weight=weight(1))
    done = cli.run("qparams", "--scheme", "W9A9")
    assert done.returncode == 1 and "W9A9" in done.stderr
    said = done.stderr.partition("allowed: ")[2].partition(")")[0].split(", ")
    assert sorted(said) == sorted(PRESETS)


def test_a_session_without_an_answer_does_not_affect_others(cli, tmp_path):
    observe_small(cli, tmp_path, a__weight=weight(1), b__weight=weight(math.nan))
    done = cli.run("qparams", "--scheme", "W8A8", "--json")
    assert done.returncode == 4 and "b/weight" in done.stderr
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert "scale" in answers[0] and "NaN" in answers[1]["error"]["message"]
    # After an error there is no incomplete file.
    path = tmp_path / "qparams.safetensors"
    done = cli.run("export", "--qparams", path, "--scheme", "W8A8")
    assert done.returncode == 4 and not path.exists()
    assert [found.name for found in tmp_path.glob("qparams*")] == []


def test_an_export_names_all_that_have_no_answer(cli, tmp_path):
    observe_small(cli, tmp_path, m__weight=weight(1))
    unseen = [f"experts.{i}.up/input" for i in range(8)]
    for session in unseen:
        cli.json("create", session)
    path = tmp_path / "qparams.safetensors"
    done = cli.run("export", "--qparams", path, "--scheme", "FP8")
    assert done.returncode == 4 and not path.exists()
    assert all(session in done.stderr for session in unseen[:6])
    assert "and 2 more" in done.stderr
    cli.json("export", "--qparams", path, "m", "--scheme", "FP8")
    assert sorted(read_file(path)) == ["m.weight_scale", "m.weight_zero_point"]


def test_an_export_says_what_rests_on_peers_and_what_was_repaired(cli, tmp_path):
    observe_small(
        cli,
        tmp_path,
        **{"experts.0.up/input/0": np.array([[1, 7]]), "experts.1.up/input/0": np.zeros((1, 2))},
    )
    cli.json("create", "experts.2.up/input")
    path = tmp_path / "qparams.safetensors"
    flags = ("--scheme", "FP8", "--peers-behind", "experts", "--force")
    (said,) = cli.json("export", "--qparams", path, *flags)
    peers = {"experts.2.up/input": ["experts.0.up/input", "experts.1.up/input"]}
    assert said["fallback"] == peers
    (note,) = said["notes"].pop("experts.1.up/input")
    assert (note["trap"], note["count"]) == ("zero_range", 1) and not said["notes"]
    with safetensors.safe_open(path, "np") as file:
        metadata = file.metadata()
    assert json.loads(metadata["calipers_fallback"]) == peers
    assert json.loads(metadata["calipers_notes"]) == {"experts.1.up/input": [note]}
    shown = cli.run("export", "--qparams", path, *flags).stdout
    assert "experts.2.up/input" in shown and "zero_range" in shown and "experts.1.up/input" in shown


def test_a_scheme_that_the_series_cannot_give_says_which_could(cli, tmp_path):
    path = tmp_path / "channel.safetensors"
    save_file({"m.weight": np.ones((2, 256), np.float32)}, path)
    cli.json("observe", path, "--weight-strategy", "channel")
    done = cli.run("qparams", "--scheme", "W4A16")
    assert done.returncode == 4
    assert "strategy channel" in done.stderr and "divides 128" in done.stderr


@pytest.mark.parametrize(
    ("status", "arguments"),
    [
        (4, ["qparams", "no.such/weight", "--scheme", "FP8"]),
        (4, ["qparams", "no.such*", "--scheme", "FP8"]),
        (2, ["qparams", "--args", "@/nonexistent.json"]),
        (2, ["qparams", "--wait", "-1"]),
        (2, ["qparams", "--exclude", "many"]),
        (1, ["qparams", "--args", "{"]),
        (1, ["qparams", "--fuse", "alone"]),
        (1, ["qparams", "--peers-behind", "a.b"]),
        (2, ["export", "--qparams", "q.safetensors", "--scheme", "FP8", "--scheme", "W8A8"]),
        (2, ["export", "run.safetensors", "--scheme", "FP8"]),
        (2, ["qparams", "--scheme", "NVFP4", "--fuse", "query,key", "--no-fusion"]),
        (4, ["export", "--qparams", "q.safetensors", "no.such", "--scheme", "FP8"]),
    ],
)
def test_exit_statuses(cli, tmp_path, monkeypatch, status, arguments):
    monkeypatch.chdir(tmp_path)
    observe_small(cli, tmp_path, m__weight=weight(1))
    done = cli.run(*arguments)
    assert done.returncode == status, done.stderr
    assert done.stderr.startswith("calipers: ") or "--help" in done.stderr
    assert [path.name for path in tmp_path.glob("*.safetensors")] == ["small.safetensors"]


@pytest.mark.parametrize("command", ["qparams", "export"])
def test_help_teaches(cli, command):
    done = cli.run(command, "--help")
    assert done.returncode == 0
    assert "--scheme" in done.stdout and "Examples:" in done.stdout
