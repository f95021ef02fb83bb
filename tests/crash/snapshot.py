"""Everything that a server says of its sessions, and what differs between two of them."""

from __future__ import annotations

from dataclasses import dataclass

import grpc

from .service import RefusedError, Service


@dataclass(frozen=True)
class Said:
    """Of one session: answers as bytes, or that the data are lost."""

    session: bytes
    records: tuple[bytes, ...]
    answer: bytes
    # Each names a part that the server refuses, and says why.
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
    """Raises what Service does, but not for lost data that the server speaks of."""
    return {name: _said(service, name) for name in service.names()}


def differences(found: Snapshot, right: Snapshot) -> list[str]:
    """Wrong answers: what is neither right nor refused."""
    if found.keys() != right.keys():
        others = sorted(found.keys() ^ right.keys())
        return [f"{len(others)} sessions are gone or new: {others[:3]}"]
    return [
        f"{name}: {said}"
        for name, here in found.items()
        if (said := _differs(here, right[name]))
    ]


def _differs(found: Said, right: Said) -> str:
    """In words; nothing if every answer is right or refused."""
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
