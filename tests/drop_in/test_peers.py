"""Experts that no worker observed, and the peers whose range replaces theirs."""

from __future__ import annotations

import math

import pytest
import torch
from llmcompressor.core import active_session
from llmcompressor.modifiers.quantization import QuantizationModifier
from torch import nn

import calipers
from calibrating import (
    HIDDEN,
    INT8,
    PARAMETERS,
    Experts,
    assert_same,
    batches_of,
    calibrate,
    run_pipeline,
    static,
)
from calipers.llmcompressor.peers import find_peers, widest

# The experts, of four, that run in each batch.
CHOSEN = ([0], [1], [0], [3], [1])
UNSEEN = "experts.2"
# The global scale of an averaging observer differs between versions.
RECIPES = {
    "symmetric": ("minmax", static()),
    "asymmetric": ("minmax", static(symmetric=False)),
    "another constant": ("minmax", static(observer_kwargs={"averaging_constant": 0.3})),
    "groups": ("minmax", static(strategy="group", group_size=8)),
    "static": ("static_minmax", static(symmetric=False)),
    "the last one": ("memoryless_minmax", static()),
    "FP8": ("static_minmax", {"scheme": "FP8"}),
    "NVFP4": ("static_minmax", {"scheme": "NVFP4"}),
}
SEEN_BY_ALL = {"experts.0/input", "experts.1/input", "experts.3/input"}


@pytest.fixture
def behind_experts(monkeypatch):
    monkeypatch.setenv("CALIPERS_PEERS_BEHIND", "experts")


def batches(chosen=CHOSEN, dtype=torch.float32):
    return [
        {**batch, "chosen": torch.tensor(at)}
        for batch, at in zip(batches_of(len(chosen), dtype), chosen, strict=True)
    ]


def of_module(parameters, module=UNSEEN):
    """The input's quantization parameters on a module."""
    return {
        name.removeprefix(f"{module}.input_"): each
        for name, each in parameters.items()
        if name.startswith(f"{module}.input_")
    }


def answered(client, module=UNSEEN, peers=SEEN_BY_ALL):
    """The server's qparams from the range of the module's peers."""
    found = client.session(f"{module}/input").qparams(peers_behind=["experts"])
    assert set(found.fallback_sessions) == peers
    tensors = {name: getattr(found, name) for name in PARAMETERS}
    return {name: each.torch() for name, each in tensors.items() if each is not None}


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16], ids=str)
@pytest.mark.parametrize("recipe", RECIPES)
def test_the_qparams_are_those_that_the_server_answers(recipe, dtype, client, behind_experts):
    kind, arguments = RECIPES[recipe]
    given = calibrate(
        Experts(4), batches(dtype=dtype), dtype, input_observer=f"calipers_{kind}", **arguments
    )
    assert_same(of_module(given), answered(client))


def test_extremes_are_those_of_one_expert_that_saw_all(behind_experts):
    arguments = static(symmetric=False)
    given = calibrate(Experts(4), batches(), input_observer="calipers_static_minmax", **arguments)
    one = calibrate(Experts(1), batches([[0]] * 5), input_observer="static_minmax", **arguments)
    assert_same(of_module(given), of_module(one, "experts.0"))


def test_observed_experts_keep_their_own_range(behind_experts):
    wanted = calibrate(Experts(4), batches(), input_observer="minmax", **static())
    given = calibrate(Experts(4), batches(), input_observer="calipers_minmax", **static())
    for place in (0, 1, 3):
        module = f"experts.{place}"
        assert_same(of_module(given, module), of_module(wanted, module))


def test_peers_from_the_recipe_are_used_and_logged(client, caplog):
    inputs = static(observer_kwargs={"peers_behind": ["none", "experts"]})
    given = calibrate(Experts(4), batches(), input_observer="calipers_minmax", **inputs)
    assert_same(of_module(given), answered(client))
    said = [record.getMessage() for record in caplog.records if record.name == "calipers"]
    assert said == [
        "experts.2/input was seen by no worker: the range of 3 peers is used instead, such as "
        "experts.0/input"
    ]


