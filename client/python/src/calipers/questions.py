"""What a session is asked, as the protocol has it: by itself, or as one of many."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Literal, TypeAlias

from calipers import args
from calipers._wire import qparams_pb2, range_pb2, session_pb2
from calipers.errors import InvalidArgumentError

FusionMode: TypeAlias = Literal["known", "declared", "none"]

_MODES: dict[str, qparams_pb2.Fusion.Mode] = {
    "known": qparams_pb2.Fusion.MODE_KNOWN,
    "declared": qparams_pb2.Fusion.MODE_DECLARED,
    "none": qparams_pb2.Fusion.MODE_NONE,
}


def minmax_fields(
    observer: str | None, averaging_constant: float | None, exclude: Iterable[int | range]
) -> dict[str, Any]:
    """Of a GetMinMaxRequest and a BatchGetMinMaxRequest; none for the session's own fold.

    Raises InvalidArgumentError for ranges that have other steps than 1.
    """
    fold = range_pb2.FoldOptions(exclude=index_ranges(exclude))
    if observer is not None:
        fold.observer = observer
    if averaging_constant is not None:
        fold.observer_kwargs.averaging_constant = averaging_constant
    return {"fold": fold} if fold.ByteSize() else {}


def qparams_fields(
    scheme: str | None,
    given: args.Args | None,
    fusion: FusionMode,
    fuse: Sequence[Sequence[str]],
    peers_behind: Sequence[str],
    exclude: Iterable[int | range],
) -> dict[str, Any]:
    """Of a GetQParamsRequest and a BatchGetQParamsRequest, with one spec or, for the session's
    own args, none.

    Raises InvalidArgumentError for a scheme and args, args with names that are none, and ranges
    that have other steps than 1.
    """
    return {
        "specs": _specs(scheme, given),
        "fusion": qparams_pb2.Fusion(
            mode=_MODES[fusion],
            groups=[qparams_pb2.Fusion.Group(names=group) for group in fuse],
        ),
        "fallback": qparams_pb2.Fallback(peers_behind=peers_behind),
        "exclude": index_ranges(exclude),
    }


def index_ranges(exclude: Iterable[int | range]) -> list[session_pb2.IndexRange]:
    """Indices and ranges of them as the protocol's ranges.

    Raises InvalidArgumentError for ranges that have other steps than 1.
    """
    ranges = []
    for part in exclude:
        indices = part if isinstance(part, range) else range(part, part + 1)
        if indices.step != 1:
            raise InvalidArgumentError(f"exclude has {indices}; only steps of 1 are allowed")
        if indices:
            ranges.append(session_pb2.IndexRange(start=indices.start, end=indices.stop))
    return ranges


def _specs(scheme: str | None, given: args.Args | None) -> list[qparams_pb2.QParamsSpec]:
    if scheme is not None and given is not None:
        raise InvalidArgumentError("scheme and args are both given; one says it all")
    if scheme is not None:
        return [qparams_pb2.QParamsSpec(scheme=scheme)]
    if given is not None:
        return [qparams_pb2.QParamsSpec(args_json=args.to_json(given))]
    return []
