"""Warnings about what a recipe leaves to llm-compressor."""

from __future__ import annotations

import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from calibrating import Attention, batches_of, calibrate, static
from calipers.llmcompressor.beginning import _say


def said(caplog) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.name == "calipers"]


def test_dynamic_activations_leave_nothing_to_observe(client, caplog):
    calibrate(Attention(), batches_of(1), scheme="W8A8", input_observer="calipers_minmax")
    (told,) = said(caplog)
    assert told.startswith("the recipe names calipers_minmax, but no activation has a static scale")
    assert "FP8" in told
    assert len(client.sessions()) == 0


@pytest.mark.parametrize("observer", ["minmax", "calipers_minmax"])
def test_static_activations_and_other_observers_are_not_talked_of(observer, client, caplog):
    calibrate(Attention(), batches_of(1), input_observer=observer, **static())
    calibrate(Attention(), batches_of(1), scheme="W8A8")
    assert said(caplog) == []


FP8_CACHE = {"num_bits": 8, "type": "float", "strategy": "tensor", "symmetric": True}


def language_model() -> LlamaForCausalLM:
    """A tiny model with random weights, whose attention has a KV cache."""
    torch.manual_seed(3)
    return LlamaForCausalLM(
        LlamaConfig(
            hidden_size=32,
            intermediate_size=64,
            num_hidden_layers=2,
            num_attention_heads=2,
            num_key_value_heads=2,
            vocab_size=100,
        )
    )


@pytest.mark.parametrize("observer", ["minmax", "calipers_static_minmax"])
def test_the_kv_cache_of_a_model(observer, client, caplog):
    calibrate(
        language_model(),
        [{"input_ids": torch.tensor([[1, 2, 3, at]])} for at in range(3)],
        ignore=["lm_head"],
        scheme="FP8",
        input_observer="calipers_static_minmax",
        kv_cache_scheme={**FP8_CACHE, "observer": observer},
    )
    cached = [row.session for row in client.sessions() if row.session.endswith(("/k", "/v"))]
    if observer == "minmax":
        (told,) = said(caplog)
        assert told.startswith(
            "the KV cache of 2 attention modules, such as model.layers.0.self_attn"
        )
        assert cached == []
    else:
        assert said(caplog) == []
        assert cached == [f"model.layers.{at}.self_attn/{end}" for at in (0, 1) for end in "kv"]


class Observer:
    """An observer of llm-compressor."""


class Remote(Observer):
    """An observer of Calipers."""

    series = None


def test_a_kv_cache_with_other_observers_is_named(caplog):
    ours = {("a", "input"): Remote()}
    cache = {("a", "k"): Observer(), ("a", "v"): Observer(), ("b", "k"): Observer()}
    _say(["calipers_minmax"], ours | cache)
    (told,) = said(caplog)
    assert told.startswith("the KV cache of 2 attention modules, such as a, stays with")
    assert '"observer": "calipers_minmax"' in told
    caplog.clear()
    _say(["calipers_minmax"], ours | {("a", "k"): Remote(), ("a", "v"): Remote()})
    assert said(caplog) == []