@pytest.mark.parametrize("behind", ["", "layers"])
def test_peers_are_not_used_unless_requested(behind, client, monkeypatch, caplog):
    monkeypatch.setenv("CALIPERS_PEERS_BEHIND", behind)
    model = Experts(4)
    calibrate(model, batches(), input_observer="calipers_minmax", **static())
    (told,) = [record.getMessage() for record in caplog.records if record.name == "calipers"]
    assert told.startswith("experts.2/input: no worker observed any element")
    assert "CALIPERS_PEERS_BEHIND" in told
    with pytest.raises(calipers.FailedPreconditionError, match="nothing to fold"):
        client.session(f"{UNSEEN}/input").qparams()


def test_none_of_the_peers_saw_anything(client, behind_experts, caplog):
    nothing = torch.empty(1, 0, 32)
    unseen = [{"x": nothing, "chosen": torch.tensor([0])}] * 2
    calibrate(Experts(2), unseen, input_observer="calipers_minmax", **static())
    assert [row.count for row in client.sessions()] == [2, 2]
    (told,) = [record.getMessage() for record in caplog.records if record.name == "calipers"]
    assert told.startswith("experts.0/input, experts.1/input: no worker observed any element")


def test_an_unseen_module_can_be_an_error(monkeypatch):
    monkeypatch.setenv("CALIPERS_UNSEEN", "error")
    with pytest.raises(calipers.FailedPreconditionError, match=r"^experts\.2/input: no worker"):
        calibrate(Experts(4), batches(), input_observer="calipers_minmax", **static())
    inputs = static(observer_kwargs={"peers_behind": "experts"})
    calibrate(Experts(4), batches(), input_observer="calipers_minmax", **inputs)


def test_a_peer_that_only_another_worker_saw(client, behind_experts, monkeypatch):
    whole = batches([[0], [1], [0], [1], [0], [1]])
    args = {**INT8, "strategy": "tensor", "symmetric": True}
    for place in range(3):
        session = client.session(
            f"experts.{place}/input", args=args, observer="minmax", arithmetic="reference"
        )
        for index in (1, 3, 5):
            seen = 5 * whole[index]["x"] if place == 1 else torch.empty(0, 0)
            session.observe(seen, index=index)
    client.flush()
    monkeypatch.setenv("RANK", "0")
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("CALIPERS_ORDER", "interleaved")
    monkeypatch.setenv("CALIPERS_BATCHES", "6")
    given = calibrate(Experts(3), whole[::2], input_observer="calipers_minmax", **static())
    wanted = answered(client, peers={"experts.0/input", "experts.1/input"})
    assert_same(of_module(given), wanted)
    assert_same(of_module(given), of_module(given, "experts.1"))


class Layer(Experts):
    """A layer of several. The entry of a batch at its position selects the expert."""

    def __init__(self, place):
        super().__init__(2)
        self.place = place

    def forward(self, x, chosen):
        return super().forward(x, [chosen[self.place]])


class Layers(nn.Module):
    """llm-compressor ends the calibration of the first layer before the second layer runs."""

    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList(map(Layer, range(2)))


class OfBFloat16(nn.Linear):
    """A module whose input has another dtype than the model."""

    def __init__(self):
        super().__init__(HIDDEN, HIDDEN, bias=False)
        self.register_forward_pre_hook(lambda _, args: (args[0].bfloat16(),))

    def forward(self, x):
        return super().forward(x.float())


@pytest.mark.parametrize("behind", ["experts", "layers"])
def test_peers_may_be_in_a_layer_that_comes_later(behind, client, monkeypatch):
    monkeypatch.setenv("CALIPERS_PEERS_BEHIND", behind)
    pairs = [[0, 0], [0, 1], [0, 1]]
    given = calibrate(Layers(), batches(pairs), input_observer="calipers_minmax", **static())
    unseen = "layers.0.experts.1"
    found = client.session(f"{unseen}/input").qparams(peers_behind=[behind])
    peer = {"experts": "layers.0.experts.0", "layers": "layers.1.experts.1"}[behind]
    assert found.fallback_sessions == (f"{peer}/input",)
    assert_same(of_module(given, unseen), of_module(given, peer))


