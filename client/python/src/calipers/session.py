"""One observed value of one model: what is observed of it, and what it answers."""

from __future__ import annotations

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
from calipers.questions import (
    LARGEST_INDEX,
    FusionMode,
    index_ranges,
    minmax_fields,
    qparams_fields,
    record_count,
    seal_count,
)
from calipers.reduce import reduce_tensor
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

ReduceAt: TypeAlias = Literal["worker", "server"]
"""Where tensors become records: here, so that only records travel, or at the server, which then
sees every element."""

# A record is one message, of which a server takes 16 MiB unless told otherwise; the tensor of a
# larger one goes in pieces.
_LARGEST_RECORD = 8 << 20


class Session:
    """A session of a run. Made by `Client.session`; thread-safe.

    `observe` returns as soon as the record is made; a thread of the client's sends it. Every
    question waits for what was observed through the same client before.
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
        self._reduce_at = reduce_at
        self._put = put
        self._flush = flush
        self.name = names.session_id(spec.name)
        """{module}/{base_name}"""
        self.args: dict[str, Any] = args.from_proto(spec.args)
        """Its quantization args, with all that was inferred, by compressed-tensors' names."""
        self._progress_at_opening = spec.progress
        self._layout = _layout_of(spec)

    @property
    def progress_at_opening(self) -> answers.Progress:
        """How far it had come when `Client.session` opened it, which needs no question."""
        return answers.progress_from(self._progress_at_opening)

    def __repr__(self) -> str:
        return f"Session({self.name!r}, {self.args})"

    def observe(self, tensor: SupportsDLPack, *, index: SupportsIndex, copy: bool = True) -> None:
        """Observes one tensor.

        `tensor` is a torch.Tensor on any device, a numpy.ndarray or what has __dlpack__, of any
        strides; float64, float32, float16, bfloat16, float8_e4m3fn, float8_e5m2 or an integer
        of 8 to 64 bits (unsigned: 8). Its shape must fit the session's strategy; a dimension of
        0 makes an observation that counts and changes nothing, of all but weights.

        `index` is the batch's position in the whole calibration set, 0 to 2^48 - 1, the same
        however often and by whom the batch is sent: the same tensor again changes nothing,
        another one is refused (`RefusedError`, from the next `flush` or question).

        With reduce_at="server", and where the record would have more than 8 MiB, the tensor is
        copied to be sent, unless `copy` is False: then it must stay as it is until the next
        `flush`. Otherwise it may change at once.

        Waits while too much is on its way. Raises InvalidArgumentError for a tensor that cannot
        be observed; UnavailableError once the server was given up.
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

    def minmax(
        self,
        *,
        observer: str | None = None,
        averaging_constant: float | None = None,
        exclude: Iterable[int | range] = (),
        timeout: float | None = None,
    ) -> answers.MinMax:
        """The range of what was observed: the fold, in index order, of all records present.

        `observer`, `averaging_constant` and `exclude` (indices or ranges of them to leave out)
        ask for another fold of the same records and change nothing.

        Raises FailedPreconditionError if nothing was observed; NotFoundError if the session was
        deleted; RefusedError if something observed before was refused.
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
        fuse: Sequence[Sequence[str]] = (),
        peers_behind: str | Sequence[str] = (),
        exclude: Iterable[int | range] = (),
        timeout: float | None = None,
    ) -> answers.QParams:
        """Scale, zero point and global scale of what was observed.

        For a preset `scheme` of compressed-tensors, such as "NVFP4", or for `args`; for the
        session's own without either. `fusion` says which weights share a global scale: the
        groups of llm-compressor ("known") and those in `fuse` (last parts of module names, such
        as ("query", "key", "value")), the latter alone ("declared"), or none. A session that
        saw nothing takes the range of its peers behind the parts named by `peers_behind`, one or
        some, such as "experts". `exclude` leaves indices out.

        What no model holds has no scale: see `QParams.scale`.

        Raises as `minmax`; InvalidArgumentError for args that do not go together.
        """
        fields = qparams_fields(scheme, args, fusion, fuse, peers_behind, exclude)
        request = qparams_pb2.GetQParamsRequest(name=self._full_name, **fields)
        result = self._ask(GET_QPARAMS, request, timeout).results[0]
        if result.HasField("status"):
            raise from_status(result.status)
        return answers.qparams_from(result.qparams)

    def wait(self, count: int, *, timeout: float | None = None) -> answers.Progress:
        """Waits until the session holds at least `count` records, of whichever workers.

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
            # All that is there may be empty, which has no range and counts all the same.
            if (progress := self.progress()).count < count:
                raise
            return progress
        return answers.progress_from(answer.progress)

    def progress(self) -> answers.Progress:
        """How far the session has come: what is there, what is missing."""
        request = calibration_pb2.GetSessionRequest(name=self._full_name)
        return answers.progress_from(self._ask(GET_SESSION, request).progress)

    def series(self, *, timeout: float | None = None) -> Series:
        """Every record that the server keeps of it, by index.

        Raises FailedPreconditionError if their values were dropped: retention FOLDED.
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
        """The series as a picture: the range of each batch, the session's fold of them as it
        grows, batches left out, missing, or not finite.

        Of the whole tensors, or of one parameter: `param` is its position in the flattened
        qparam shape. `averaging_constants`, each in [0, 1], draws other moving averages beside
        it. `exclude` leaves indices or ranges of them out. With a `path` it is written, as PNG
        or SVG by the path's suffix.

        Raises ImportError without matplotlib; FailedPreconditionError if nothing was observed
        or the values were dropped; InvalidArgumentError for what cannot be drawn; OSError if
        the path cannot be written.
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
        # The session after the records: it then knows their shape.
        records = self._connection.read_series(self._full_name, deadline.left())
        request = calibration_pb2.GetSessionRequest(name=self._full_name)
        spec = self._connection.call(GET_SESSION, request, deadline.left())
        return spec, series_from(spec, records)

    def seal(self, count: int | None = None) -> int:
        """Closes the session at `count` records (None: as many as its records reach to), and
        returns how many: it takes no more, and its answer never changes.

        Raises FailedPreconditionError, naming what is missing, until records 0 .. count - 1 are
        all there and no others.
        """
        request = calibration_pb2.SealSessionRequest(name=self._full_name, count=seal_count(count))
        deadline = self._connection.deadline(None)
        self._flush(deadline.left())
        try:
            return self._connection.call(SEAL_SESSION, request, deadline.left()).sealed_count
        except (FailedPreconditionError, InvalidArgumentError) as error:
            # The server's words are of one session, whichever.
            raise make_error(error.code, f"{self.name} is not sealed: {error.message}") from None

    def reset(self) -> None:
        """Drops all that was observed of it, by whomever, and keeps its spec: it begins again, if
        it was sealed, too. What other workers still send arrives afterwards.

        Raises NotFoundError if it was deleted; RefusedError, once and before anything is dropped,
        if something observed before was refused.
        """
        self._ask(RESET_SESSION, calibration_pb2.ResetSessionRequest(name=self._full_name))

    def _ask(
        self, method: Method[_Request, _Response], request: _Request, timeout: float | None = None
    ) -> _Response:
        """The answer, once everything observed before is there; all within the timeout."""
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
