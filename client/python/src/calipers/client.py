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
from calipers.own_process import NotPickled
from calipers.pages import Answers
from calipers.progress import Bar, ProgressBar, open_bar
from calipers.questions import Fuse, FusionMode, minmax_fields, qparams_fields
from calipers.run import Run
from calipers.session import ReduceAt, Session
from calipers.stream import OnConflict, Sender, Totals, Window, WindowOptions
from calipers.table import SessionTable
from calipers.wording import counted

if TYPE_CHECKING:
    import os

    from matplotlib.figure import Figure

# A call without unacknowledged observations ends within a round trip.
_CLOSE_SECONDS = 2.0

Arithmetic = Literal["exact", "reference"]
NonFinitePolicy = Literal["propagate", "reject", "skip"]
Weighting = Literal["uniform", "num_observations"]

# A pattern that consists only of these matches every session, or every session of a base name.
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
    on_conflict: OnConflict = "raise",
) -> Client:
    """Connects to a server and returns a client for one run.

    `address` is HOST:PORT (default: $CALIPERS_SERVER, else 127.0.0.1:50051). `run` is the
    calibration's name (default: $CALIPERS_RUN, else "default"). `worker` is this process's name
    in the coverage (default: HOSTNAME-PID). `timeout` is in seconds. It limits connecting, each
    query together with the flush before it, and the wait for a keepalive answer. `reduce_at`
    selects where tensors are reduced to records: "worker" (this process) or "server". `progress`
    shows a progress bar of tqdm or rich. `window` limits the unacknowledged observations.
    `on_conflict` selects what happens if another record is stored at an observation's index:
    "raise" (RefusedError at the next flush or query) or "keep" (a warning and a count; for a
    restarted worker whose kernels do not give the same bits again).

    The client is a context manager: the end of its block flushes all observations, unless an
    exception ends the block.

    Raises UnavailableError if no server answers within the timeout, and after 2 s if the host does
    not exist, refuses the connection or is no gRPC server; InvalidArgumentError for a malformed
    name or address.
    """
    # All arguments are checked before a connection is made.
    names.run_name(run := resolve_run(run))
    worker = resolve_worker(worker)
    _check_reduce_at(reduce_at)
    address = resolve_address(address)
    options = _check_window(window)
    checks.choice("on_conflict", on_conflict, dict.fromkeys(("raise", "keep")))
    allowed = "seconds above 0"
    if (seconds := checks.seconds("timeout", timeout, allowed)) == 0:
        raise InvalidArgumentError(f"timeout is {timeout!r} (allowed: {allowed})")
    bar = open_bar(progress)
    return Client(Connection(address, seconds), run, worker, reduce_at, bar, options, on_conflict)


