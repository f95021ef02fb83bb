"""Fields of the protocol's requests, for one session or for many."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal, TypeAlias

from calipers import args, checks
from calipers._wire import qparams_pb2, range_pb2, session_pb2
from calipers.errors import InvalidArgumentError

FusionMode: TypeAlias = Literal["known", "declared", "none"]
Fuse: TypeAlias = Sequence[Sequence[str]] | Mapping[str, Sequence[Sequence[str]]]
"""Groups of last parts of module names; or groups for each pattern of module names."""

LARGEST_INDEX = (1 << 48) - 1
_LARGEST_COUNT = 1 << 48
_FUSE_ALLOWED = (
    'groups of last parts of module names, such as [("query", "key", "value")], or such groups by '
    'the path of the modules, such as {"*.layers.1.*": [("query", "key")]}'
)
_EXCLUDE_ALLOWED = "indices and ranges of indices, such as [3, range(8, 12)]"
_PEERS_ALLOWED = 'parts of module names, such as ["experts"]'

_MODES: dict[str, qparams_pb2.Fusion.Mode] = {
    "known": qparams_pb2.Fusion.MODE_KNOWN,
    "declared": qparams_pb2.Fusion.MODE_DECLARED,
    "none": qparams_pb2.Fusion.MODE_NONE,
}


def minmax_fields(
    observer: str | None, averaging_constant: float | None, exclude: Iterable[int | range]
) -> dict[str, Any]:
    """Fields of GetMinMaxRequest and BatchGetMinMaxRequest. Empty for the session's own fold.

    Raises InvalidArgumentError for an invalid value, and for ranges with a step other than 1.
    """
    fold = range_pb2.FoldOptions(exclude=index_ranges(exclude))
    if observer is not None:
        fold.observer = checks.text("observer", observer)
    if averaging_constant is not None:
        fold.observer_kwargs.averaging_constant = checks.real_number(
            "averaging_constant", averaging_constant, "a number in [0, 1]"
        )
    return {"fold": fold} if fold.ByteSize() else {}


def qparams_fields(
    scheme: str | None,
    given: args.Args | None,
    fusion: FusionMode,
    fuse: Fuse,
    peers_behind: str | Sequence[str],
    exclude: Iterable[int | range],
) -> dict[str, Any]:
    """Fields of GetQParamsRequest and BatchGetQParamsRequest, with one spec, or without a spec for
    the session's own args.

    Raises InvalidArgumentError if both scheme and args are given, for unknown names in args, and
    for ranges with a step other than 1.
    """
    return {
        "specs": _specs(scheme, given),
        "fusion": qparams_pb2.Fusion(
            mode=checks.choice("fusion", fusion, _MODES),
            groups=_groups(fuse),
        ),
        "fallback": qparams_pb2.Fallback(
            peers_behind=[peers_behind]
            if isinstance(peers_behind, str)
            else checks.words("peers_behind", peers_behind, _PEERS_ALLOWED)
        ),
        "exclude": index_ranges(exclude),
    }


def index_ranges(exclude: Iterable[int | range]) -> list[session_pb2.IndexRange]:
    """Converts indices and ranges of indices to the protocol's ranges.

    Raises InvalidArgumentError for any other value, and for ranges with a step other than 1.
    """
    ranges = []
    for part in checks.elements("exclude", exclude, _EXCLUDE_ALLOWED):
        indices = part if isinstance(part, range) else _one_index(part)
        if indices.step != 1:
            raise InvalidArgumentError(f"exclude has {indices}; only steps of 1 are allowed")
        if indices:
            ranges.append(session_pb2.IndexRange(start=indices.start, end=indices.stop))
    return ranges


def seal_count(count: int | None) -> int | None:
    """Checks the count of a seal. None: the session's largest index plus one. Raises as
    `record_count`."""
    return None if count is None else record_count(count)


def record_count(count: int) -> int:
    """Checks a number of records. Raises InvalidArgumentError unless it is an int of at least 0."""
    return checks.whole_number("count", count, 0, _LARGEST_COUNT)


def _one_index(given: int) -> range:
    index = checks.whole_number("an index in exclude", given, 0, LARGEST_INDEX)
    return range(index, index + 1)


def _groups(fuse: Fuse) -> list[qparams_pb2.Fusion.Group]:
    if isinstance(fuse, Mapping):
        return [
            qparams_pb2.Fusion.Group(names=names, path_glob=_path(path))
            for path, groups in fuse.items()
            for names in _names(groups)
        ]
    return [qparams_pb2.Fusion.Group(names=names) for names in _names(fuse)]


def _names(groups: Sequence[Sequence[str]]) -> list[Sequence[str]]:
    return [
        checks.words("a group in fuse", group, _FUSE_ALLOWED)
        for group in checks.elements("fuse", groups, _FUSE_ALLOWED)
    ]


def _path(path: str) -> str:
    if isinstance(path, str):
        return path
    raise InvalidArgumentError(f"fuse has the key {path!r}; {_FUSE_ALLOWED} are allowed")


def _specs(scheme: str | None, given: args.Args | None) -> list[qparams_pb2.QParamsSpec]:
    if scheme is not None and given is not None:
        raise InvalidArgumentError("scheme and args are both given; give only one of them")
    if scheme is not None:
        if not isinstance(scheme, str):
            raise InvalidArgumentError(
                f'scheme is {scheme!r} (allowed: a preset\'s name such as "NVFP4"; or give args)'
            )
        return [qparams_pb2.QParamsSpec(scheme=scheme)]
    if given is not None:
        return [qparams_pb2.QParamsSpec(args_json=args.to_json(given))]
    return []
