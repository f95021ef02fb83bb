"""Snapshots of all answers of a server, and the comparison of two snapshots."""

from __future__ import annotations

from dataclasses import dataclass

import grpc

from .service import RefusedError, Service


@dataclass(frozen=True)
class Said:
    """The answers of one session as bytes, or the error that its data are lost."""

    session: bytes
    records: tuple[bytes, ...]
    answer: bytes
    # The parts that the server refuses, with its messages.
    problems: tuple[str, ...] = ()


Snapshot = dict[str, Said]


def _lost(refused: RefusedError) -> str:
    if refused.code != grpc.StatusCode.DATA_LOSS or not str(refused):
        raise refused
    return str(refused)


def _said(service: Service, name: str) -> Said:
    problems = []
    session = service.get(name)
    if session.HasField("problem"):
        problems.append(session.problem.message)
    records: list = []
    try:
        service.read_into(name, records)
    except RefusedError as refused:
        problems.append(_lost(refused))
    answer = b""
    try:
        answer = service.min_max(name).SerializeToString(deterministic=True)
    except RefusedError as refused:
        if refused.code != grpc.StatusCode.FAILED_PRECONDITION:
            problems.append(_lost(refused))
    return Said(
        session.SerializeToString(deterministic=True),
        tuple(record.SerializeToString(deterministic=True) for record in records),
        answer,
        tuple(problems),
    )


def take(service: Service) -> Snapshot:
    """Takes a snapshot. Raises as `Service`, except for data that the server reports as lost."""
    return {name: _said(service, name) for name in service.names()}


def differences(found: Snapshot, right: Snapshot) -> list[str]:
    """The wrong answers: answers that are neither correct nor refused."""
    if found.keys() != right.keys():
        others = sorted(found.keys() ^ right.keys())
        return [f"{len(others)} sessions are gone or new: {others[:3]}"]
    return [
        f"{name}: {said}"
        for name, here in found.items()
        if (said := _differs(here, right[name]))
    ]


def _differs(found: Said, right: Said) -> str:
    """A description of the difference; empty if every answer is correct or refused."""
    count = len(found.records)
    if found.records != right.records[:count]:
        return f"its records differ from those that were there ({count} of {len(right.records)})"
    if found.problems:
        return "" if found.answer in (b"", right.answer) else "its answer is another"
    if count != len(right.records):
        return f"{len(right.records) - count} records are missing"
    if found.answer != right.answer:
        return "its answer is another"
    return "" if found.session == right.session else "what it is differs"
