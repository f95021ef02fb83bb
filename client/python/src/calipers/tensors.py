"""The tensors that callers observe: of PyTorch on any device, of numpy, and of any library with
DLPack."""

from __future__ import annotations

import importlib.util
import sys
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from calipers.dtypes import Dtype, from_torch_name
from calipers.errors import InvalidArgumentError


class SupportsDLPack(Protocol):
    """A tensor that can be observed: torch.Tensor, numpy.ndarray, jax.Array, cupy.ndarray ..."""

    def __dlpack__(self, *args: Any, **kwargs: Any) -> Any: ...
    def __dlpack_device__(self) -> tuple[int, int]: ...


@dataclass(frozen=True)
class HostTensor:
    """A tensor in this process's memory. It shares the memory of the caller's tensor."""

    dtype: Dtype
    bits: NDArray[Any]
    """The elements as `dtype.bits`, with any strides."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Dimensions, outermost first; () for one element."""
        return self.bits.shape

    def to_bytes(self, *, copy: bool) -> memoryview:
        """The elements in C order, little-endian. With copy=False the memory of a contiguous tensor
        is used as it is."""
        packed = np.array(self.bits, order="C") if copy else np.ascontiguousarray(self.bits)
        return packed.reshape(-1).view(np.uint8).data.toreadonly()


@dataclass(frozen=True)
class DeviceTensor:
    """A PyTorch tensor in an accelerator's memory."""

    dtype: Dtype
    tensor: Any
    """A torch.Tensor without gradient."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Dimensions, outermost first; () for one element."""
        return tuple(self.tensor.shape)

    def to_host(self) -> HostTensor:
        """A copy in this process's memory."""
        return _host_of_torch(self.dtype, self.tensor.cpu())


AnyTensor: TypeAlias = HostTensor | DeviceTensor


def as_tensor(value: SupportsDLPack) -> AnyTensor:
    """Wraps `value` without copying its elements.

    Raises InvalidArgumentError, naming the allowed types, unless `value` is a dense tensor with a
    supported dtype.
    """
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(value, torch.Tensor):
        return _from_torch(torch, value)
    if isinstance(value, np.ndarray | np.generic):
        return _from_numpy(np.asarray(value))
    if hasattr(value, "__dlpack__"):
        return _from_dlpack(value)
    raise InvalidArgumentError(
        f"tensor is a {_type_name(value)}; allowed are torch.Tensor, numpy.ndarray, and objects "
        "with __dlpack__"
    )


def _from_torch(torch: Any, tensor: Any) -> AnyTensor:
    dtype = from_torch_name(str(tensor.dtype))
    if dtype is None:
        raise _dtype_error(str(tensor.dtype))
    if reason := _why_without_data(torch, tensor):
        raise InvalidArgumentError(f"tensor {reason}")
    tensor = tensor.detach().resolve_neg()
    if tensor.device.type == "cpu":
        return _host_of_torch(dtype, tensor)
    return DeviceTensor(dtype, tensor)


def _why_without_data(torch: Any, tensor: Any) -> str:
    """Why this process does not have the tensor's elements in dense form, and what to do; "" if it
    has them."""
    if hasattr(tensor, "full_tensor"):
        return (
            "is a DTensor, of which this process has one shard: observe tensor.full_tensor(), "
            "which every rank must call; or observe only activations"
        )
    if tensor.device.type == "meta":
        return (
            "is on device meta, which holds no data: the weights are offloaded or not loaded yet. "
            "Load them before (accelerate: with align_module_device(module)); or observe only "
            "activations"
        )
    if tensor.layout is not torch.strided:
        return f"has layout {tensor.layout}: observe tensor.to_dense()"
    return ""


def _host_of_torch(dtype: Dtype, tensor: Any) -> HostTensor:
    # numpy lacks some dtypes. Every dtype can be passed as integers of the same size.
    torch = sys.modules["torch"]
    integer = torch.uint8 if dtype.size == 1 else getattr(torch, f"int{8 * dtype.size}")
    return HostTensor(dtype, tensor.view(integer).numpy().view(dtype.bits))


def _from_numpy(array: NDArray[Any]) -> HostTensor:
    dtype = from_torch_name(array.dtype.name)
    if dtype is None:
        raise _dtype_error(array.dtype.name)
    if not array.dtype.isnative:
        array = array.astype(array.dtype.newbyteorder("="))
    return HostTensor(dtype, array.view(dtype.bits))


def _from_dlpack(value: SupportsDLPack) -> AnyTensor:
    try:
        return _from_numpy(np.from_dlpack(value))
    except (BufferError, RuntimeError, TypeError, ValueError) as error:
        # The tensor is on a device, or numpy lacks its dtype. PyTorch takes such tensors.
        if isinstance(error, InvalidArgumentError):
            raise
        if importlib.util.find_spec("torch") is None:
            raise InvalidArgumentError(
                f"tensor is a {_type_name(value)} that numpy cannot take by DLPack ({error}); "
                "install PyTorch to observe tensors on devices and in dtypes that numpy lacks"
            ) from error
    import torch

    try:
        return _from_torch(torch, torch.from_dlpack(value))
    except (BufferError, RuntimeError, TypeError) as error:
        raise InvalidArgumentError(
            f"tensor is a {_type_name(value)} that PyTorch cannot take by DLPack ({error})"
        ) from error


def _type_name(value: object) -> str:
    return f"{type(value).__module__}.{type(value).__qualname__}"


def _dtype_error(name: str) -> InvalidArgumentError:
    known = ", ".join(dtype.torch_name for dtype in Dtype)
    return InvalidArgumentError(f"dtype {name} is not observed (allowed: {known})")
