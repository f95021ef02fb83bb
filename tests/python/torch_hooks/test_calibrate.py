"""Calibrations in one process, compared with a slow reference implementation."""

from __future__ import annotations

import sys

import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

import calipers
import calipers.torch
from models import Twice, captured, hooks_of, make_batches, make_model

BATCHES = 12
EXPERTS = ("experts",)
STATIC_INT8 = {
    "weights": {"num_bits": 8, "strategy": "channel"},
    "input_activations": {"num_bits": 8, "symmetric": False},
    "output_activations": {"num_bits": 8, "observer_kwargs": {"averaging_constant": 0.25}},
}


def float32(value: float) -> Tensor:
    return torch.tensor([value], dtype=torch.float32)


def extremes(calls: list[Tensor]) -> tuple[float, float]:
    """The minimum and maximum of all tensors of a module in a batch."""
    flat = torch.cat([call.reshape(-1) for call in calls]).double()
    return flat.min().item(), flat.max().item()


def average(series: list[list[Tensor]], constant: float) -> tuple[float, float]:
    """The moving average of the minima and maxima of non-empty batches."""
    ranges = [extremes(calls) for calls in series if calls]
    low, high = ranges[0]
    for least, greatest in ranges[1:]:
        low = low * (1 - constant) + least * constant
        high = high * (1 - constant) + greatest * constant
    return low, high


def greatest_magnitude(series: list[list[Tensor]]) -> float:
    return max(abs(end) for calls in series if calls for end in extremes(calls))


def never_run(session: str) -> bool:
    return ".experts.3." in session


def test_a_preset_with_static_inputs(client):
    model, batches = make_model(), make_batches(BATCHES)
    found = calipers.torch.calibrate(
        model, batches, client, scheme="FP8", ignore="head", peers_behind=EXPERTS
    )
    assert found.total == BATCHES
    checked = 0
    for session, series in captured(model, batches).items():
        name = session.replace("/", ".")
        if not name.endswith(".input") or never_run(session):
            continue
        if name == "head.input":
            assert f"{name}_scale" not in found
            continue
        assert torch.equal(found[f"{name}_scale"], float32(greatest_magnitude(series) / 448))
        weight = model.get_submodule(session.removesuffix("/input")).weight.double()
        scale = found[f"{name.removesuffix('input')}weight_scale"]
        assert torch.equal(scale, float32(weight.abs().max().item() / 448))
        checked += 1
    assert checked == 2 * (4 + 3 * 2)


def test_a_scheme_of_args_and_a_moving_average(client):
    model, batches = make_model(), make_batches(BATCHES)
    found = calipers.torch.calibrate(
        model, batches, client, scheme=STATIC_INT8, peers_behind=EXPERTS
    )
    for session, series in captured(model, batches).items():
        name = session.replace("/", ".")
        if never_run(session):
            continue
        if name.endswith(".output"):
            low, high = average(series, 0.25)
            assert torch.equal(found[f"{name}_scale"], float32(max(-low, high) / 127.5))
            continue
        low, high = average(series, 0.01)
        low, high = min(low, 0.0), max(high, 0.0)
        scale = (high - low) / 255
        assert torch.equal(found[f"{name}_scale"], float32(scale))
        zero = torch.tensor([round(-128 - low / scale)], dtype=torch.int8)
        assert torch.equal(found[f"{name}_zero_point"], zero)
    rows = model.head.weight.double().abs().amax(1, keepdim=True) / 127.5
    assert torch.equal(found["head.weight_scale"], rows.float())


def test_dynamic_activations_are_not_observed_and_the_model_does_not_run(client):
    model = make_model()
    model.register_forward_pre_hook(lambda *_: pytest.fail("it ran"))
    found = calipers.torch.calibrate(model, make_batches(3), client)
    assert found.total is None
    assert {name.rpartition(".")[2] for name in found} == {"weight_scale", "weight_zero_point"}
    assert len(client.sessions("*/weight")) == len(client.sessions()) == len(found) / 2


def test_a_batch_that_a_module_does_not_see_is_there_and_changes_nothing(client):
    model, batches = make_model(), make_batches(BATCHES)
    calipers.torch.calibrate(
        model, batches, client, scheme="FP8", observe="input", peers_behind=EXPERTS
    )
    seen = captured(model, batches)
    some = 0
    for row in client.sessions("*/input"):
        progress = client.session(row.session).progress()
        ran = sum(bool(calls) for calls in seen[row.session])
        assert (progress.count, progress.folded_count, row.sealed) == (BATCHES, ran, BATCHES)
        some += 0 < ran < BATCHES
    assert some >= 4


