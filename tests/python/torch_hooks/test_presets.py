"""The table of presets equals the server's table, which other tests compare with
compressed-tensors."""

from __future__ import annotations

import re

import numpy as np
import pytest

import calipers
from calipers.torch.presets import PRESETS


def plain(args: dict) -> dict:
    """The args without the inferred observer, which is a session's default."""
    return {name: value for name, value in args.items() if name != "observer"}


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("base_name", ["weight", "input", "output"])
def test_args_equal_those_of_the_server(client, preset, base_name):
    fine = {"strategy": "group", "group_size": 16} if base_name == "weight" else {}
    session = client.session(f"m/{base_name}", args=fine, observer="static_minmax")
    session.observe(np.ones((256, 256), np.float32), index=0)
    wanted = session.qparams(preset).args
    given = PRESETS[preset].get(base_name)
    if given is None:
        assert wanted is None or wanted["dynamic"] is True
        return
    assert wanted is not None
    own = client.session(f"own/{base_name}", args=given)
    assert plain(own.args) == plain(wanted)
    if "observer" in given:
        assert own.args["observer"] == wanted["observer"]


def test_every_preset_of_the_server_is_listed(client):
    session = client.session("m/weight", args={})
    session.observe(np.ones((2, 2), np.float32), index=0)
    with pytest.raises(calipers.InvalidArgumentError) as error:
        session.qparams("W9A9")
    allowed = re.search(r"allowed: ([^)]*)", error.value.message)
    assert allowed, error.value.message
    assert set(re.findall(r"[A-Z0-9_]+", allowed[1])) == set(PRESETS)
