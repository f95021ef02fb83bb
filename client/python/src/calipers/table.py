"""The sessions of a run as a table."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, overload

from calipers import extras
from calipers._wire import session_pb2
from calipers.args import strategy_name
from calipers.names import session_id

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class SessionRow:
    """One session: its spec and its progress."""

    session: str
    """{module}/{base_name}"""
    strategy: str
    """The strategy's name, such as "tensor"."""
    observer: str
    """The observer's name, such as "minmax"."""
    dtype: str
    """The observed dtype's safetensors name; "" before the first non-empty record."""
    shape: tuple[int, ...] | None
    """The qparam shape; None before the first non-empty record."""
    count: int
    """Records present."""
    missing: int
    """Indices absent below the largest one present."""
    sealed: int | None
    """The number of records at which the session is sealed; None if it is not sealed."""


class SessionTable(Sequence[SessionRow]):
    """Rows sorted by session name. repr() and print() show a text table."""

    def __init__(self, rows: Iterable[SessionRow]) -> None:
        self._rows = tuple(rows)

    def __len__(self) -> int:
        return len(self._rows)

    @overload
    def __getitem__(self, at: int) -> SessionRow: ...
    @overload
    def __getitem__(self, at: slice) -> SessionTable: ...
    def __getitem__(self, at: int | slice) -> SessionRow | SessionTable:
        return SessionTable(self._rows[at]) if isinstance(at, slice) else self._rows[at]

    def to_pandas(self) -> pd.DataFrame:
        """The table as a DataFrame, with the session as its index. Raises ImportError without
        pandas."""
        extras.require("pandas", "to_pandas")
        import pandas as pd

        rows = [dataclasses.asdict(row) for row in self._rows]
        frame: pd.DataFrame = pd.DataFrame(rows, columns=_COLUMNS).set_index("session")
        return frame

    def __repr__(self) -> str:
        lines = [_COLUMNS, *([_text(cell) for cell in _cells(row)] for row in self._rows)]
        widths = [max(len(line[column]) for line in lines) for column in range(len(_COLUMNS))]
        return "\n".join(
            "  ".join(
                cell.rjust(width) if name in _NUMBERS else cell.ljust(width)
                for name, cell, width in zip(_COLUMNS, line, widths, strict=True)
            ).rstrip()
            for line in lines
        )


_COLUMNS = [field.name for field in dataclasses.fields(SessionRow)]
_NUMBERS = ("count", "missing", "sealed")


def _cells(row: SessionRow) -> tuple[Any, ...]:
    return tuple(getattr(row, name) for name in _COLUMNS)


def _text(cell: Any) -> str:
    if cell is None or cell == "":
        return "-"
    return str(list(cell)) if isinstance(cell, tuple) else str(cell)


def row_from(session: session_pb2.Session) -> SessionRow:
    """The row of a session, from the server's listing."""
    return SessionRow(
        session=session_id(session.name),
        strategy=strategy_name(session.args.strategy),
        observer=session.args.observer,
        dtype=session.observed_dtype,
        shape=tuple(session.qparam_shape) if session.observed_dtype else None,
        count=session.progress.count,
        missing=session.progress.end_index - session.progress.count,
        sealed=session.sealed_count if session.HasField("sealed_count") else None,
    )
