"""A session: observes one value of one model, and answers its range and qparams."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, Literal, SupportsIndex, TypeAlias, TypeVar

from calipers import answers, args, checks, names, plot
from calipers._wire import (
    calibration_pb2,
    observation_pb2,
    qparams_pb2,
    range_pb2,
    session_pb2,
)
from calipers.connection import (
    GET_MIN_MAX,
    GET_QPARAMS,
    GET_SESSION,
    RESET_SESSION,
    SEAL_SESSION,
    Connection,
    Method,
)
from calipers.errors import (
    DeadlineExceededError,
    FailedPreconditionError,
    InvalidArgumentError,
    from_status,
    make_error,
)
from calipers.geometry import Layout, make_view
from calipers.own_process import NotPickled
from calipers.questions import (
    LARGEST_INDEX,
    Fuse,
    FusionMode,
    index_ranges,
    minmax_fields,
    qparams_fields,
    record_count,
    seal_count,
)
from calipers.reduce import is_finite, reduce_tensor
from calipers.series import Series, series_from
from calipers.stream import RawTensor, ReducedTensor
from calipers.tensors import AnyTensor, DeviceTensor, SupportsDLPack, as_tensor
from calipers.wording import counted

if TYPE_CHECKING:
    import os

    from google.protobuf.message import Message
    from matplotlib.figure import Figure

    from calipers.stream import Pending

_Request = TypeVar("_Request", bound="Message")
_Response = TypeVar("_Response", bound="Message")

_log = logging.getLogger("calipers")

ReduceAt: TypeAlias = Literal["worker", "server"]
"""Where tensors are reduced to records: "worker", in this process, which then sends only records,
or "server", to which the process sends every element."""

# A record is one message, and a server accepts messages of 16 MiB by default. The tensor of a
# larger record is sent in pieces instead.
_LARGEST_RECORD = 8 << 20


class Session(NotPickled):
    """A session of a run. Made by `Client.session`. Thread-safe.

    `observe` returns as soon as the record is made; a thread of the client sends it. Every query
    first waits until all earlier observations of the same client are acknowledged.
    """

    def __init__(
        self,
        connection: Connection,
        spec: session_pb2.Session,
        reduce_at: ReduceAt,
        put: Callable[[Pending], None],
        flush: Callable[[float | None], object],
    ) -> None:
        self._connection = connection
        self._full_name = spec.name
        # This package computes no statistics.
        self._reduce_at: ReduceAt = "server" if spec.statistics else reduce_at
        self._put = put
        self._flush = flush
        self.name = names.session_id(spec.name)
        """{module}/{base_name}"""
        self.args: dict[str, Any] = args.from_proto(spec.args)
        """The session's quantization args, with compressed-tensors' names. Inferred members are
        set."""
        self._progress_at_opening = spec.progress
        self._layout = _layout_of(spec)
        # True until the first observation with NaN or infinity, if they reach the answer.
        self._tells_non_finite = spec.non_finite_policy in (
            session_pb2.NON_FINITE_POLICY_UNSPECIFIED,
            session_pb2.NON_FINITE_POLICY_PROPAGATE,
        )

    @property
    def progress_at_opening(self) -> answers.Progress:
        """The session's progress at the time when `Client.session` opened it. Needs no call."""
        return answers.progress_from(self._progress_at_opening)

    def __repr__(self) -> str:
        return f"Session({self.name!r}, {self.args})"

    def observe(self, tensor: SupportsDLPack, *, index: SupportsIndex, copy: bool = True) -> None:
        """Observes one tensor.

        `tensor` is a torch.Tensor on any device, a numpy.ndarray, or an object with __dlpack__. It
        may have any strides. Its dtype is float64, float32, float16, bfloat16, float8_e4m3fn,
        float8_e5m2, a signed integer of 8 to 64 bits, or uint8. Its shape must fit the session's
        strategy (docs/geometry.md). A tensor with a dimension of 0 is counted and changes no fold;
        a weight must not be empty.

        `index` is the batch's position in the whole calibration set, 0 to 2^48 - 1. Every attempt
        to send a batch, by any worker, uses the same index. Observing the same tensor again at an
        index changes nothing. Another tensor at the index is refused: the next `flush` or query
        raises `RefusedError`.

        The tensor may change after the call. Exception: with copy=False, a tensor that is sent
        itself must stay unchanged until the next `flush`. That is so with reduce_at="server", if
        the record is larger than 8 MiB, and if the session has statistics.

        Waits while the window is full. Raises InvalidArgumentError for a tensor that cannot be
        observed; UnavailableError if the client gave up the server.
        """
        position = checks.whole_number("index", index, 0, LARGEST_INDEX)
        seen = as_tensor(tensor)
        view = make_view(self._layout, seen.shape)
        header = observation_pb2.ObservationHeader(
            session=self._full_name, index=position, dtype=seen.dtype.value, shape=seen.shape
        )
        record_bytes = 2 * view.kept_outer * view.kept_inner * seen.dtype.size
        if self._reduce_at == "server" or record_bytes > _LARGEST_RECORD:
            self._put(_raw(seen, header, copy))
            return
        record = reduce_tensor(seen, view)
        if self._tells_non_finite and not is_finite(seen.dtype, record):
            self._tell_non_finite(position)
        self._put(
            ReducedTensor(
                observation_pb2.ReducedObservation(
                    header=header,
                    min=record.min,
                    max=record.max,
                    global_min=record.global_min,
                    global_max=record.global_max,
                )
            )
        )

    def _tell_non_finite(self, index: int) -> None:
        self._tells_non_finite = False
        _log.warning(
            "%s: the observation at index %d holds NaN or infinity, which reach every later answer "
            "of minmax and static_minmax. Look at the model's batch; leave it out with "
            'exclude=[%d], or create the session with non_finite="skip" or "reject"',
            self.name,
            index,
            index,
        )

    def minmax(
        self,
        *,
        observer: str | None = None,
        averaging_constant: float | None = None,
        exclude: Iterable[int | range] = (),
        timeout: float | None = None,
    ) -> answers.MinMax:
        """The session's range: the fold, in index order, of all records present. docs/numbers.md
        gives the rules.

        `observer`, `averaging_constant` (in [0, 1]) and `exclude` (indices and ranges of indices
        to leave out) select another fold of the same records; the session does not change.
        `timeout` is in seconds (None: the client's).

        Raises FailedPreconditionError if the session has no data; NotFoundError if it was deleted;
        RefusedError if an earlier observation was refused; DeadlineExceededError after the
        timeout.
        """
        fields = minmax_fields(observer, averaging_constant, exclude)
        request = range_pb2.GetMinMaxRequest(name=self._full_name, **fields)
        return answers.minmax_from(self._ask(GET_MIN_MAX, request, timeout))

    def qparams(
        self,
        scheme: str | None = None,
        *,
        args: args.Args | None = None,
        fusion: FusionMode = "known",
        fuse: Fuse = (),
        peers_behind: str | Sequence[str] = (),
        exclude: Iterable[int | range] = (),
        timeout: float | None = None,
    ) -> answers.QParams:
        """Scale, zero point and global scale of the session. docs/qparams.md gives the rules.

        `scheme` is a preset of compressed-tensors, such as "NVFP4"; `args` are quantization args.
        Without both the session's own args are used. `fusion` selects the weights that share a
        global scale: "known" (the groups of llm-compressor and the groups in `fuse`), "declared"
        (only the groups in `fuse`) or "none". A group in `fuse` consists of last parts of module
        names, such as ("query", "key", "value"). With a mapping, the groups of a key hold only for
        modules whose names up to the last part match it: {"*.layers.1.*": [("query", "key")]}; in
        it, * stands for any characters and ? for one. `peers_behind` is a part of module names such
        as "experts", or several: a session without data takes the range of its peers, whose names
        differ only in the part after it. `exclude` holds indices and ranges of indices to leave
        out. `timeout` is in seconds (None: the client's).

        Members that a module does not store are None: see `QParams.scale`.

        Raises as `minmax`; InvalidArgumentError for args that contradict each other.
        """
        fields = qparams_fields(scheme, args, fusion, fuse, peers_behind, exclude)
        request = qparams_pb2.GetQParamsRequest(name=self._full_name, **fields)
        result = self._ask(GET_QPARAMS, request, timeout).results[0]
        if result.HasField("status"):
            raise from_status(result.status)
        return answers.qparams_from(result.qparams)

    def wait(self, count: int, *, timeout: float | None = None) -> answers.Progress:
        """Waits until the session holds at least `count` records, from all workers together.
        Returns its progress.

        Raises DeadlineExceededError after `timeout` seconds (None: the client's).
        """
        request = range_pb2.GetMinMaxRequest(name=self._full_name, wait_count=record_count(count))
        request.read_mask.paths.append("progress")
        try:
            answer = self._ask(GET_MIN_MAX, request, timeout)
        except DeadlineExceededError as error:
            raise DeadlineExceededError(
                f"{self.name} does not hold {counted(count, 'record')}: {error.message}"
            ) from None
        except FailedPreconditionError:
            # Empty records have no range, and count.
            if (progress := self.progress()).count < count:
                raise
            return progress
        return answers.progress_from(answer.progress)

    def progress(self) -> answers.Progress:
        """The session's progress: number of records, missing indices, and more."""
        request = calibration_pb2.GetSessionRequest(name=self._full_name)
        return answers.progress_from(self._ask(GET_SESSION, request).progress)

    def series(self, *, timeout: float | None = None) -> Series:
        """All records of the session, sorted by index.

        `timeout` is in seconds (None: the client's).

        Raises FailedPreconditionError if the values were dropped (retention FOLDED).
        """
        return self._read(timeout)[1]

    def plot(
        self,
        path: str | os.PathLike[str] | None = None,
        *,
        param: int | None = None,
        averaging_constants: Iterable[float] = (),
        exclude: Iterable[int | range] = (),
        timeout: float | None = None,
    ) -> Figure:
        """Draws the series: the range of each batch and the session's fold after each batch. The
        picture marks batches that are excluded, missing or not finite.

        The default shows the range of whole tensors. `param` selects one parameter by its
        position in the flattened qparam shape, from 0. `averaging_constants`, each in [0, 1], adds
        other moving averages. `exclude` holds indices and ranges of indices to leave out. With a
        `path` the picture is written as PNG or SVG, by the path's suffix. `timeout` is in seconds
        (None: the client's).

        Raises ImportError without matplotlib; FailedPreconditionError if the session has no data
        or its values were dropped; InvalidArgumentError for an invalid argument; OSError if the
        path cannot be written.
        """
        plot.require(path)
        constants = plot.check_constants(averaging_constants)
        excluded = [range(part.start, part.end) for part in index_ranges(exclude)]
        spec, series = self._read(timeout)
        view = plot.view_of(series, spec, param, excluded)
        return plot.write(plot.draw_series(view, constants), path)

    def _read(self, timeout: float | None) -> tuple[session_pb2.Session, Series]:
        deadline = self._connection.deadline(timeout)
        self._flush(deadline.left())
        # The session is read after the records, so that it has their shape.
        records = self._connection.read_series(self._full_name, deadline.left())
        request = calibration_pb2.GetSessionRequest(name=self._full_name)
        spec = self._connection.call(GET_SESSION, request, deadline.left())
        return spec, series_from(spec, records)

    def seal(self, count: int | None = None) -> int:
        """Seals the session at `count` records (None: its largest index plus one), and returns that
        number. A sealed session accepts no new records, so its answer never changes.

        Raises FailedPreconditionError, naming the missing indices, unless the session holds
        exactly the records 0 .. count - 1.
        """
        request = calibration_pb2.SealSessionRequest(name=self._full_name, count=seal_count(count))
        deadline = self._connection.deadline(None)
        self._flush(deadline.left())
        try:
            return self._connection.call(SEAL_SESSION, request, deadline.left()).sealed_count
        except (FailedPreconditionError, InvalidArgumentError) as error:
            # The server's message does not name the session.
            raise make_error(error.code, f"{self.name} is not sealed: {error.message}") from None

    def reset(self) -> None:
        """Deletes the records of all workers and the seal, and keeps the session and its spec.
        Observations that other workers are still sending are stored after the reset.

        Raises NotFoundError if the session was deleted. Raises RefusedError, once and before any
        record is deleted, if an earlier observation was refused.
        """
        self._ask(RESET_SESSION, calibration_pb2.ResetSessionRequest(name=self._full_name))

    def _ask(
        self, method: Method[_Request, _Response], request: _Request, timeout: float | None = None
    ) -> _Response:
        """Flushes, then calls the method; both within the timeout."""
        deadline = self._connection.deadline(timeout)
        self._flush(deadline.left())
        return self._connection.call(method, request, deadline.left())


def _layout_of(spec: session_pb2.Session) -> Layout:
    return Layout(
        base_name=names.base_name(spec.name),
        strategy=args.strategy_name(spec.args.strategy),
        group_size=spec.args.group_size,
        block_structure=tuple(spec.args.block_structure),
        reference=spec.arithmetic == session_pb2.ARITHMETIC_REFERENCE,
    )


def _raw(seen: AnyTensor, header: observation_pb2.ObservationHeader, copy: bool) -> RawTensor:
    if isinstance(seen, DeviceTensor):
        return RawTensor(header, seen.to_host().to_bytes(copy=False))
    return RawTensor(header, seen.to_bytes(copy=copy))
