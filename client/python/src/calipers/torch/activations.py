"""Hooks that observe the inputs and outputs of modules."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Literal, TypeAlias

import torch

from calipers import names
from calipers.errors import InvalidArgumentError
from calipers.session import Session
from calipers.torch.resume import Present

Repeats: TypeAlias = Literal["refuse", "concatenate"]
"""The treatment of a module that runs more than once in a batch: "refuse" raises an error,
"concatenate" joins the tensors into one observation."""


class Activation:
    """The input or output of one module, over the batches of one process."""

    def __init__(
        self, module: torch.nn.Module, session: Session, present: Present, repeats: Repeats
    ) -> None:
        self.module = module
        self.base_name = names.base_name(session.name)
        self.present = present
        self.dtype: torch.dtype | None = None
        """The dtype of the last observed tensor."""
        self._session = session
        self._repeats = repeats
        self._calls = 0
        self._held: list[torch.Tensor] = []

    def see(self, tensor: torch.Tensor, index: int) -> None:
        """Observes the tensor of one call of the module."""
        self._calls += 1
        self.dtype = tensor.dtype
        if index in self.present:
            return
        if self._repeats == "concatenate":
            # A later module may change the tensor in place.
            self._held.append(tensor.detach().clone())
            return
        if self._calls > 1:
            raise InvalidArgumentError(
                f"{self._session.name} was observed more than once in the batch at index {index}. "
                'Use repeats="concatenate" and another run name: this run already holds the '
                "first tensor of the batch"
            )
        self._observe(tensor, index)

    def end_batch(self, index: int, dtype: torch.dtype) -> None:
        """Observes the held tensors. A module that did not run observes an empty tensor, so that
        the batch is not missing in its series."""
        held, calls = self._held, self._calls
        self.drop_batch()
        if index in self.present:
            return
        if calls == 0:
            columns = self._session.args.get("group_size") or 1
            self._observe(torch.empty((0, columns), dtype=dtype), index)
        elif held:
            self._observe(_joined(held, self._session.name), index)

    def drop_batch(self) -> None:
        """Drops the held tensors of the current batch."""
        self._held, self._calls = [], 0

    def _observe(self, tensor: torch.Tensor, index: int) -> None:
        try:
            self._session.observe(tensor, index=index)
        except InvalidArgumentError as error:
            raise InvalidArgumentError(f"{self._session.name}: {error.message}") from None


class ActivationHooks:
    """Hooks that observe while `batch` is active, and ignore all other runs of the model."""

    def __init__(self, activations: Iterable[Activation]) -> None:
        self._activations = tuple(activations)
        self._index: int | None = None
        self._dtypes: dict[str, torch.dtype] = {}

    @contextmanager
    def registered(self) -> Iterator[None]:
        """Registers the hooks for the duration of the block."""
        handles = []
        try:
            for activation in self._activations:
                handles.append(self._register(activation))
            yield
        finally:
            for handle in handles:
                handle.remove()

    @contextmanager
    def batch(self, index: int) -> Iterator[None]:
        """Within the block, the model runs on the batch at `index`."""
        self._index = index
        try:
            yield
            for activation in self._activations:
                activation.end_batch(index, self._dtype_of(activation))
        finally:
            self._index = None
            for activation in self._activations:
                activation.drop_batch()

    def skip(self, index: int) -> None:
        """Observes an empty tensor for every module: the batch at `index` does not exist in this
        process."""
        with self.batch(index):
            pass

    def _register(self, activation: Activation) -> Any:
        def before(_: torch.nn.Module, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
            self._see(activation, (*args, *kwargs.values()))

        def after(_: torch.nn.Module, __: tuple[Any, ...], output: Any) -> None:
            self._see(activation, _values(output))

        if activation.base_name == "input":
            return activation.module.register_forward_pre_hook(before, with_kwargs=True)
        return activation.module.register_forward_hook(after)

    def _see(self, activation: Activation, values: tuple[Any, ...]) -> None:
        if self._index is None:
            return
        tensor = next((value for value in values if isinstance(value, torch.Tensor)), None)
        if tensor is None:
            kinds = ", ".join(type(value).__qualname__ for value in values) or "nothing"
            raise InvalidArgumentError(
                f"the {activation.base_name} of a {type(activation.module).__qualname__} has no "
                f"tensor, only {kinds}: exclude the module with ignore"
            )
        activation.see(tensor, self._index)
        self._dtypes[activation.base_name] = tensor.dtype

    def _dtype_of(self, activation: Activation) -> torch.dtype:
        """The expected dtype of an activation that did not run: its last dtype, else the dtype of
        other activations of the batch, else the dtype of the module's weight."""
        if found := activation.dtype or self._dtypes.get(activation.base_name):
            return found
        weight = getattr(activation.module, "weight", None)
        return weight.dtype if isinstance(weight, torch.Tensor) else torch.get_default_dtype()


def _values(output: Any) -> tuple[Any, ...]:
    if isinstance(output, Mapping):
        return tuple(output.values())
    return tuple(output) if isinstance(output, tuple | list) else (output,)


def _joined(tensors: list[torch.Tensor], name: str) -> torch.Tensor:
    """The tensors concatenated to the shape (1, tokens, ..., hidden). A single tensor keeps its
    shape. Tensors without elements add nothing, and may be of any dtype and shape."""
    tensors = [tensor for tensor in tensors if tensor.numel()] or tensors[:1]
    if len(tensors) == 1:
        return tensors[0]
    parts = [_as_one_batch(tensor) for tensor in tensors]
    if len({part.shape[2:] for part in parts}) > 1 or len({part.dtype for part in parts}) > 1:
        seen = ", ".join(f"{tensor.dtype} {list(tensor.shape)}" for tensor in tensors)
        raise InvalidArgumentError(
            f"{name} was observed in one batch as {seen}; tensors of different dtypes or shapes "
            "cannot be concatenated"
        )
    return torch.cat(parts, 1)


def _as_one_batch(tensor: torch.Tensor) -> torch.Tensor:
    if tensor.dim() < 3:
        return tensor.reshape(1, -1, tensor.shape[-1])
    return tensor.reshape(1, -1, *tensor.shape[2:])
