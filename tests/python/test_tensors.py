"""Tensors of all supported libraries, used without a copy."""

from __future__ import annotations

import ml_dtypes
import numpy as np
import pytest
import torch

from calipers.dtypes import Dtype
from calipers.errors import InvalidArgumentError
from calipers.tensors import HostTensor, as_tensor

ALL = list(Dtype)


def host(value: object) -> HostTensor:
    tensor = as_tensor(value)  # type: ignore[arg-type]
    assert isinstance(tensor, HostTensor)
    return tensor


def some_bytes(dtype: Dtype, count: int = 12) -> bytes:
    return np.random.default_rng(2).bytes(count * dtype.size)


def of_torch(dtype: Dtype) -> torch.Tensor:
    return torch.frombuffer(
        bytearray(some_bytes(dtype)), dtype=getattr(torch, dtype.torch_name)
    ).reshape(3, 4)


def of_numpy(dtype: Dtype) -> np.ndarray:
    name = np.dtype(getattr(ml_dtypes, dtype.torch_name, dtype.torch_name))
    return np.frombuffer(bytearray(some_bytes(dtype)), name).reshape(3, 4)


@pytest.mark.parametrize("dtype", ALL, ids=lambda dtype: dtype.value)
@pytest.mark.parametrize("make", [of_torch, of_numpy])
def test_every_dtype_is_taken_without_a_copy(make, dtype):
    tensor = make(dtype)
    taken = host(tensor)
    assert (taken.dtype, taken.shape) == (dtype, (3, 4))
    assert taken.to_bytes(copy=False) == some_bytes(dtype)
    tensor[0, 0] = tensor[1, 1]
    assert taken.bits[0, 0] == taken.bits[1, 1]


@pytest.mark.parametrize("dtype", ALL, ids=lambda dtype: dtype.value)
def test_a_tensor_of_any_strides_is_sent_in_c_order(dtype):
    tensor = of_torch(dtype)
    for strided in (tensor.T, tensor[:, ::2], tensor[1], tensor[2, 3], tensor.expand(2, 3, 4)):
        wanted = strided.contiguous().view(torch.uint8) if strided.dim() else None
        sent = host(strided).to_bytes(copy=False)
        if wanted is not None:
            assert sent == wanted.numpy().tobytes()
        assert len(sent) == strided.numel() * dtype.size
    backwards = of_numpy(dtype)[::-1, ::-1]
    assert host(backwards).to_bytes(copy=True) == np.ascontiguousarray(backwards).tobytes()


def test_tensors_with_gradients_or_lazy_negation():
    parameter = torch.nn.Parameter(torch.ones(2, 2))
    assert host(parameter * 2).bits.view(np.float32).tolist() == [[2, 2], [2, 2]]
    negated = torch.complex(torch.zeros(2), torch.ones(2)).conj().imag
    assert negated.is_neg()
    assert host(negated).bits.view(np.float32).tolist() == [-1, -1]


def test_the_other_byte_order():
    tensor = np.arange(3, dtype=">f4")
    assert host(tensor).to_bytes(copy=False) == np.arange(3, dtype="<f4").tobytes()


class Foreign:
    """A tensor of another library, which supports only DLPack."""

    def __init__(self, tensor: torch.Tensor) -> None:
        self._tensor = tensor

    def __dlpack__(self, *args: object, **kwargs: object) -> object:
        return self._tensor.__dlpack__(*args, **kwargs)  # type: ignore[arg-type]

    def __dlpack_device__(self) -> tuple[int, int]:
        return self._tensor.__dlpack_device__()  # type: ignore[return-value]


@pytest.mark.parametrize(
    "dtype", [Dtype.F64, Dtype.F32, Dtype.F16, Dtype.BF16, Dtype.I8, Dtype.U8, Dtype.I64]
)
def test_dlpack(dtype):
    taken = host(Foreign(of_torch(dtype)))
    assert (taken.dtype, taken.shape) == (dtype, (3, 4))
    assert taken.to_bytes(copy=False) == some_bytes(dtype)


def test_dlpack_of_what_is_not_observed():
    with pytest.raises(InvalidArgumentError, match="dtype"):
        as_tensor(Foreign(torch.zeros(2, dtype=torch.bool)))
