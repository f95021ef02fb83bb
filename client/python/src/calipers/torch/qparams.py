"""Quantization parameters under the names of compressed-tensors."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

import torch

from calipers.answers import QParams
from calipers.client import Client
from calipers.errors import FailedPreconditionError, InvalidArgumentError
from calipers.names import base_name
from calipers.pages import Answers, joint_error
from calipers.questions import Fuse, FusionMode
from calipers.torch.scheme import Scheme, Wanted, resolve_scheme

_HINT = (
    ". All observations are stored, so the model need not run again: for modules without data, "
    "such as experts without tokens, calipers.torch.load_qparams(client, scheme, "
    'peers_behind=["experts"]) uses the ranges of their peers'
)
_PARTS = ("scale", "zero_point", "global_scale")


class QParamsMapping(Mapping[str, torch.Tensor]):
    """Quantization parameters as a mapping of names to tensors on the CPU.

    The names are those of compressed-tensors: MODULE.weight_scale, MODULE.input_zero_point,
    MODULE.weight_global_scale and so on. Dtypes and shapes are those of the module, so that
    model.load_state_dict(qparams, strict=False) accepts the mapping."""

    def __init__(self, answers: Iterable[QParams], total: int | None = None) -> None:
        self.answers = {answer.session: answer for answer in answers}
        """The answers by session, with args, notes and progress."""
        self.total = total
        """Number of batches that all ranks observed; None if no activation was observed."""
        self._tensors = dict(_tensors(self.answers.values()))

    def __getitem__(self, name: str) -> torch.Tensor:
        return self._tensors[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._tensors)

    def __len__(self) -> int:
        return len(self._tensors)

    def __repr__(self) -> str:
        return f"QParamsMapping({len(self)} tensors of {len(self.answers)} sessions)"


def load_qparams(
    client: Client,
    scheme: Scheme,
    pattern: str = "",
    *,
    fusion: FusionMode = "known",
    fuse: Fuse = (),
    peers_behind: str | Sequence[str] = (),
) -> QParamsMapping:
    """The quantization parameters of a finished calibration, for any scheme for which its records
    are fine enough.

    `pattern` selects sessions as in `Client.sessions`. The other arguments are as in
    `Session.qparams`.

    Raises FailedPreconditionError, with the first reason and the names of the other sessions, if
    sessions have no answer.
    """
    check_client(client)
    wanted = resolve_scheme(scheme)
    sessions = [row.session for row in client.sessions(pattern)]
    return ask(client, sessions, wanted, fusion=fusion, fuse=fuse, peers_behind=peers_behind)


def ask(
    client: Client,
    sessions: Iterable[str],
    wanted: Wanted,
    *,
    fusion: FusionMode,
    fuse: Fuse,
    peers_behind: str | Sequence[str],
    total: int | None = None,
) -> QParamsMapping:
    """The qparams of the given sessions. Raises as `load_qparams`."""
    behind = (peers_behind,) if isinstance(peers_behind, str) else tuple(peers_behind)
    having = [session for session in sessions if wanted.has_answer(base_name(session))]
    found: dict[str, Answers[QParams]] = {}
    # One query for each base name, because a scheme has separate args for each.
    for base in dict.fromkeys(map(base_name, having)):
        found[base] = client.qparams(
            [session for session in having if base_name(session) == base],
            wanted.preset,
            args=wanted.asked_args(base),
            fusion=fusion,
            fuse=fuse,
            peers_behind=behind,
        )
    _check_all_have(having, found, behind)
    return QParamsMapping((found[base_name(session)][session] for session in having), total)


def check_client(client: object) -> None:
    """Raises InvalidArgumentError unless `client` is a client made by `calipers.connect`."""
    if not isinstance(client, Client):
        raise InvalidArgumentError(
            f"client is {shown(client)}; a client from calipers.connect is allowed"
        )


def shown(given: object) -> str:
    """Describes a value in an error message: a str by its text, any other value by its type."""
    return repr(given) if isinstance(given, str) else f"a {type(given).__qualname__}"


def _check_all_have(
    sessions: Iterable[str], found: Mapping[str, Answers[QParams]], behind: Sequence[str]
) -> None:
    errors = {
        session: error
        for session in sessions
        if (error := found[base_name(session)].errors.get(session)) is not None
    }
    for error in errors.values():
        if not isinstance(error, FailedPreconditionError):
            raise error
    if errors:
        error = joint_error(errors, "has no answer", "nor have")
        hint = "" if behind else _HINT
        raise FailedPreconditionError(f"{error.message}{hint}")


def _tensors(answers: Iterable[QParams]) -> Iterator[tuple[str, torch.Tensor]]:
    for answer in answers:
        module, _, base = answer.session.rpartition("/")
        for part in _PARTS:
            if (tensor := getattr(answer, part)) is not None:
                yield f"{module}.{base}_{part}", tensor.torch()