def test_an_expert_that_saw_nothing_has_no_answer_without_peers(client):
    model, batches = make_model(), make_batches(BATCHES)
    with pytest.raises(calipers.FailedPreconditionError, match=r"experts\.3.*nor have") as error:
        calipers.torch.calibrate(model, batches, client, scheme="FP8", observe="input")
    assert "layers.1.mlp.experts.3.down_proj/input" in error.value.message
    assert "experts.0" not in error.value.message
    # All records are stored and sealed; only the query failed.
    found = calipers.torch.load_qparams(client, "FP8", "layers.*", peers_behind=EXPERTS)
    answer = found.answers["layers.0.mlp.experts.3.up_proj/input"]
    assert len(answer.fallback_sessions) == 3
    peers = [
        found[f"layers.0.mlp.experts.{expert}.up_proj.input_scale"].item() for expert in range(3)
    ]
    assert found["layers.0.mlp.experts.3.up_proj.input_scale"].item() == max(peers)


def test_fused_weights_share_a_global_scale(client):
    model, batches = make_model(), make_batches(3)
    shared = calipers.torch.calibrate(
        model, batches, client, scheme="NVFP4", observe="weight", finish="wait"
    )
    attention = model.layers[0].attention
    names = ("q_proj", "k_proj", "v_proj")
    absmax = max(getattr(attention, name).weight.double().abs().max().item() for name in names)
    for name in names:
        scale = shared[f"layers.0.attention.{name}.weight_global_scale"]
        assert torch.equal(scale, float32(448 * 6 / absmax))
    own = calipers.torch.load_qparams(client, "NVFP4", fusion="none")
    own_scales = {own[f"layers.0.attention.{name}.weight_global_scale"].item() for name in names}
    assert len(own_scales) == 3
    pair = [("q_proj", "k_proj")]
    declared = calipers.torch.load_qparams(client, "NVFP4", fuse=pair)
    scales = [declared[f"layers.0.attention.{name}.weight_global_scale"] for name in names]
    assert scales[0].equal(scales[1])
    assert not scales[0].equal(scales[2])
    layer = calipers.torch.load_qparams(client, "NVFP4", fuse={"layers.0.*": pair})
    assert layer["layers.0.attention.v_proj.weight_global_scale"].equal(scales[2])
    assert shared["layers.1.attention.v_proj.weight_global_scale"].equal(
        layer["layers.1.attention.v_proj.weight_global_scale"]
    )
    again = calipers.torch.calibrate(
        model, batches, client, scheme="NVFP4", observe="weight", fuse=pair
    )
    assert all(same_bits(again[name], declared[name]) for name in declared)


def test_the_finest_records_answer_for_every_scheme(client):
    model, batches = make_model(), make_batches(BATCHES)
    options = {"ignore": "re:.*experts", "granularity": "finest"}
    calipers.torch.calibrate(model, batches, client, scheme="UNQUANTIZED", **options)
    for scheme in ("W8A8", "FP8", "FP8_BLOCK", "NVFP4", "MXFP4", "W8A8", STATIC_INT8):
        found = calipers.torch.load_qparams(client, scheme)
        with calipers.connect(client_address(client), run=f"own-{id(scheme)}") as other:
            own = calipers.torch.calibrate(
                model, batches, other, scheme=scheme, ignore="re:.*experts"
            )
        assert own.keys() <= found.keys()
        for name, tensor in own.items():
            assert tensor.dtype == found[name].dtype
            assert same_bits(tensor, found[name]), name


def client_address(client: calipers.Client) -> str:
    return client._connection.address


def same_bits(one: Tensor, other: Tensor) -> bool:
    return torch.equal(one.view(torch.uint8), other.view(torch.uint8))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_results_load_into_the_state_dict_of_the_model(client, dtype):
    model, batches = make_model(dtype), make_batches(3)
    found = calipers.torch.calibrate(
        model, batches, client, scheme="FP8", ignore="re:.*experts", arithmetic="reference"
    )
    for name, tensor in found.items():
        wanted = torch.float8_e4m3fn if name.endswith("zero_point") else dtype
        assert (tensor.dtype, tensor.shape, tensor.device.type) == (wanted, (1,), "cpu")
        module, _, parameter = name.rpartition(".")
        model.get_submodule(module).register_buffer(parameter, torch.zeros((1,), dtype=wanted))
    left = model.load_state_dict(found, strict=False)
    assert left.unexpected_keys == []
    for name, tensor in found.items():
        assert same_bits(model.state_dict()[name], tensor)


