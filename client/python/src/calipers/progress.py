"""Progress bars: how many of the observations made are acknowledged."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, Protocol, TypeAlias

from calipers import extras
from calipers.errors import InvalidArgumentError
from calipers.stream import Totals

ProgressBar: TypeAlias = Literal["tqdm", "rich"] | Callable[[Totals], None]
"""A bar by the name of its package, or a function that is called with the totals, from a thread
of the client's, whenever acknowledgements came; it must not wait for the client."""


class Bar(Protocol):
    """What is told of every change."""

    def update(self, totals: Totals) -> None:
        """Shows how far it is."""
        ...

    def close(self) -> None:
        """Shows no more."""
        ...


class _TqdmBar:
    def __init__(self) -> None:
        extras.require("tqdm", 'progress="tqdm"')
        from tqdm.auto import tqdm

        self._bar = tqdm(desc="calipers", unit="obs", total=0)

    def update(self, totals: Totals) -> None:
        self._bar.total = totals.observed
        self._bar.n = totals.acknowledged
        self._bar.refresh()

    def close(self) -> None:
        self._bar.close()


class _RichBar:
    def __init__(self) -> None:
        extras.require("rich", 'progress="rich"')
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeElapsedColumn

        self._bar = Progress("calipers", BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        self._task = self._bar.add_task("calipers", total=None)
        self._bar.start()

    def update(self, totals: Totals) -> None:
        self._bar.update(self._task, total=totals.observed, completed=totals.acknowledged)

    def close(self) -> None:
        self._bar.stop()


class _Listener:
    def __init__(self, listener: Callable[[Totals], None]) -> None:
        self._listener = listener

    def update(self, totals: Totals) -> None:
        self._listener(totals)

    def close(self) -> None:
        pass


def open_bar(progress: ProgressBar | None) -> Bar:
    """The bar asked for; one that shows nothing for None. Raises ImportError if its package is
    not installed, InvalidArgumentError if it is neither."""
    if progress is None:
        return _Listener(lambda _: None)
    if progress == "tqdm":
        return _TqdmBar()
    if progress == "rich":
        return _RichBar()
    if callable(progress):
        return _Listener(progress)
    raise InvalidArgumentError(f'progress is {progress!r} (allowed: "tqdm", "rich", a function)')
