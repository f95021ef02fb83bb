"""What a server answers, as plain values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calipers import args, extras
from calipers._wire import qparams_pb2, range_pb2, session_pb2
from calipers.dtypes import Dtype, decode
from calipers.names import session_id


@dataclass(frozen=True)
class Tensor:
    """Numbers with a shape, in the dtype that the server has them in."""

    dtype: str
    """The element type's safetensors name, such as "BF16"."""
    shape: tuple[int, ...]
    """Outermost first; () for one element."""
    data: bytes
    """The elements in C order, little-endian."""

    def numpy(self) -> NDArray[Any]:
        """A read-only array of `shape`; BF16 and F8, which numpy does not have, as float32,
        exactly."""
        array = decode(Dtype[self.dtype], self.data).reshape(self.shape)
        array.flags.writeable = False
        return array

    def torch(self) -> Any:
        """A torch.Tensor of `shape` and the very dtype, with memory of its own. Raises ImportError
        without PyTorch."""
        extras.require("torch", "Tensor.torch")
        import torch

        dtype = getattr(torch, Dtype[self.dtype].torch_name)
        if not self.data:
            return torch.empty(self.shape, dtype=dtype)
        return torch.frombuffer(bytearray(self.data), dtype=dtype).reshape(self.shape)

    def item(self) -> float:
        """The number, of one element. Raises ValueError if there are more."""
        return float(self.numpy().item())

    def __float__(self) -> float:
        return self.item()

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        """For np.asarray."""
        array = self.numpy()
        if dtype is not None and array.dtype != dtype:
            return array.astype(dtype)
        return array.copy() if copy else array

    def __repr__(self) -> str:
        shown = np.array2string(self.numpy(), threshold=8, separator=", ")
        return f"Tensor({self.dtype}, {list(self.shape)}, {shown})"


@dataclass(frozen=True)
class Range:
    """A minimum and a maximum of equal dtype and shape."""

    min: Tensor
    max: Tensor


@dataclass(frozen=True)
class Progress:
    """How far a session's series has come."""

    count: int
    """Records present."""
    folded_count: int
    """Records that the fold takes in: without the empty and the skipped."""
    contiguous_prefix: int
    """Records 0 .. contiguous_prefix - 1 are all present."""
    end_index: int
    """The largest index present plus one; 0 if there is none."""
    missing: tuple[range, ...]
    """Absent indices below end_index, ascending; the first 1,000 ranges."""
    missing_range_count: int
    """How many ranges are missing in all."""
    num_observations: int
    """Sum of what the records present hold: tokens, of activations."""
    conflict_count: int
    """Observations refused because their index held something else."""


@dataclass(frozen=True)
class MinMax:
    """The fold of a session's records, in the order of their indices.

    F32 in exact arithmetic, of the observed dtype in reference arithmetic; what is `current` is
    always of the observed dtype.
    """

    session: str
    """{module}/{base_name}"""
    range: Range
    """The observer's fold, in qparam shape: llm-compressor's get_min_max."""
    current: Range
    """The last record that is folded, in qparam shape: get_current_min_max."""
    global_: Range
    """The fold of the tensors' own ranges, shape (1): get_global_min_max up to 0.10."""
    current_global: Range
    """The last record's own range, shape (1)."""
    global_of_range: Range
    """The extremes of `range`, shape (1): what a global scale is of, since 0.11."""
    progress: Progress
    """What the answer rests on."""

    @property
    def min(self) -> Tensor:
        """range.min"""
        return self.range.min

    @property
    def max(self) -> Tensor:
        """range.max"""
        return self.range.max


@dataclass(frozen=True)
class QParamsNote:
    """Where the reference's rule gives what nobody would choose (docs/qparams.md)."""

    trap: str
    """Its name, such as "zero_range"."""
    repaired: bool
    """The answer is better than the reference's; else it is the reference's."""
    count: int
    """How many parameters met it."""
    first: int
    """The first of them."""
    text: str
    """The same as a sentence."""


@dataclass(frozen=True)
class QParams:
    """Quantization parameters, as the reference would store them on the module.

    A quantized q stands for (q - zero_point) * scale, or with a global scale for
    (q - zero_point) * scale / global_scale.
    """

    session: str
    """{module}/{base_name}"""
    args: dict[str, Any] | None
    """What they are for, with all that was inferred; None, and all else with it, if the scheme
    leaves the session's tensors as they are."""
    scale: Tensor | None
    """None where a model holds none: args["dynamic"] is True, and the scale is found anew with
    every tensor, or "local", and only the global scale is kept."""
    zero_point: Tensor | None
    """Of the scale's shape; zeros if symmetric. None as the scale."""
    global_scale: Tensor | None
    """Shape (1), F32; with strategy "tensor_group" alone."""
    notes: tuple[QParamsNote, ...]
    """In the order in which they came."""
    fused_sessions: tuple[str, ...]
    """Those that share the global scale, this one among them; none if it has its own."""
    fallback_sessions: tuple[str, ...]
    """Peers whose range stands for one that saw nothing."""
    progress: Progress | None
    """What the range rests on; None where it rests on nothing of the session's own: no range was
    needed, as with args["dynamic"] True, or peers' stands for it. `Session.progress` asks for
    the session's in any case."""


def progress_from(message: session_pb2.Progress) -> Progress:
    """The protocol's Progress as this module's."""
    return Progress(
        count=message.count,
        folded_count=message.folded_count,
        contiguous_prefix=message.contiguous_prefix,
        end_index=message.end_index,
        missing=tuple(range(part.start, part.end) for part in message.missing),
        missing_range_count=message.missing_range_count,
        num_observations=message.num_observations,
        conflict_count=message.conflict_count,
    )


def minmax_from(message: range_pb2.MinMax) -> MinMax:
    """The protocol's MinMax as this module's."""
    return MinMax(
        session=session_id(message.session),
        range=range_from(message.range),
        current=range_from(message.current),
        global_=range_from(getattr(message, "global")),
        current_global=range_from(message.current_global),
        global_of_range=range_from(message.global_of_range),
        progress=progress_from(message.progress),
    )


def qparams_from(message: qparams_pb2.QParams) -> QParams:
    """The protocol's QParams as this module's."""

    def tensor(field: str) -> Tensor | None:
        return _tensor_from(getattr(message, field)) if message.HasField(field) else None

    return QParams(
        session=session_id(message.session),
        args=args.from_proto(message.args) if message.HasField("args") else None,
        scale=tensor("scale"),
        zero_point=tensor("zero_point"),
        global_scale=tensor("global_scale"),
        notes=tuple(
            QParamsNote(note.trap, note.repaired, note.count, note.first, note.text)
            for note in message.notes
        ),
        fused_sessions=tuple(map(session_id, message.fused_sessions)),
        fallback_sessions=tuple(map(session_id, message.fallback_sessions)),
        # A range of its own rests on a record at least.
        progress=progress_from(message.progress) if message.progress.count else None,
    )


def range_from(message: range_pb2.Range) -> Range:
    """The protocol's Range as this module's."""
    return Range(_tensor_from(message.min), _tensor_from(message.max))


def _tensor_from(message: range_pb2.Tensor) -> Tensor:
    return Tensor(message.dtype, tuple(message.shape), message.data)
