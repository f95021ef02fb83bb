"""The observers give the same scales as llm-compressor's observers."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
from compressed_tensors.quantization import QuantizationArgs, QuantizationConfig
from llmcompressor.core import active_session
from llmcompressor.observers import Observer

import calipers
from calibrating import INT8, Attention, Experts, assert_same, batches_of, calibrate, static
from calipers.llmcompressor import OBSERVERS
from calipers.llmcompressor.series import Series

KINDS = ("minmax", "static_minmax", "memoryless_minmax")
DTYPES = (torch.float32, torch.bfloat16, torch.float16)

RECIPES = {
    "symmetric": static(),
    "asymmetric": static(symmetric=False),
    "another constant": static(observer_kwargs={"averaging_constant": 0.3}),
    # Only layers that do not depend on each other: llm-compressor passes on outputs that it has
    # quantized with the scale at that time.
    "outputs": {
        "config_groups": {
            "a": {
                "targets": ["re:[qkv]_proj"],
                "output_activations": {**INT8, "strategy": "tensor", "symmetric": False},
            }
        }
    },
    "FP8": {"scheme": "FP8"},
    "NVFP4": {"scheme": "NVFP4"},
}


def observed_by(name: str) -> dict[str, str]:
    return {"input_observer": name, "output_observer": name}


def test_the_names_are_in_the_registry():
    assert OBSERVERS == ("calipers_minmax", "calipers_static_minmax", "calipers_memoryless_minmax")
    assert set(Observer.registered_names()) >= {name.replace("_", "-") for name in OBSERVERS}


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("recipe", RECIPES)
def test_one_process_has_the_bits_of_llm_compressor(recipe, kind, dtype):
    batches = batches_of(9, dtype)
    arguments = RECIPES[recipe]
    wanted = calibrate(Attention(), batches, dtype, **observed_by(kind), **arguments)
    given = calibrate(Attention(), batches, dtype, **observed_by(f"calipers_{kind}"), **arguments)
    assert len(given) >= 3
    assert_same(given, wanted)


@pytest.mark.parametrize("name", OBSERVERS)
def test_weights_stay_here(name, client):
    batches = batches_of(2)
    wanted = calibrate(Attention(), batches, scheme="NVFP4")
    given = calibrate(Attention(), batches, scheme="NVFP4", weight_observer=name)
    fused = [given[f"{part}_proj.weight_global_scale"] for part in "qkv"]
    assert fused[0] == fused[1] == fused[2]
    assert_same(given, wanted)
    assert len(client.sessions()) == 0


def test_the_server_holds_every_record(client):
    calibrate(Attention(), batches_of(5), input_observer="calipers_minmax", **static())
    table = client.sessions()
    assert [row.session for row in table] == [f"{part}_proj/input" for part in "koqv"]
    assert {(row.count, row.missing, row.observer) for row in table} == {(5, 0, "minmax")}
    # Another observer can be selected later, for the same records.
    session = client.session("q_proj/input")
    seen = torch.cat([batch["x"].reshape(-1) for batch in batches_of(5)])
    assert session.minmax(observer="static_minmax").max.item() == seen.max().item()


def test_exact_arithmetic_rounds_once(client, monkeypatch):
    monkeypatch.setenv("CALIPERS_ARITHMETIC", "exact")
    dtype = torch.bfloat16
    batches = [{"x": torch.full((1, 1, 32), 20.0 if at else 10.0, dtype=dtype)} for at in range(99)]
    given = calibrate(Attention(), batches, dtype, input_observer="calipers_minmax", **static())
    fold = 10.0
    for _ in range(98):
        fold = fold * 0.99 + 20.0 * 0.01
    answer = client.session("q_proj/input").minmax()
    assert answer.max.item() == fold
    scale = torch.tensor(fold, dtype=torch.float32) / 127.5
    assert given["q_proj.input_scale"].item() == scale.to(dtype).item()
    # llm-compressor's own average loses small updates.
    own = calibrate(Attention(), batches, dtype, input_observer="minmax", **static())
    assert own["q_proj.input_scale"] < 0.98 * given["q_proj.input_scale"]


def test_experts_without_tokens(client):
    chosen = ([0], [0, 1], [1], [0], [0])
    batches = [
        {**batch, "chosen": torch.tensor(at)}
        for batch, at in zip(batches_of(5), chosen, strict=True)
    ]
    wanted = calibrate(Experts(), batches, input_observer="minmax", **static())
    given = calibrate(Experts(), batches, input_observer="calipers_minmax", **static())
    # No batch reaches the last expert, so its scale is not a result.
    for parameters in (wanted, given):
        del parameters["experts.2.input_scale"], parameters["experts.2.input_zero_point"]
    assert_same(given, wanted)
    found = [client.session(f"experts.{place}/input").progress() for place in range(3)]
    assert [(each.count, each.folded_count) for each in found] == [(5, 4), (5, 2), (5, 0)]
    with pytest.raises(calipers.FailedPreconditionError):
        client.session("experts.2/input").minmax()


def test_a_batch_without_tokens(client):
    batches = batches_of(3)
    batches[1]["x"] = batches[1]["x"][:, :0]
    wanted = calibrate(Attention(), batches, input_observer="minmax", **static())
    given = calibrate(Attention(), batches, input_observer="calipers_minmax", **static())
    assert_same(given, wanted)
    assert client.session("q_proj/input").progress().folded_count == 2


def test_modules_that_are_called_again(client, monkeypatch):
    chosen = ([0, 0], [1, 0], [1, 1], [0, 2])
    batches = [
        {**batch, "chosen": torch.tensor(at)}
        for batch, at in zip(batches_of(4), chosen, strict=True)
    ]
    with pytest.raises(calipers.InvalidArgumentError, match=r"CALIPERS_CALLS_PER_BATCH \(1\)"):
        calibrate(Experts(), batches, input_observer="calipers_minmax", **static())
    monkeypatch.setenv("CALIPERS_CALLS_PER_BATCH", "2")
    monkeypatch.setenv("CALIPERS_RUN", f"{client.run[-100:]}-again")
    wanted = calibrate(Experts(), batches, input_observer="minmax", **static())
    given = calibrate(Experts(), batches, input_observer="calipers_minmax", **static())
    assert_same(given, wanted)


def test_the_same_calibration_again_changes_nothing(client):
    batches = batches_of(4)
    first = calibrate(Attention(), batches, input_observer="calipers_minmax", **static())
    again = calibrate(Attention(), batches, input_observer="calipers_minmax", **static())
    assert_same(again, first)
    assert {row.count for row in client.sessions()} == {4}


def test_batches_that_are_not_named_are_counted(client, monkeypatch):
    """llm-compressor 0.9 does not give the index of a batch."""
    model = torch.nn.Sequential(torch.nn.Linear(4, 4), torch.nn.Linear(4, 4))
    state = SimpleNamespace(model=model, data=SimpleNamespace(calib=[0, 0, 0]))
    session = SimpleNamespace(state=state)
    monkeypatch.setattr("calipers.llmcompressor.calibration.active_session", lambda: session)
    args = QuantizationArgs(**INT8)
    series = [Series(module, "minmax", "input", args) for module in model]
    for seen in torch.randn(3, 1, 2, 4):
        series[0].observe(seen)
    assert series[0].answer().progress.contiguous_prefix == 3
    assert series[1].answer() is None
    with pytest.raises(calipers.InvalidArgumentError, match="batch 3 is not among the 3"):
        series[0].observe(seen)


def test_unnamed_batches_must_be_complete(client, monkeypatch):
    model = torch.nn.Sequential(torch.nn.Linear(4, 4))
    state = SimpleNamespace(model=model, data=SimpleNamespace(calib=[0, 0, 0]))
    session = SimpleNamespace(state=state)
    monkeypatch.setattr("calipers.llmcompressor.calibration.active_session", lambda: session)
    series = Series(model[0], "minmax", "input", QuantizationArgs(**INT8))
    series.observe(torch.randn(1, 2, 4))
    with pytest.raises(calipers.FailedPreconditionError, match="1 times, not once for each of 3"):
        series.answer()


@pytest.mark.parametrize(
    ("base_name", "shape", "args"),
    [
        ("input", (2, 5, 32), {"strategy": "group", "group_size": 8}),
        ("output", (2, 5, 32), {"strategy": "tensor"}),
        ("q", (2, 4, 5, 8), {"strategy": "attn_head"}),
        ("k", (2, 4, 5, 8), {"strategy": "tensor"}),
    ],
)
def test_ranges_have_the_shape_that_llm_compressor_expects(base_name, shape, args, client):
    model = torch.nn.Sequential(torch.nn.Linear(4, 4))
    session = active_session()
    session.state.update(model=model, calib_data=[0])
    session.state.current_batch_idx = 0
    args = QuantizationArgs(**INT8, **args)
    kwargs = {"base_name": base_name, "args": args}
    if hasattr(Observer, "get_global_min_max"):
        kwargs["module"] = model[0]
    observer = Observer.load_from_registry("calipers_minmax", **kwargs)
    own = Observer.load_from_registry("minmax", **kwargs)
    seen = torch.randn(shape)
    if hasattr(observer, "attach"):
        observer.attach(model[0])
        observer(seen)
        assert observer.has_statistics
        own(seen)
        given, wanted = (observer.min_vals, observer.max_vals), (own.min_vals, own.max_vals)
    else:
        observer(seen)
        own(seen)
        given = observer.series.tensors(observer.series.answer().range)
        wanted = (own.past_min_vals, own.past_max_vals)
    for mine, theirs in zip(given, wanted, strict=True):
        assert torch.equal(mine, theirs), (mine, theirs)
    assert client.sessions()[0].session == f"0/{base_name}"


def test_a_saved_model_does_not_publish_the_settings(server, client):
    kwargs = {"server": server.address, "run": client.run, "timeout": 20, "averaging_constant": 0.5}
    inputs = {**INT8, "strategy": "tensor", "observer_kwargs": kwargs}
    weights = {**INT8, "strategy": "channel"}
    group = {"targets": ["Linear"], "weights": weights, "input_activations": inputs}
    model = Attention()
    calibrate(
        model, batches_of(2), input_observer="calipers_minmax", config_groups={"group_0": group}
    )
    saved = QuantizationConfig.from_pretrained(model).model_dump()
    (args,) = [each["input_activations"] for each in saved["config_groups"].values()]
    assert args["observer_kwargs"] == {"averaging_constant": 0.5}
    assert server.address not in str(saved)
    # The recipe can be used again.
    assert inputs["observer_kwargs"] == kwargs
