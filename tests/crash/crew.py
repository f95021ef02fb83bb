"""The workers of one run, their combined knowledge, and the check of the server against it."""

from __future__ import annotations

import random
from pathlib import Path

import grpc

from .logs import Book, Log
from .oracle import Known, SeriesOracle
from .process import WorkerProcess
from .report import Tally
from .service import RefusedError, Service
from .wire import Outcome, session_pb2
from .worker import PAUSE, Assignment
from .workload import KINDS, Round

# Number of sessions in a quick check.
GLANCE = 3
# Indices by session number.
Acknowledged = dict[int, set[int]]


class Crew:
    """Workers that stream while servers are killed and started."""

    def __init__(self, folder: Path, run: str, seed: int, port_file: Path, tally: Tally) -> None:
        self._folder = folder / run.replace("/", "-")
        self._folder.mkdir(parents=True)
        self._port_file = port_file
        self._tally = tally
        self.round = Round(run, seed)
        self.book = Book(self._folder)
        self.oracles = [SeriesOracle(series) for series in self.round.series()]
        self.workers: list[WorkerProcess] = []
        self._over = False

    def create_sessions(self, service: Service) -> None:
        for kind in KINDS:
            service.create(self.round.run, kind)

    def hire(self, name: str, share: int, pause: float = PAUSE) -> WorkerProcess:
        """Starts another worker for a share; several workers can have the same share."""
        assignment = Assignment(name, self.round, share, self._folder, self._port_file, pause)
        self.workers.append(WorkerProcess(assignment))
        return self.workers[-1]

    def hire_all(self) -> None:
        """Starts a worker for each share."""
        for share in range(self.round.shares):
            self.hire(f"worker-{share}", share)

    def glance(self, service: Service, rng: random.Random) -> list[str]:
        """Checks some sessions while workers continue. Returns a description of each violation."""
        return self._check(service, rng.sample(self.oracles, GLANCE))

    def acknowledged(self) -> Acknowledged:
        """The records that are acknowledged so far."""
        self.book.read_acknowledgements()
        return {number: set(self.book.acknowledged[number]) for number in range(len(KINDS))}

    def drain(self) -> list[str]:
        """Waits until everything that was sent is acknowledged. A worker that does not succeed is
        replaced once by a new process, which continues from its logs."""
        stuck = _undrained(self.workers)
        for worker in stuck:
            worker.kill()
            worker.restart()
            self._tally.replaced += 1
        stuck = [worker.assignment.name for worker in _undrained(stuck)]
        if not stuck:
            return []
        said = "; ".join(self.book.rejections()) or "nothing"
        return [f"{self.round.run}: {stuck} could not get through; the service said {said}"]

    def look_closely(self, service: Service) -> list[str]:
        """Checks all sessions. Workers must not be sending."""
        self.book.read_acknowledgements()
        self.book.read_sent()
        wrong = []
        for number, oracle in enumerate(self.oracles):
            left = self.book.sent[number] - self.book.acknowledged[number]
            if left:
                wrong.append(f"{oracle.series.name}: {len(left)} were sent and forgotten")
        return wrong + self._check(service, self.oracles)

    def look_at_copy(self, service: Service, acknowledged: Acknowledged) -> list[str]:
        """Checks all sessions of a server whose data are from the time when these records were
        acknowledged."""
        return self._hold_against(service, acknowledged, self.oracles)

    def _check(self, service: Service, oracles: list[SeriesOracle]) -> list[str]:
        acknowledged = self.acknowledged()
        return self.book.violations + self._hold_against(service, acknowledged, oracles)

    def _hold_against(
        self, service: Service, acknowledged: Acknowledged, oracles: list[SeriesOracle]
    ) -> list[str]:
        wrong = []
        for oracle in oracles:
            number = self.oracles.index(oracle)
            wrong += self._check_one(service, number, acknowledged[number])
        self._tally.verifications += 1
        return wrong

    def _check_one(self, service: Service, number: int, acknowledged: set[int]) -> list[str]:
        oracle = self.oracles[number]
        name = oracle.series.name
        session = service.get(name)
        if session.HasField("problem"):
            raise RefusedError(grpc.StatusCode.DATA_LOSS, f"{name}: {session.problem.message}")
        records = service.read(name)
        self.book.read_sent()
        wrong = oracle.check_series(records, Known(acknowledged, self.book.sent[number]))
        self._tally.records_verified += len(records)
        if wrong or not acknowledged:
            return wrong
        answer = service.answer(name)
        self.book.read_sent()
        self._tally.answers_verified += 1
        return oracle.check_answer(answer, Known(acknowledged, self.book.sent[number]))

    def fill_gaps(self, service: Service) -> list[str]:
        """Sends the missing records between the indices of a session, which would prevent its seal,
        and a first record to a session without records. Workers stop at different turns, so gaps
        are normal."""
        filler = self._folder / "filler"
        sent, acknowledged = Log(filler.with_suffix(".sent")), Log(filler.with_suffix(".acks"))
        wrong = []
        for number, oracle in enumerate(self.oracles):
            # A session names a limited number of gaps, so they are filled in several steps.
            while not wrong and (missing := _missing(service, oracle.series.name)):
                wrong += _is_refused(service, oracle.series.name, missing[-1] + 1)
                sent.add([(number, 0, index) for index in missing])
                acks = service.observe(oracle.series, missing)
                acknowledged.add([(number, ack.outcome, ack.index) for ack in acks])
                if any(ack.outcome != Outcome.OUTCOME_STORED for ack in acks):
                    wrong.append(f"{oracle.series.name}: a missing record was not stored")
        return wrong

    def seal(self, service: Service) -> dict[str, bytes]:
        """Seals every session, and returns the answers, which must never change again."""
        for oracle in self.oracles:
            service.seal(oracle.series.name, service.get(oracle.series.name).progress.end_index)
        return sealed_answers(service, [oracle.series.name for oracle in self.oracles])

    def end(self) -> None:
        """Kills the workers and adds their counts to the tally, once."""
        if self._over:
            return
        self._over = True
        for worker in self.workers:
            worker.kill()
        self.book.read_acknowledgements()
        self._tally.acknowledged += sum(map(len, self.book.acknowledged.values()))
        self._tally.duplicates += self.book.duplicates
        self._tally.silences += self.book.silences()


def _undrained(workers: list[WorkerProcess]) -> list[WorkerProcess]:
    for worker in workers:
        worker.ask_to_drain()
    return [worker for worker in workers if not worker.wait_until_drained()]


def _missing(service: Service, name: str) -> list[int]:
    progress = service.get(name).progress
    if progress.end_index == 0:
        return [0]
    return [at for gap in progress.missing for at in range(gap.start, gap.end)]


def _is_refused(service: Service, name: str, count: int) -> list[str]:
    try:
        service.seal(name, count)
    except RefusedError as refused:
        if refused.code == grpc.StatusCode.FAILED_PRECONDITION:
            return []
        raise
    return [f"{name}: was sealed though records are missing"]


def sealed_answers(service: Service, names: list[str]) -> dict[str, bytes]:
    """All answers by session, without the number of refused observations."""
    answers = {}
    for name in names:
        found = service.min_max(name)
        found.progress.conflict_count = 0
        sealed = session_pb2.Session(name=name, sealed_count=service.get(name).sealed_count)
        answers[name] = found.SerializeToString(deterministic=True) + sealed.SerializeToString()
    return answers