def test_two_modifiers_whose_experts_are_peers(client, behind_experts):
    """When the second modifier ends, the observers of the first modifier no longer exist."""
    group = static()["config_groups"]["a"]
    modifiers = [
        QuantizationModifier(
            config_groups={"a": {**group, "targets": [f"re:.*[{places}]$"]}},
            input_observer="calipers_minmax",
        )
        for places in ("03", "12")
    ]
    model, given = Experts(4), batches()
    session = active_session()
    session.initialize(model=model, recipe=modifiers, calib_data=given, start=-1)
    run_pipeline(model, given)
    session.finalize()
    assert_same(of_module(model.state_dict()), answered(client))


def test_peers_that_are_observed_in_another_way_are_refused(behind_experts):
    group = static()["config_groups"]["a"]
    groups = {}
    for places, kind in (("[023]", "minmax"), ("1", "static_minmax")):
        inputs = {**group["input_activations"], "observer": f"calipers_{kind}"}
        groups[kind] = {**group, "targets": [f"re:.*{places}$"], "input_activations": inputs}
    with pytest.raises(calipers.FailedPreconditionError) as caught:
        calibrate(Experts(4), batches(), config_groups=groups)
    for words in (f"{UNSEEN}/input was seen by no worker", "experts.1/input by", "static_minmax"):
        assert words in caught.value.message


def test_peers_of_another_dtype_are_refused(behind_experts):
    model = Experts(4)
    model.experts[1] = OfBFloat16()
    with pytest.raises(calipers.FailedPreconditionError, match=r"of BF16 \[1\] and F32 \[1\]"):
        calibrate(model, batches(), input_observer="calipers_minmax", **static())


NAMES = [
    "l.0.mlp.experts.0.up",
    "l.0.mlp.experts.1.up",
    "l.0.mlp.experts.10.up",
    "l.0.mlp.experts.1.down",
    "l.0.mlp.experts.1.up.deep",
    "l.0.mlp.experts.up",
    "l.0.mlp.expertsx.1.up",
    "l.1.mlp.experts.1.up",
    "l.1.mlp.experts.1.experts.2.up",
    "l.1.mlp.experts.1.experts.3.up",
    "experts.0",
    "experts.1",
    "experts.a/b",
    "a.experts.1",
    "a/experts.1.up",
    "b.experts.7/experts.1.up",
    "b.experts.7/experts.2.up",
    "b.experts.8/experts.1.up",
    "l.experts.0",
    "experts",
    "experts.l.0",
    "experts.l.1",
    "up",
]


BEHIND = [["experts"], ["l"], ["mlp"], ["l", "experts"], ["experts", "l"], ["none", "0"]]


@pytest.mark.parametrize("name", NAMES)
def test_peers_are_those_that_the_server_finds(name, server):
    sessions = [f"{module}/{base}" for module in NAMES for base in ("input", "output")]
    asked = f"{name}/input"
    with calipers.connect(server.address, run=f"names-{NAMES.index(name)}") as client:
        for session in sessions:
            created = client.session(session, args={})
            if session != asked:
                created.observe(torch.ones(1, 1), index=0)
        for behind in BEHIND:
            found = find_peers(asked, behind, sessions)
            if found:
                answer = client.session(asked).qparams(peers_behind=behind)
                assert sorted(found) == list(answer.fallback_sessions), behind
            else:
                with pytest.raises(calipers.FailedPreconditionError):
                    client.session(asked).qparams(peers_behind=behind)


def test_there_are_peers_among_these_names():
    sessions = [f"{module}/input" for module in NAMES]
    counts = [[len(find_peers(one, behind, sessions)) for one in sessions] for behind in BEHIND]
    assert all(map(any, counts[:3]))
    assert 0 in counts[0]


def test_the_widest_range_has_nan_where_any_has_it():
    low, high = widest(
        (torch.tensor(low), torch.tensor(high))
        for low, high in (([-1.0, 2, math.nan], [1.0, 3, math.nan]), ([-2.0, 2.5, 0], [0.5, 4, 0]))
    )
    assert (low[:2].tolist(), high[:2].tolist()) == ([-2, 2], [1, 4])
    assert low.isnan().tolist() == high.isnan().tolist() == [False, False, True]
