"""The server's answers as plain values."""

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
    """A tensor, in the dtype of the server's answer."""

    dtype: str
    """The element type's safetensors name, such as "BF16"."""
    shape: tuple[int, ...]
    """Dimensions, outermost first; () for one element."""
    data: bytes
    """The elements in C order, little-endian."""

    def numpy(self) -> NDArray[Any]:
        """A read-only array of `shape`. BF16 and F8, which numpy does not have, become float32;
        the values stay exact."""
        array = decode(Dtype[self.dtype], self.data).reshape(self.shape)
        array.flags.writeable = False
        return array

    def torch(self) -> Any:
        """A torch.Tensor of `shape` and `dtype`, with its own memory. Raises ImportError without
        PyTorch."""
        extras.require("torch", "Tensor.torch")
        import torch

        dtype = getattr(torch, Dtype[self.dtype].torch_name)
        if not self.data:
            return torch.empty(self.shape, dtype=dtype)
        return torch.frombuffer(bytearray(self.data), dtype=dtype).reshape(self.shape)

    def item(self) -> float:
        """The value of a tensor with one element. Raises ValueError if there are more elements."""
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
    """The progress of a session's series."""

    count: int
    """Records present."""
    folded_count: int
    """Records in the fold: `count` minus the empty and the skipped records."""
    contiguous_prefix: int
    """Records 0 .. contiguous_prefix - 1 are all present."""
    end_index: int
    """The largest index present plus one; 0 if there are no records."""
    missing: tuple[range, ...]
    """Absent indices below end_index, ascending. Holds the first 1,000 ranges."""
    missing_range_count: int
    """Number of all missing ranges."""
    num_observations: int
    """Number of observations (tokens of activations) in all records present."""
    conflict_count: int
    """Observations refused because another record was stored at their index."""


@dataclass(frozen=True)
class MinMax:
    """The fold of a session's records, in index order.

    Folded values are F64 in exact arithmetic, and have the observed dtype (F32 for integers) in
    reference arithmetic. `current` and `current_global` always have the observed dtype.
    """

    session: str
    """{module}/{base_name}"""
    range: Range
    """The observer's fold, in qparam shape: llm-compressor's get_min_max."""
    current: Range
    """The range of the last folded record, in qparam shape: get_current_min_max."""
    global_: Range
    """The fold of the tensors' own ranges, shape (1): get_global_min_max of llm-compressor up to
    0.10."""
    current_global: Range
    """The tensor's own range of the last folded record, shape (1)."""
    global_of_range: Range
    """The extremes of `range`, shape (1): the range behind a global scale in llm-compressor since
    0.11."""
    progress: Progress
    """The progress of the series at the time of the answer."""

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
    """Says that an answer met a trap: a case for which the reference's rule gives unusable qparams.
    docs/qparams.md lists the traps."""

    trap: str
    """The name of the trap, such as "zero_range"."""
    repaired: bool
    """True if the answer was corrected, False if it is the reference's."""
    count: int
    """Number of parameters that met the trap."""
    first: int
    """The smallest position of such a parameter, in C order."""
    text: str
    """The same information as a sentence."""


@dataclass(frozen=True)
class QParams:
    """Quantization parameters, in the form in which the reference stores them on the module.

    A quantized value q represents (q - zero_point) * scale, or with a global scale
    (q - zero_point) * scale / global_scale.
    """

    session: str
    """{module}/{base_name}"""
    args: dict[str, Any] | None
    """The args of these qparams, with inferred members set. None if the scheme does not quantize
    the session's tensors; then there are no qparams."""
    scale: Tensor | None
    """None if the module stores no scale: with args["dynamic"] True the model computes the scale
    for every tensor, with "local" the module stores only the global scale."""
    zero_point: Tensor | None
    """The same shape as `scale`; zeros if args["symmetric"]. None if `scale` is None."""
    global_scale: Tensor | None
    """Shape (1), F32. Only with strategy "tensor_group"."""
    notes: tuple[QParamsNote, ...]
    """In the order in which the computation met the traps."""
    fused_sessions: tuple[str, ...]
    """The sessions that share the global scale, including this session. Empty if the session has a
    global scale of its own."""
    absent_sessions: tuple[str, ...]
    """The members of its group that were left out, because their modules have no session in the
    run. Check that the model has no such modules."""
    fallback_sessions: tuple[str, ...]
    """The peers whose range was used because this session, or a member of its fused group, has no
    data. Empty if no fallback was used."""
    progress: Progress | None
    """The progress of the session's series at the time of the answer. None if the range is a
    fallback, or if no range was needed (args["dynamic"] is True). `Session.progress` gives the
    progress in these cases."""


def progress_from(message: session_pb2.Progress) -> Progress:
    """Converts the protocol's Progress."""
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
    """Converts the protocol's MinMax."""
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
    """Converts the protocol's QParams."""

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
        absent_sessions=tuple(map(session_id, message.absent_sessions)),
        fallback_sessions=tuple(map(session_id, message.fallback_sessions)),
        # An own range has at least one record.
        progress=progress_from(message.progress) if message.progress.count else None,
    )


def range_from(message: range_pb2.Range) -> Range:
    """Converts the protocol's Range."""
    return Range(_tensor_from(message.min), _tensor_from(message.max))


def _tensor_from(message: range_pb2.Tensor) -> Tensor:
    return Tensor(message.dtype, tuple(message.shape), message.data)
