"""The values of every bit pattern, compared with PyTorch and ml_dtypes."""

from __future__ import annotations

import ml_dtypes
import numpy as np
import pytest
import torch

from calipers.answers import Tensor
from calipers.dtypes import Dtype, decode, from_torch_name
from calipers.reduce.record import order_key

SMALL_FLOATS = [Dtype.F16, Dtype.BF16, Dtype.F8_E4M3, Dtype.F8_E5M2]


def every_pattern(dtype: Dtype) -> np.ndarray:
    return np.arange(1 << (8 * dtype.size), dtype=dtype.bits)


def numpy_dtype(dtype: Dtype) -> np.dtype:
    return np.dtype(getattr(ml_dtypes, dtype.torch_name, dtype.torch_name))


@pytest.mark.parametrize("dtype", SMALL_FLOATS, ids=lambda dtype: dtype.value)
def test_every_pattern_has_its_value(dtype):
    bits = every_pattern(dtype)
    wanted = bits.view(numpy_dtype(dtype)).astype(np.float32)
    found = decode(dtype, bits.tobytes()).astype(np.float32)
    np.testing.assert_array_equal(found, wanted)
    np.testing.assert_array_equal(np.signbit(found), np.signbit(wanted))


@pytest.mark.parametrize("dtype", SMALL_FLOATS, ids=lambda dtype: dtype.value)
def test_nan_patterns_and_the_greatest_value(dtype):
    bits = every_pattern(dtype)
    values = bits.view(numpy_dtype(dtype)).astype(np.float32)
    known = dtype.float_bits
    positive = bits[: len(bits) // 2]
    np.testing.assert_array_equal(positive > known.greatest, np.isnan(values[: len(positive)]))
    quiet = np.array(np.nan, np.float32).astype(numpy_dtype(dtype))
    assert quiet.view(dtype.bits) & (len(bits) // 2 - 1) == known.nan


@pytest.mark.parametrize("dtype", SMALL_FLOATS, ids=lambda dtype: dtype.value)
def test_keys_have_the_order_of_values(dtype):
    bits = every_pattern(dtype)
    values = bits.view(numpy_dtype(dtype)).astype(np.float32)
    kept = bits[~np.isnan(values)]
    by_key = kept[np.argsort(order_key(dtype, kept))].view(numpy_dtype(dtype)).astype(np.float32)
    assert (np.diff(by_key) >= 0).all()
    zeros = np.flatnonzero(by_key == 0)
    assert np.signbit(by_key[zeros]).tolist() == [True, False]


@pytest.mark.parametrize("dtype", list(Dtype), ids=lambda dtype: dtype.value)
def test_an_answer_as_a_tensor_of_either_library(dtype):
    data = np.random.default_rng(3).bytes(6 * dtype.size)
    answer = Tensor(dtype.value, (2, 3), data)
    tensor = answer.torch()
    assert (str(tensor.dtype), tuple(tensor.shape)) == (f"torch.{dtype.torch_name}", (2, 3))
    assert tensor.contiguous().view(torch.uint8).numpy().tobytes() == data
    wanted = np.frombuffer(data, numpy_dtype(dtype)).reshape(2, 3)
    if dtype in (Dtype.BF16, Dtype.F8_E4M3, Dtype.F8_E5M2):
        wanted = wanted.astype(np.float32)
    np.testing.assert_array_equal(answer.numpy(), wanted)
    np.testing.assert_array_equal(np.asarray(answer, np.float64), wanted.astype(np.float64))
    assert not answer.numpy().flags.writeable
    assert np.array(answer, copy=True).flags.writeable


def test_answers_of_one_element_and_of_none():
    one = Tensor("F32", (), np.float32(2.5).tobytes())
    assert one.item() == float(one) == 2.5
    assert repr(one) == "Tensor(F32, [], 2.5)"
    assert one.torch().shape == ()
    none = Tensor("BF16", (0, 4), b"")
    assert none.numpy().shape == tuple(none.torch().shape) == (0, 4)
    with pytest.raises(ValueError, match="size"):
        Tensor("I8", (2,), b"ab").item()


def test_names():
    assert from_torch_name("torch.bfloat16") is Dtype.BF16
    assert from_torch_name("float8_e4m3fnuz") is None
    assert Dtype["F8_E4M3"] is Dtype(Dtype.F8_E4M3.value)
    assert Dtype.F8_E4M3.torch_name == "float8_e4m3fn"
