"""Progress bars for acknowledged observations."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, Protocol, TypeAlias

from calipers import extras
from calipers.errors import InvalidArgumentError
from calipers.stream import Totals

ProgressBar: TypeAlias = Literal["tqdm", "rich"] | Callable[[Totals], None]
"""The package of a progress bar, or a function. A thread of the client calls the function with the
totals after each batch of acknowledgements. The function must not wait for the client."""


class Bar(Protocol):
    """A display of the totals."""

    def update(self, totals: Totals) -> None:
        """Shows the current totals."""
        ...

    def close(self) -> None:
        """Ends the display."""
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
    """Opens a progress bar; None gives a bar that shows nothing. Raises ImportError if the bar's
    package is not installed, InvalidArgumentError for any other value."""
    if progress is None:
        return _Listener(lambda _: None)
    if progress == "tqdm":
        return _TqdmBar()
    if progress == "rich":
        return _RichBar()
    if callable(progress):
        return _Listener(progress)
    raise InvalidArgumentError(f'progress is {progress!r} (allowed: "tqdm", "rich", a function)')
