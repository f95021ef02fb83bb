"""Runs the examples of docs/llm-compressor.md with a real model."""

from __future__ import annotations

import doctest
import os
import re
import textwrap
from pathlib import Path

import pytest
from datasets import Dataset
from llmcompressor import oneshot
from transformers import AutoModel, AutoTokenizer

import calipers.llmcompressor.settings
from group import find_model
from server_process import TOP

PAGE = TOP / "docs" / "llm-compressor.md"
LINES = 8


@pytest.fixture
def given() -> dict[str, object]:
    """The names that the page's examples use."""
    path = find_model(Path(os.environ["CALIPERS_ENV_DIR"]))
    lines = (TOP / "tests" / "data" / "text.txt").read_text(encoding="utf-8").splitlines()
    return {
        "model": AutoModel.from_pretrained(path),
        "tokenizer": AutoTokenizer.from_pretrained(path),
        "dataset": Dataset.from_dict({"text": lines[:LINES]}),
    }


def test_the_examples_are_true(given, monkeypatch):
    monkeypatch.setenv("CALIPERS_RUN", "docs")
    failed, tried = doctest.testfile(str(PAGE), module_relative=False, globs=given)
    assert (failed, tried) == (0, 11)


def test_the_recipe_file_of_the_page_works(given, client, tmp_path):
    block = re.search(r"(?m)^    quant_stage:\n(?:    .*\n)+", PAGE.read_text(encoding="utf-8"))
    assert block
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(textwrap.dedent(block.group()))
    oneshot(
        model=given["model"],
        processor=given["tokenizer"],
        dataset=given["dataset"],
        recipe=str(recipe),
        num_calibration_samples=LINES,
        shuffle_calibration_samples=False,
    )
    table = client.sessions("*/input")
    assert len(table) == 37
    assert {(row.observer, row.count) for row in table} == {("minmax", LINES)}
    session = client.session("encoder.layer.0.output.dense/input")
    assert session.args["observer_kwargs"] == {"averaging_constant": 0.05}


def test_every_setting_is_on_the_page():
    rows = re.findall(r"(?m)^\| `(\w+)`.*\| `(CALIPERS_\w+)` \|", PAGE.read_text(encoding="utf-8"))
    settings = set(calipers.llmcompressor.settings.Settings.__dataclass_fields__)
    assert {name for name, _ in rows} == settings
    assert all(variable == f"CALIPERS_{name.upper()}" for name, variable in rows)