def test_a_module_that_runs_twice(client):
    torch.manual_seed(3)
    model, batches = Twice(), [torch.randn(2, 4, 8) for _ in range(3)]
    scheme = {"input_activations": {"num_bits": 8}, "output_activations": {"num_bits": 8}}
    found = calipers.torch.calibrate(model, batches, client, scheme=scheme, repeats="concatenate")
    for session, series in captured(model, batches).items():
        assert [len(calls) for calls in series] == [2, 2, 2]
        low, high = average(series, 0.01)
        name = session.replace("/", ".")
        assert torch.equal(found[f"{name}_scale"], float32(max(-low, high) / 127.5))
        # The tensor before it was changed in place.
        answer = client.session(session).minmax()
        assert (answer.min.item(), answer.max.item()) == (low, high)
        # The tokens of both calls.
        assert client.session(session).progress().num_observations == 3 * (2 * 4 + 2 * 2)


def test_a_call_without_tokens_adds_nothing_to_the_other(client):
    class Routed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.expert = nn.Identity()

        def forward(self, value: Tensor) -> Tensor:
            self.expert(value[:0, :1].float())
            return self.expert(value)

    found = calipers.torch.calibrate(
        Routed(),
        [torch.ones(2, 4, dtype=torch.bfloat16) for _ in range(2)],
        client,
        targets="Identity",
        scheme="FP8",
        observe="input",
        repeats="concatenate",
    )
    assert found["expert.input_scale"].dtype == torch.bfloat16
    progress = client.session("expert/input").progress()
    assert (progress.count, progress.folded_count, progress.num_observations) == (2, 2, 2 * 2)


def test_a_module_that_runs_twice_is_refused_unless_asked_for(client):
    model = Twice()
    scheme = {"input_activations": {"num_bits": 8}}
    with pytest.raises(
        calipers.InvalidArgumentError, match=r"shared/input.*more than once.*index 0"
    ):
        calipers.torch.calibrate(model, [torch.randn(2, 4, 8)], client, scheme=scheme)


def test_grouped_inputs_of_several_calls(client):
    torch.manual_seed(4)
    model, batches = Twice(), [torch.randn(2, 4, 8) for _ in range(2)]
    args = {"num_bits": 8, "strategy": "group", "group_size": 4, "observer": "static_minmax"}
    found = calipers.torch.calibrate(
        model, batches, client, scheme={"input_activations": args}, repeats="concatenate"
    )
    series = captured(model, batches)["shared/input"]
    tokens = torch.cat([call.reshape(-1, 2, 4) for calls in series for call in calls]).double()
    wanted = tokens.abs().amax((0, 2)) / 127.5
    assert torch.equal(found["shared.input_scale"], wanted.float())