class Client(NotPickled):
    """A connection to a server for one run of one worker. Made by `connect`. Thread-safe. In a
    forked child every call raises FailedPreconditionError at once; the child connects again."""

    def __init__(
        self,
        connection: Connection,
        run: str,
        worker: str,
        reduce_at: ReduceAt,
        bar: Bar,
        window: WindowOptions,
        on_conflict: OnConflict,
    ) -> None:
        self._connection = connection
        self._run = Run(connection, run)
        self._parent = names.run_name(run)
        self._reduce_at = reduce_at
        self._bar = bar
        self._window = Window(window, on_conflict)
        self._sender = Sender(connection, self._window, worker, self._bar.update)
        self.run = run
        """The run's name."""
        self.on_conflict = on_conflict
        """"raise" or "keep"; see `connect`."""

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
        """Opens the session `name`, and creates it if needed.

        `name` is {module}/{base_name}; base names are weight, input, output, q, k and v. With
        `args` or `observer` the session is created if it does not exist; `args={}` selects every
        default. Without both the session must exist. `args` are compressed-tensors'
        QuantizationArgs, or a mapping with the same names. docs/numbers.md describes
        `arithmetic`, `non_finite` and `weighting`. The default of `reduce_at` is the client's.

        Raises AlreadyExistsError, naming the difference, if the session exists with another spec;
        NotFoundError if the session does not exist; InvalidArgumentError for args that contradict
        each other or the base name.
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
        """The sessions of the run that match the pattern, sorted by name.

        The pattern is matched against the module, or, if it has a /, against
        {module}/{base_name}. * stands for any characters, ? for one character. "" matches all.
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
        """The ranges of many sessions, as `Session.minmax`, in few calls.

        `sessions` is a pattern as in `sessions()`, or names of sessions. If a session has no data
        or does not exist, `Answers.errors` holds its error, and looking it up raises the error.
        The other answers are not affected. `timeout` is in seconds for all sessions together
        (None: the client's timeout for each 100 sessions).

        Raises NotFoundError if no session matches the pattern; RefusedError if an earlier
        observation was refused.
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
        fuse: Fuse = (),
        peers_behind: str | Sequence[str] = (),
        exclude: Iterable[int | range] = (),
        timeout: float | None = None,
    ) -> Answers[QParams]:
        """The quantization parameters of many sessions, as `Session.qparams`, in few calls.

        `sessions`, `timeout` and errors are as in `minmax`; the other arguments are as in
        `Session.qparams`. Members of a fused group and peers are found in the whole run, even if
        they are not among `sessions`. One call asks for 100 sessions. While records still arrive,
        members of a group in different calls can be computed from different records: seal the
        run first.
        """
        fields = qparams_fields(scheme, args, fusion, fuse, peers_behind, exclude)
        deadline = Deadline(timeout)
        named = self._named(sessions, deadline)
        return self._run.qparams(named, fields, deadline)

    def wait(
        self, sessions: str | Iterable[str], count: int, *, timeout: float | None = None
    ) -> dict[str, Progress]:
        """Waits until each of the sessions holds at least `count` records, from all workers
        together. `sessions` is as in `minmax`. Returns the progress of each session.

        Raises DeadlineExceededError, naming the first sessions that are incomplete, after
        `timeout` seconds for all sessions together (None: the client's timeout for each 100
        sessions); NotFoundError if a session does not exist.
        """
        deadline = Deadline(timeout)
        return self._run.wait(self._named(sessions, deadline), count, deadline)

    def seal(
        self, pattern: str = "", count: int | None = None, *, timeout: float | None = None
    ) -> dict[str, int]:
        """Seals every session of the run that matches the pattern, as `Session.seal`, in one call.
        Returns the number of records at which each session is sealed.

        If sessions cannot be sealed, all others are sealed, and then the error of the first one is
        raised, with the names of the rest. Raises NotFoundError if no session matches.
        """
        deadline = Deadline(timeout)
        self._settle(deadline)
        return self._run.seal(pattern, count, deadline)

    def delete(self, sessions: str | Iterable[str], *, timeout: float | None = None) -> list[str]:
        """Deletes sessions with the records of all workers, and returns the sessions' names.

        `sessions` is a pattern as in `sessions()`, or names of sessions. A pattern of only
        wildcards is refused: use `delete_run` to delete the whole run. `timeout` is in seconds
        for all sessions together (None: the client's timeout for each session).

        Raises InvalidArgumentError for a pattern of only wildcards; NotFoundError if no session
        matches. If sessions cannot be deleted, all others are deleted, and then the error of the
        first one is raised, with the names of the rest.
        """
        if isinstance(sessions, str) and not set(sessions) - _WILDCARDS:
            raise InvalidArgumentError(
                f'sessions is "{sessions}", which is the whole run: use delete_run() to delete it'
            )
        deadline = Deadline(timeout)
        return self._run.delete(self._named(sessions, deadline), deadline)

    def delete_run(self, *, timeout: float | None = None) -> None:
        """Deletes the run: all its sessions, with the records of all workers.

        Raises NotFoundError if the run has no session.
        """
        deadline = Deadline(timeout)
        self._settle(deadline)
        self._run.delete_all(deadline)

    def plot(self, pattern: str = "", path: str | os.PathLike[str] | None = None) -> Figure:
        """Draws the ranges of the sessions that match the pattern (as in `sessions`) in one
        picture, and marks outliers.

        A session's range is the smallest minimum and the largest maximum of
        `Session.minmax().range`. The picture leaves out sessions without an answer, and gives
        their number. With a `path` the picture is written as PNG or SVG, by the path's suffix.

        Raises ImportError without matplotlib; NotFoundError if no session matches;
        FailedPreconditionError if no session has an answer; InvalidArgumentError for another
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
        """Waits until every observation is acknowledged, that is, on the server's disk. Returns the
        totals of all observations so far.

        Raises RefusedError if observations were refused since the last flush or query;
        UnavailableError if the client gave up the server; DeadlineExceededError after `timeout`
        seconds (None: only the window's `max_attempts` limits the wait).
        """
        return self._window.flush(Deadline(timeout).left())

    @property
    def totals(self) -> Totals:
        """Number of observations so far, by outcome."""
        return self._window.totals()

    def close(self) -> None:
        """Closes the connection. Unacknowledged observations are no longer sent. A second call has
        no effect. Raises FailedPreconditionError in a forked child, and does nothing there."""
        self._connection.process.check()
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
            # In a forked child, the exception that ends the block must stay visible.
            if kind is None or self._connection.process.is_here():
                self.close()

    def __del__(self) -> None:
        # If __init__ failed, there is no window.
        window: Window | None = getattr(self, "_window", None)
        if window is None or not self._connection.process.is_here() or window.closed:
            return
        if (left := window.unacknowledged()) > 0 and not window.told:
            warnings.warn(
                f"a calipers client is deleted with {counted(left, 'observation')} not "
                "acknowledged: call flush(), or use the client in a with statement",
                RuntimeWarning,
                stacklevel=1,
                source=self,
            )
        window.close()

    def _named(self, sessions: str | Iterable[str], deadline: Deadline) -> list[str]:
        """The names of the sessions, after a flush."""
        self._settle(deadline)
        return self._run.named(sessions, deadline)

    def _settle(self, deadline: Deadline) -> None:
        """Flushes, within the timeout of the query that follows."""
        left = deadline.left()
        self.flush(self._connection.timeout if left is None else left)

    def _get(self, full_name: str) -> session_pb2.Session:
        try:
            return self._connection.call(
                GET_SESSION, calibration_pb2.GetSessionRequest(name=full_name)
            )
        except NotFoundError as error:
            raise NotFoundError(
                error.message, advice="give args to create it; args={} selects the defaults"
            ) from None


def _check_reduce_at(reduce_at: ReduceAt) -> None:
    checks.choice("reduce_at", reduce_at, dict.fromkeys(("worker", "server")))


def _check_window(window: WindowOptions | None) -> WindowOptions:
    if window is not None and not isinstance(window, WindowOptions):
        raise InvalidArgumentError(f"window is {window!r} (allowed: calipers.WindowOptions)")
    return window or WindowOptions()
