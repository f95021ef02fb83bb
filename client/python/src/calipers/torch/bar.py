"""Progress bars over the batches of a process."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from calipers.progress import Bar, ProgressBar, open_bar
from calipers.stream import Totals


class BatchBar(Protocol):
    """A display that is updated after every batch."""

    def update(self, done: int, totals: Totals) -> None:
        """Shows the number of finished batches, `done`, and the totals of the observations."""
        ...

    def close(self) -> None:
        """Ends the display."""
        ...


class _TqdmBar:
    def __init__(self, count: int | None) -> None:
        from tqdm.auto import tqdm

        self._bar = tqdm(desc="calipers", unit="batch", total=count)

    def update(self, done: int, totals: Totals) -> None:
        self._bar.set_postfix_str(_acknowledged(totals), refresh=False)
        # With update() tqdm estimates the remaining time from recent batches; setting `n` would
        # bypass that.
        if not self._bar.update(done - self._bar.n):
            self._bar.refresh()

    def close(self) -> None:
        self._bar.close()


class _RichBar:
    def __init__(self, count: int | None) -> None:
        from rich import progress

        # Without a known number of batches there is no bar to fill.
        columns = (
            [progress.TextColumn("{task.completed} batches"), progress.TimeElapsedColumn()]
            if count is None
            else [
                progress.BarColumn(),
                progress.MofNCompleteColumn(),
                progress.TextColumn("batches"),
                progress.TimeRemainingColumn(),
            ]
        )
        acknowledged = progress.TextColumn("{task.fields[acknowledged]}")
        self._bar = progress.Progress("calipers", *columns, acknowledged)
        self._task = self._bar.add_task("calipers", total=count, acknowledged="")
        self._bar.start()

    def update(self, done: int, totals: Totals) -> None:
        self._bar.update(self._task, completed=done, acknowledged=_acknowledged(totals))

    def close(self) -> None:
        self._bar.stop()


class _Listener:
    def __init__(self, bar: Bar) -> None:
        self._bar = bar

    def update(self, _: int, totals: Totals) -> None:
        self._bar.update(totals)

    def close(self) -> None:
        self._bar.close()


_BARS: dict[str, Callable[[int | None], BatchBar]] = {"tqdm": _TqdmBar, "rich": _RichBar}


def open_batch_bar(progress: ProgressBar | None, count: int | None) -> BatchBar:
    """Opens a bar for `count` batches (None: unknown). If `progress` is a function, it is called
    with the totals after each batch. Raises as `open_bar`."""
    if isinstance(progress, str) and progress in _BARS:
        return _BARS[progress](count)
    return _Listener(open_bar(progress))


def _acknowledged(totals: Totals) -> str:
    return f"{totals.acknowledged} of {totals.observed} observations acknowledged"