class Bag(nn.Module):
    """Takes keyword arguments, and calls its module with one of them."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = Named()

    def forward(self, *, value: Tensor, scale: int = 1) -> dict[str, Tensor]:
        return {"out": self.linear(value=scale * value)["again"]}


class Named(nn.Linear):
    def __init__(self) -> None:
        super().__init__(4, 4)

    def forward(self, *, value: Tensor) -> dict[str, object]:
        return {"note": "none", "again": super().forward(value)}


BATCHES_OF_KINDS = {
    "dict": lambda value: {"value": value, "scale": 2},
    "tuple": lambda value: (value,),
    "list": lambda value: [value],
    "tensor": lambda value: value,
}


@pytest.mark.parametrize("kind", BATCHES_OF_KINDS)
def test_batches_of_every_kind(client, kind):
    value = torch.linspace(-1, 3, 12).reshape(3, 4)
    model = Bag() if kind == "dict" else nn.Sequential(nn.Linear(4, 4))
    scheme = {"input_activations": {"num_bits": 8}, "output_activations": {"num_bits": 8}}
    found = calipers.torch.calibrate(
        model, [BATCHES_OF_KINDS[kind](value)], client, scheme=scheme, observe=("input", "output")
    )
    name = "linear" if kind == "dict" else "0"
    assert found[f"{name}.input_scale"].item() * 127.5 == pytest.approx(6 if kind == "dict" else 3)
    assert f"{name}.output_scale" in found


def test_a_dataloader_of_pytorchs(client):
    values = torch.arange(40.0).reshape(10, 4)
    loader = DataLoader(TensorDataset(values), batch_size=4)
    found = calipers.torch.calibrate(
        nn.Sequential(nn.Linear(4, 4)), loader, client, scheme="FP8", observe="input"
    )
    assert found.total == 3
    assert torch.equal(found["0.input_scale"], float32(39 / 448))


@pytest.mark.parametrize("context", ["fork", "forkserver"])
def test_workers_of_a_dataloader_beside_an_open_client(client, context):
    values = torch.arange(40.0).reshape(10, 4)
    loader = DataLoader(
        TensorDataset(values), batch_size=4, num_workers=2, multiprocessing_context=context
    )
    # Weights are being sent when the workers start.
    found = calipers.torch.calibrate(nn.Sequential(nn.Linear(4, 4)), loader, client, scheme="FP8")
    assert found.total == 3
    assert torch.equal(found["0.input_scale"], float32(39 / 448))
    # The client still works.
    assert client.session("0/input").progress().count == 3


def test_a_forward_of_the_callers(client):
    found = calipers.torch.calibrate(
        nn.Sequential(nn.Linear(4, 4)),
        ["1", "7"],
        client,
        scheme="FP8",
        observe="input",
        forward=lambda model, batch: model(torch.full((1, 4), float(batch))),
    )
    assert torch.equal(found["0.input_scale"], float32(7 / 448))


def test_batches_are_on_the_models_device(client, monkeypatch):
    where = []
    module = sys.modules["calipers.torch.calibrate"]
    monkeypatch.setattr(module, "model_device", lambda _: torch.device("meta"))

    def forward(model: nn.Module, batch: dict[str, Tensor]) -> None:
        where.append(batch["value"].device.type)
        model(torch.ones(1, 4))

    calipers.torch.calibrate(
        nn.Sequential(nn.Linear(4, 4)),
        [{"value": torch.ones(1, 4)}],
        client,
        scheme="FP8",
        forward=forward,
    )
    assert where == ["meta"]


def test_weights_are_dealt_to_the_ranks(client):
    model = make_model()
    linear = len([one for one in model.modules() if isinstance(one, nn.Linear)])
    with pytest.raises(calipers.DeadlineExceededError, match="has 0 of 1 records"):
        calipers.torch.calibrate(model, (), client, rank=1, world_size=2, timeout=0.1)
    assert client.totals.observed == linear // 2
    calipers.torch.calibrate(model, (), client, rank=0, world_size=2)
    assert client.totals.observed == linear
    calipers.torch.calibrate(model, (), client, resume=True)
    assert client.totals.observed == linear


def test_complete_sessions_need_no_waiting_time(client):
    model = nn.Sequential(nn.Linear(4, 4))
    options = {"scheme": "FP8", "observe": "input"}
    first = calipers.torch.calibrate(model, [torch.ones(1, 4)], client, **options)
    again = calipers.torch.calibrate(model, [torch.ones(1, 4)], client, timeout=0.0, **options)
    assert same_bits(first["0.input_scale"], again["0.input_scale"])


def test_finest_granularity_is_channel_if_groups_do_not_divide_a_row(client):
    model = nn.Sequential(nn.Linear(20, 4))
    options = {"observe": "weight", "granularity": "finest"}
    found = calipers.torch.calibrate(model, (), client, scheme="W8A8", **options)
    rows = model[0].weight.double().abs().amax(1, keepdim=True) / 127.5
    assert torch.equal(found["0.weight_scale"], rows.float())
    assert client.session("0/weight").args["strategy"] == "channel"


def test_dynamic_args_of_a_mapping_are_not_observed(client):
    token = {"num_bits": 8, "strategy": "token", "dynamic": True}
    scheme = {"weights": {"num_bits": 8}, "input_activations": token}
    calipers.torch.calibrate(nn.Sequential(nn.Linear(4, 4)), (), client, scheme=scheme)
    assert [row.session for row in client.sessions()] == ["0/weight"]


def test_wrapped_models_have_the_names_of_the_inner(client):
    inner = nn.Sequential(nn.Linear(4, 4))
    model = nn.DataParallel(inner)
    found = calipers.torch.calibrate(model, [torch.ones(1, 4)], client, scheme="FP8")
    assert "0.input_scale" in found


@pytest.mark.parametrize("fails", [False, True])
def test_the_model_is_as_it_was_afterwards(client, fails):
    model = make_model().train()
    model.layers[0].dropout.eval()
    before = [module.training for module in model.modules()]
    states = []

    def forward(model: nn.Module, batch: Tensor) -> None:
        states.append((model.training, torch.is_grad_enabled(), hooks_of(model)))
        model(batch)
        if fails and len(states) == 3:
            raise RuntimeError("out of memory")

    options = {"scheme": "FP8", "ignore": "re:.*experts", "forward": forward}
    if fails:
        with pytest.raises(RuntimeError, match="out of memory"):
            calipers.torch.calibrate(model, make_batches(4), client, **options)
    else:
        calipers.torch.calibrate(model, make_batches(4), client, **options)
    assert states[0] == (False, False, 2 * 4 + 1)
    assert [module.training for module in model.modules()] == before
    assert hooks_of(model) == 0
    assert torch.is_grad_enabled()


def test_what_runs_between_batches_is_not_observed(client):
    model = nn.Sequential(nn.Linear(4, 4))

    def batches():
        for number in range(3):
            model(torch.full((1, 4), 100.0))
            yield torch.full((1, 4), float(number))

    found = calipers.torch.calibrate(model, batches(), client, scheme="FP8", observe="input")
    assert torch.equal(found["0.input_scale"], float32(2 / 448))


def test_progress_is_told(client):
    told: list[calipers.Totals] = []
    calipers.torch.calibrate(
        nn.Sequential(nn.Linear(4, 4)),
        [torch.ones(1, 4)] * 5,
        client,
        scheme="FP8",
        progress=told.append,
    )
    assert len(told) == 6
    assert told[-1].observed == told[-1].acknowledged == 6


class Sometimes(nn.Module):
    """The second part runs only for batches with two rows."""

    def __init__(self) -> None:
        super().__init__()
        self.always, self.sometimes = nn.Identity(), nn.Identity()

    def forward(self, value: Tensor) -> Tensor:
        value = self.always(value)
        return self.sometimes(value) if len(value) == 2 else value


def test_an_empty_observation_has_the_dtype_of_those_that_come(client):
    batches = [torch.ones(rows, 4, dtype=torch.bfloat16) for rows in (1, 2, 1)]
    found = calipers.torch.calibrate(
        Sometimes(), batches, client, targets="Identity", scheme="FP8", observe="input"
    )
    assert found["sometimes.input_scale"].dtype == torch.bfloat16
    progress = client.session("sometimes/input").progress()
    assert (progress.count, progress.folded_count) == (3, 1)


def test_a_second_run_brings_duplicates_and_the_same_bits(client):
    model, batches = make_model(), make_batches(6)
    options = {"scheme": "FP8", "ignore": "re:.*experts", "observe": "input"}
    first = calipers.torch.calibrate(model, batches, client, **options)
    stored = client.totals.stored
    again = calipers.torch.calibrate(model, batches, client, **options)
    assert client.totals.duplicates == stored == 6 * 9
    assert all(same_bits(first[name], again[name]) for name in first)
    assert first.keys() == again.keys()


def test_resuming_runs_what_is_missing_alone(client):
    model, batches = make_model(), make_batches(6)
    options = {"scheme": "FP8", "ignore": "re:.*experts", "observe": "input"}
    for index in (0, 1, 4):
        for name, series in captured(model, batches).items():
            if name.endswith("/input") and "experts" not in name:
                args = {"num_bits": 8, "type": "float", "observer": "static_minmax"}
                session = client.session(name, args=args)
                # One module has no record of batch 4.
                if (index, name) != (4, "head/input"):
                    session.observe(series[index][0], index=index)
    client.flush()
    before = client.totals.observed
    ran: list[int] = []

    def forward(model: nn.Module, batch: Tensor) -> None:
        ran.append(next(i for i, one in enumerate(batches) if one is batch))
        model(batch)

    found = calipers.torch.calibrate(
        model, batches, client, resume=True, forward=forward, **options
    )
    assert ran == [2, 3, 4, 5]
    assert client.totals.observed - before == 3 * 9 + 1
    with calipers.connect(client_address(client), run="resumed-whole") as other:
        whole = calipers.torch.calibrate(model, batches, other, **options)
    assert all(same_bits(whole[name], found[name]) for name in whole)
