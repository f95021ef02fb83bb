"""The compiled reducers give the same results as numpy."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given, settings

import calipers.reduce
from calipers.dtypes import Dtype
from calipers.errors import InvalidArgumentError
from calipers.geometry import Layout, make_view
from calipers.reduce import _core
from calipers.reduce.host import reduce_host
from calipers.reduce.native import reduce_native
from calipers.tensors import HostTensor
from reduce.test_same_bits import layout_of
from tensors_any import Case, cases

SOURCES = Path(calipers.__file__).parents[1]


def test_the_compiled_reducers_are_the_ones_in_use():
    assert f"core ({_core.target_name()})" == calipers.reduce.BACKEND


@settings(max_examples=500, deadline=None)
@given(case=cases())
def test_a_record_has_the_same_bits_from_both(case: Case):
    try:
        view = make_view(layout_of(case), case.tensor.shape)
    except InvalidArgumentError:
        assume(False)
    assume(view.num_elements > 0)
    assert reduce_native(case.tensor, view) == reduce_host(case.tensor, view)


@pytest.mark.parametrize("strides", [(slice(None, None, -1),), (slice(1, None, 3), slice(2, 7))])
def test_any_strides_are_taken(strides):
    bits = np.arange(70, dtype=np.float32).reshape(10, 7)[strides].T.view(np.uint32)
    view = make_view(Layout("weight", "channel"), bits.shape)
    found = reduce_native(HostTensor(Dtype.F32, bits), view)
    np.testing.assert_array_equal(
        np.frombuffer(found.min, np.float32), bits.view(np.float32).min(1)
    )


@pytest.mark.parametrize(
    ("size", "numbers", "word"),
    [
        (96, {"row_length": 9}, "take 108"),
        (96, {"row_length": 7}, "take 84"),
        (96, {"rows": 0}, "above 0"),
        (96, {"reduced_inner": 0}, "above 0"),
        (96, {"reduced_outer": -1}, "above 0"),
        (96, {"rows": -3, "row_length": -8}, "negative"),
        (96, {"rows": 1 << 40, "row_length": 1 << 40}, "too large"),
        (96, {"rows": 1 << 25, "row_length": 1 << 25, "reduced_inner": 1}, "96 bytes"),
        (0, {}, "take 96"),
    ],
)
def test_numbers_that_do_not_fit_are_refused(size, numbers, word):
    fitting = {"rows": 3, "row_length": 8, "reduced_outer": 3, "reduced_inner": 8}
    with pytest.raises(ValueError, match=word):
        _core.reduce(bytes(size), "F32", **(fitting | numbers))
    with pytest.raises(ValueError, match="F33"):
        _core.reduce(bytes(96), "F33", **fitting)


def in_another_process(folder: Path) -> subprocess.CompletedProcess[str]:
    """The BACKEND of the package in `folder`, in another process."""
    code = "import calipers.reduce; print(calipers.reduce.BACKEND)"
    return subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": f"{folder}"},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )


def copied_package(folder: Path) -> Path:
    """Copies the package to `folder` without its compiled module. Returns the module's path."""
    for path in (SOURCES / "calipers").rglob("*"):
        if path.is_file() and path.suffix in (".py", ".binpb"):
            to = folder / path.relative_to(SOURCES)
            to.parent.mkdir(parents=True, exist_ok=True)
            to.write_bytes(path.read_bytes())
    return folder / "calipers" / "reduce" / Path(_core.__file__).name


def test_without_the_module_numpy_reduces(tmp_path):
    copied_package(tmp_path)
    done = in_another_process(tmp_path)
    assert done.stdout.strip() == "numpy"
    assert not done.stderr


def test_a_module_that_cannot_be_loaded_is_warned_of(tmp_path):
    copied_package(tmp_path).write_bytes(b"not for this machine")
    done = in_another_process(tmp_path)
    assert done.stdout.strip() == "numpy"
    assert "cannot be loaded" in done.stderr
