"""Finished runs: sealed runs, whose answers must not change, and deleted runs."""

from __future__ import annotations

from collections import deque

import grpc

from .crew import sealed_answers
from .report import Tally
from .service import RefusedError, Service

KEPT = 2


class Archive:
    """Keeps a few sealed runs and deletes the oldest."""

    def __init__(self, tally: Tally) -> None:
        self._tally = tally
        self._sealed: deque[tuple[str, dict[str, bytes]]] = deque()
        self._deleted: list[str] = []
        self._being_deleted: str | None = None

    def add(self, run: str, answers: dict[str, bytes]) -> None:
        self._sealed.append((run, answers))
        if len(self._sealed) > KEPT:
            self._being_deleted, _ = self._sealed.popleft()

    def delete_oldest(self, service: Service) -> None:
        """Deletes the oldest run if there are too many runs. Raises as `Service`; the caller must
        then call it again."""
        if self._being_deleted is None:
            return
        try:
            service.delete_run(self._being_deleted)
        except RefusedError as refused:
            if refused.code != grpc.StatusCode.NOT_FOUND:
                raise
        self._tally.lifecycle["delete-run"] += 1
        self._deleted.append(self._being_deleted)
        self._being_deleted = None

    def check(self, service: Service) -> list[str]:
        """Returns a description of each violation."""
        wrong = []
        for run, answers in self._sealed:
            for name, found in sealed_answers(service, list(answers)).items():
                if found != answers[name]:
                    wrong.append(f"{name}: was sealed, and its answer changed")
                self._tally.answers_verified += 1
        for run in self._deleted[-KEPT:]:
            if service.names(run):
                wrong.append(f"{run}: was deleted and is back")
        return wrong
