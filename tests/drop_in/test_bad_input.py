"""Errors for invalid input."""

from __future__ import annotations

import pytest
import torch
from compressed_tensors.quantization import QuantizationArgs
from llmcompressor.core import active_session
from llmcompressor.observers import Observer

import calipers
from calibrating import INT8, Attention, batches_of, calibrate, static
from calipers.llmcompressor.calibration import share_of
from calipers.llmcompressor.settings import read_settings
from server_process import fixed_address


def calibrated(**inputs):
    return calibrate(
        Attention(), batches_of(2), input_observer="calipers_minmax", **static(**inputs)
    )


@pytest.mark.parametrize(
    ("kwargs", "words"),
    [
        (
            {"averaging_konstant": 0.1},
            'observer_kwargs has "averaging_konstant" (allowed: averagin',
        ),
        ({"arithmetic": "fast"}, "observer_kwargs.arithmetic is 'fast': allowed are reference, e"),
        ({"order": "random"}, "observer_kwargs.order is 'random': allowed are auto, interle"),
        ({"batches": 0}, "observer_kwargs.batches is 0: a whole number from 1 on"),
        ({"batches": 1.5}, "observer_kwargs.batches is 1.5: a whole number from 1 on"),
        ({"calls_per_batch": "many"}, "observer_kwargs.calls_per_batch is 'many'"),
        ({"peers_behind": 3}, "observer_kwargs.peers_behind is 3: up to 16 parts of module names"),
        ({"peers_behind": ["a.b"]}, "observer_kwargs.peers_behind is ['a.b']: up to 16 parts"),
        ({"peers_behind": "experts,"}, "observer_kwargs.peers_behind is 'experts,': up to 16"),
        ({"peers_behind": ["e"] * 17}, "'e']: up to 16 parts"),
        ({"unseen": "maybe"}, "observer_kwargs.unseen is 'maybe': allowed are warn, error"),
        ({"on_conflict": "drop"}, "observer_kwargs.on_conflict is 'drop': allowed are raise, keep"),
        ({"timeout": -1}, "observer_kwargs.timeout is -1: seconds above 0"),
        ({"run": "a b"}, "observer_kwargs.run is 'a b': run"),
        ({"server": "somewhere"}, "observer_kwargs.server is 'somewhere': address"),
    ],
)
def test_a_recipe_with_a_wrong_word(kwargs, words):
    with pytest.raises(calipers.InvalidArgumentError) as caught:
        calibrated(observer_kwargs=kwargs)
    assert words in str(caught.value)


def test_a_wrong_word_in_the_environment(monkeypatch):
    monkeypatch.setenv("CALIPERS_ARITHMETIC", "fast")
    with pytest.raises(calipers.InvalidArgumentError, match="CALIPERS_ARITHMETIC is 'fast'"):
        calibrated()


def test_the_recipe_is_before_the_environment(monkeypatch):
    monkeypatch.setenv("CALIPERS_BATCHES", "7")
    monkeypatch.setenv("CALIPERS_ORDER", "contiguous")
    monkeypatch.setenv("CALIPERS_PEERS_BEHIND", "experts, layers")
    settings = read_settings({"batches": 9, "averaging_constant": 0.5})
    assert (settings.batches, settings.order, settings.arithmetic) == (9, "contiguous", "reference")
    assert settings.peers_behind == ("experts", "layers")
    assert read_settings({"peers_behind": []}).peers_behind == ()


def test_no_server():
    address = fixed_address()
    settings = {"server": address, "timeout": 1}
    with pytest.raises(calipers.UnavailableError, match=address):
        calibrated(observer_kwargs=settings)


def test_one_run_for_two_calibrations(monkeypatch):
    calibrate(Attention(), batches_of(3), input_observer="calipers_minmax", **static())
    with pytest.raises(
        calipers.FailedPreconditionError, match=r"holds 3 records.*has 2.*CALIPERS_RUN"
    ):
        calibrated()
    with pytest.raises(calipers.AlreadyExistsError, match="set CALIPERS_RUN"):
        calibrated(symmetric=False)
    other = [{"x": 2 * batch["x"]} for batch in batches_of(3)]
    with pytest.raises(calipers.RefusedError, match="two calibrations under one run name"):
        calibrate(Attention(), other, input_observer="calipers_minmax", **static())


def observer_of(module, kwargs=None):
    args = QuantizationArgs(**INT8, observer_kwargs=kwargs or {})
    if hasattr(Observer, "get_global_min_max"):
        return Observer.load_from_registry(
            "calipers_minmax", base_name="input", args=args, module=module
        )
    observer = Observer.load_from_registry("calipers_minmax", base_name="input", args=args)
    observer.attach(module)
    return observer


def test_a_custom_loop_without_a_batch_index():
    model = torch.nn.Sequential(torch.nn.Linear(2, 2))
    active_session().state.update(model=model, calib_data=[0])
    observer = observer_of(model[0])
    active_session().state.current_batch_idx = -1
    with pytest.raises(calipers.FailedPreconditionError, match="current_batch_idx"):
        observer(torch.zeros(1, 1, 2))


def test_a_batch_beyond_the_share():
    model = torch.nn.Sequential(torch.nn.Linear(2, 2))
    active_session().state.update(model=model, calib_data=[0])
    observer = observer_of(model[0])
    active_session().state.current_batch_idx = 1
    with pytest.raises(calipers.InvalidArgumentError, match="batch 1 is not among the 1"):
        observer(torch.zeros(1, 1, 2))


def test_a_module_that_is_not_in_the_model():
    active_session().state.update(model=torch.nn.Linear(2, 2), calib_data=[0])
    with pytest.raises(calipers.FailedPreconditionError, match="a Linear has no name"):
        observer_of(torch.nn.Linear(2, 2))


def test_nobody_says_how_many_batches_there_are():
    active_session().state.update(model=torch.nn.Linear(2, 2))
    with pytest.raises(calipers.InvalidArgumentError, match="set CALIPERS_BATCHES"):
        observer_of(active_session().state.model)


@pytest.mark.parametrize(
    ("variables", "own", "words"),
    [
        ({"WORLD_SIZE": "2"}, 3, "set CALIPERS_BATCHES to the number of all workers' batches"),
        (
            {"WORLD_SIZE": "2", "RANK": "2", "CALIPERS_BATCHES": "4"},
            2,
            "RANK is 2 and WORLD_SIZE 2",
        ),
        ({"WORLD_SIZE": "two"}, 2, "WORLD_SIZE is 'two'"),
        ({"WORLD_SIZE": "2", "RANK": "0", "CALIPERS_BATCHES": "4"}, 3, "has 3 batches, and rank 0"),
    ],
)
def test_an_invalid_rank(variables, own, words, monkeypatch):
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(calipers.InvalidArgumentError) as caught:
        share_of(read_settings({}), [None] * own)
    assert words in str(caught.value)


@pytest.mark.parametrize("order", ["interleaved", "contiguous"])
@pytest.mark.parametrize("batches", [1, 2, 7, 33, 512])
@pytest.mark.parametrize("workers", [1, 2, 3, 8])
def test_every_batch_has_one_worker_and_its_own_index(order, batches, workers, monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", str(workers))
    indices = []
    for rank in range(workers):
        monkeypatch.setenv("RANK", str(rank))
        share = share_of(read_settings({"order": order, "batches": batches}), None)
        indices += [share.index(batch) for batch in range(share.count)]
        assert share.total == batches
    assert sorted(indices) == list(range(batches))
