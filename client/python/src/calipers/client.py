"""A connection to a server, for one run of one worker."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Literal

from calipers import args as quantization_args
from calipers import checks, names, plot
from calipers._wire import calibration_pb2, session_pb2
from calipers.answers import MinMax, Progress, QParams, minmax_from, range_from
from calipers.connection import CREATE_SESSION, GET_SESSION, Connection
from calipers.deadline import Deadline
from calipers.environment import resolve_address, resolve_run, resolve_worker
from calipers.errors import InvalidArgumentError, NotFoundError
from calipers.pages import Answers
from calipers.progress import Bar, ProgressBar, open_bar
from calipers.questions import FusionMode, minmax_fields, qparams_fields
from calipers.run import Run
from calipers.session import ReduceAt, Session
from calipers.stream import Sender, Totals, Window, WindowOptions
from calipers.table import SessionTable
from calipers.wording import counted

if TYPE_CHECKING:
    import os

    from matplotlib.figure import Figure

# A call with nothing on its way ends within a round trip.
_CLOSE_SECONDS = 2.0

Arithmetic = Literal["exact", "reference"]
NonFinitePolicy = Literal["propagate", "reject", "skip"]
Weighting = Literal["uniform", "num_observations"]

# A pattern of nothing else matches every session, or every one of some base name.
_WILDCARDS = frozenset("*?/")

_ARITHMETIC: dict[str, session_pb2.Arithmetic] = {
    "exact": session_pb2.ARITHMETIC_EXACT,
    "reference": session_pb2.ARITHMETIC_REFERENCE,
}
_NON_FINITE: dict[str, session_pb2.NonFinitePolicy] = {
    "propagate": session_pb2.NON_FINITE_POLICY_PROPAGATE,
    "reject": session_pb2.NON_FINITE_POLICY_REJECT,
    "skip": session_pb2.NON_FINITE_POLICY_SKIP,
}
_WEIGHTING: dict[str, session_pb2.Weighting] = {
    "uniform": session_pb2.WEIGHTING_UNIFORM,
    "num_observations": session_pb2.WEIGHTING_NUM_OBSERVATIONS,
}


def connect(
    address: str | None = None,
    *,
    run: str | None = None,
    worker: str | None = None,
    timeout: float = 60.0,
    reduce_at: ReduceAt = "worker",
    progress: ProgressBar | None = None,
    window: WindowOptions | None = None,
) -> Client:
    """Connects to a server.

    `address` is HOST:PORT (default: $CALIPERS_SERVER, else 127.0.0.1:50051), `run` the
    calibration's name (default: $CALIPERS_RUN, else "default"), `worker` who the coverage says
    observed (default: HOSTNAME-PID). `timeout` is in seconds: for connecting, for each question
    together with what is to be sent before it, and for a silent server's sign of life. `reduce_at`
    says where tensors become records: "worker", here, or "server". `progress` shows a bar of
    tqdm's or rich's. `window` bounds what is on its way.

    The client is a context manager: at the end of its block everything is flushed, unless an
    exception ends it.

    Raises UnavailableError if no server answers; InvalidArgumentError for a name or an address
    that cannot be one.
    """
    # All that can be wrong is looked at before there is a connection.
    names.run_name(run := resolve_run(run))
    worker = resolve_worker(worker)
    _check_reduce_at(reduce_at)
    address = resolve_address(address)
    options = _check_window(window)
    allowed = "seconds above 0"
    if (seconds := checks.seconds("timeout", timeout, allowed)) == 0:
        raise InvalidArgumentError(f"timeout is {timeout!r} (allowed: {allowed})")
    bar = open_bar(progress)
    return Client(Connection(address, seconds), run, worker, reduce_at, bar, options)


class Client:
    """Made by `connect`. Thread-safe; not to be used across a fork."""

    def __init__(
        self,
        connection: Connection,
        run: str,
        worker: str,
        reduce_at: ReduceAt,
        bar: Bar,
        window: WindowOptions,
    ) -> None:
        self._connection = connection
        self._run = Run(connection, run)
        self._parent = names.run_name(run)
        self._reduce_at = reduce_at
        self._bar = bar
        self._window = Window(window)
        self._sender = Sender(connection, self._window, worker, self._bar.update)
        self.run = run
        """The run's name."""

    def __repr__(self) -> str:
        return f"Client({self._connection.address!r}, run={self.run!r})"

    def session(
        self,
        name: str,
        *,
        args: quantization_args.Args | None = None,
        observer: str | None = None,
        arithmetic: Arithmetic = "exact",
        non_finite: NonFinitePolicy = "propagate",
        weighting: Weighting = "uniform",
        reduce_at: ReduceAt | None = None,
    ) -> Session:
        """The session `name`, which is {module}/{base_name}; base names are weight, input,
        output, q, k and v.

        With `args` or `observer` it is created unless it is there; `args={}` takes every
        default. `args` are compressed-tensors' QuantizationArgs, or a mapping with their names.
        Without both it has to be there. `arithmetic`, `non_finite` and `weighting` are those of
        docs/numbers.md; `reduce_at` is the client's unless given.

        Raises AlreadyExistsError, naming the difference, if it is there with another spec;
        NotFoundError if it is not there; InvalidArgumentError for args that do not go together
        or with the base name.
        """
        full_name = names.session_name(self.run, name)
        _check_reduce_at(reduce_at or self._reduce_at)
        if args is None and observer is None:
            found = self._get(full_name)
        else:
            request = calibration_pb2.CreateSessionRequest(
                parent=self._parent,
                session_id=name,
                session=session_pb2.Session(
                    args=quantization_args.to_proto({} if args is None else args, observer),
                    arithmetic=checks.choice("arithmetic", arithmetic, _ARITHMETIC),
                    non_finite_policy=checks.choice("non_finite", non_finite, _NON_FINITE),
                    weighting=checks.choice("weighting", weighting, _WEIGHTING),
                ),
            )
            found = self._connection.call(CREATE_SESSION, request)
        where = reduce_at or self._reduce_at
        return Session(self._connection, found, where, self._window.put, self.flush)

    def sessions(self, pattern: str = "") -> SessionTable:
        """The run's sessions, by name: those whose module matches the pattern, or whose
        {module}/{base_name} does if there is a / in it. * is any characters, ? one; none: all.
        """
        deadline = Deadline(None)
        self._settle(deadline)
        return SessionTable(self._run.rows(pattern, deadline))

    def minmax(
        self,
        sessions: str | Iterable[str] = "",
        *,
        observer: str | None = None,
        averaging_constant: float | None = None,
        exclude: Iterable[int | range] = (),
        timeout: float | None = None,
    ) -> Answers[MinMax]:
        """What `Session.minmax` answers, of many sessions in few calls: of those that match a
        pattern, as in `sessions`, or whose names are given.

        One that has no answer, for it saw nothing or is not there, has its error in
        `Answers.errors`, which looking it up raises; the others are not touched by it. `timeout`
        is in seconds for all together (None: the client's, for each 100 sessions).

        Raises NotFoundError if no session matches the pattern; RefusedError if something
        observed before was refused.
        """
        fields = minmax_fields(observer, averaging_constant, exclude)
        deadline = Deadline(timeout)
        named = self._named(sessions, deadline)
        return self._run.minmax(named, fields, minmax_from, deadline)

    def qparams(
        self,
        sessions: str | Iterable[str] = "",
        scheme: str | None = None,
        *,
        args: quantization_args.Args | None = None,
        fusion: FusionMode = "known",
        fuse: Sequence[Sequence[str]] = (),
        peers_behind: str | Sequence[str] = (),
        exclude: Iterable[int | range] = (),
        timeout: float | None = None,
    ) -> Answers[QParams]:
        """What `Session.qparams` answers, of many sessions in few calls. `sessions`, `timeout`
        and errors are as in `minmax`, all else as there.

        Members of a fused group and peers are looked for in the whole run, whatever is asked
        for. While records still come in, members that are not asked in one call, which has 100
        sessions, may rest on other records: seal the run first.
        """
        fields = qparams_fields(scheme, args, fusion, fuse, peers_behind, exclude)
        deadline = Deadline(timeout)
        named = self._named(sessions, deadline)
        return self._run.qparams(named, fields, deadline)

    def wait(
        self, sessions: str | Iterable[str], count: int, *, timeout: float | None = None
    ) -> dict[str, Progress]:
        """Waits until each of the sessions, given as in `minmax`, holds at least `count` records,
        of whichever workers.

        Raises DeadlineExceededError, naming the first that do not, after `timeout` seconds in all
        (None: the client's, for each 100 sessions); NotFoundError for those that are not there.
        """
        deadline = Deadline(timeout)
        return self._run.wait(self._named(sessions, deadline), count, deadline)

    def seal(
        self, pattern: str = "", count: int | None = None, *, timeout: float | None = None
    ) -> dict[str, int]:
        """Seals every session of the run that matches the pattern, as `Session.seal` does, in one
        call, and returns how many records each is sealed at.

        Raises the error of the first that cannot be sealed, naming the others, once all that
        can be are; NotFoundError if no session matches.
        """
        deadline = Deadline(timeout)
        self._settle(deadline)
        return self._run.seal(pattern, count, deadline)

    def delete(self, sessions: str | Iterable[str], *, timeout: float | None = None) -> list[str]:
        """Deletes sessions with all that was observed of them, by whomever: those whose names are
        given, or that match a pattern, as in `sessions`. Returns their names. A pattern of
        wildcards alone is refused: the whole run is `delete_run`'s. `timeout` is in seconds for
        all together (None: the client's, for each session).

        Raises InvalidArgumentError for a pattern of wildcards alone; NotFoundError if no session
        matches; the error of the first that cannot be deleted, naming the others, once all that
        can be are.
        """
        if isinstance(sessions, str) and not set(sessions) - _WILDCARDS:
            raise InvalidArgumentError(
                f'sessions is "{sessions}", which is the whole run: delete_run() deletes it'
            )
        deadline = Deadline(timeout)
        return self._run.delete(self._named(sessions, deadline), deadline)

    def delete_run(self, *, timeout: float | None = None) -> None:
        """Deletes the run: every session in it, with all that was observed, by whomever.

        Raises NotFoundError if it has none.
        """
        deadline = Deadline(timeout)
        self._settle(deadline)
        self._run.delete_all(deadline)

    def plot(self, pattern: str = "", path: str | os.PathLike[str] | None = None) -> Figure:
        """The ranges of the run's sessions in one picture, those that stand out marked: of all,
        or of those that match the pattern as in `sessions`. A range is the least and the
        greatest of what `Session.minmax().range` answers. Sessions without an answer are left
        out, and counted. With a `path` it is written, as PNG or SVG by the path's suffix.

        Raises ImportError without matplotlib; NotFoundError if no session matches;
        FailedPreconditionError if none of them has an answer; InvalidArgumentError for another
        suffix; OSError if the path cannot be written.
        """
        plot.require(path)
        found = self._run.minmax(
            [row.session for row in self.sessions(pattern)],
            {"read_mask": {"paths": ["global_of_range"]}},
            lambda message: range_from(message.global_of_range),
            Deadline(None),
        )
        ranges = {name: None if name in found.errors else found[name] for name in found}
        return plot.write(plot.draw_run(self.run, pattern, ranges), path)

    def flush(self, timeout: float | None = None) -> Totals:
        """Waits until every observation is acknowledged, which means that it is on the server's
        disk, and returns what became of all so far.

        Raises RefusedError if some were refused since the last time, by flush or a question;
        UnavailableError once the server was given up; DeadlineExceededError after `timeout`
        seconds (None: no limit but the window's attempts).
        """
        return self._window.flush(Deadline(timeout).left())

    @property
    def totals(self) -> Totals:
        """What became of the observations so far."""
        return self._window.totals()

    def close(self) -> None:
        """Ends the connection; what is not acknowledged is given up. Twice changes nothing."""
        settled = self._window.unacknowledged() == 0
        self._window.close()
        if settled:
            self._sender.join(_CLOSE_SECONDS)
        self._connection.close()
        self._sender.join()
        self._bar.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if kind is None:
                self.flush()
        finally:
            self.close()

    def __del__(self) -> None:
        # One that never came to be has no window.
        window: Window | None = getattr(self, "_window", None)
        if window is None or window.closed:
            return
        if (left := window.unacknowledged()) > 0 and not window.told:
            warnings.warn(
                f"a calipers client goes with {counted(left, 'observation')} not acknowledged: "
                "flush() it, or use it in a with statement",
                RuntimeWarning,
                stacklevel=1,
                source=self,
            )
        window.close()

    def _named(self, sessions: str | Iterable[str], deadline: Deadline) -> list[str]:
        """Which are meant, once everything observed before is there."""
        self._settle(deadline)
        return self._run.named(sessions, deadline)

    def _settle(self, deadline: Deadline) -> None:
        """Waits for what was observed before, for as long as for an answer."""
        left = deadline.left()
        self.flush(self._connection.timeout if left is None else left)

    def _get(self, full_name: str) -> session_pb2.Session:
        try:
            return self._connection.call(
                GET_SESSION, calibration_pb2.GetSessionRequest(name=full_name)
            )
        except NotFoundError as error:
            raise NotFoundError(
                error.message, advice="give args to create it, {} for the defaults"
            ) from None


def _check_reduce_at(reduce_at: ReduceAt) -> None:
    checks.choice("reduce_at", reduce_at, dict.fromkeys(("worker", "server")))


def _check_window(window: WindowOptions | None) -> WindowOptions:
    if window is not None and not isinstance(window, WindowOptions):
        raise InvalidArgumentError(f"window is {window!r} (allowed: calipers.WindowOptions)")
    return window or WindowOptions()
