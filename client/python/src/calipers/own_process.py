"""Objects that only the process that made them can use."""

from __future__ import annotations

import os
from typing import NoReturn

from calipers.errors import FailedPreconditionError


class OwnProcess:
    """The process that made a client. After a fork, the client's threads do not exist in the child,
    and its locks may be held for ever, so every call of the child must fail before it takes one."""

    def __init__(self) -> None:
        self._pid = os.getpid()

    def is_here(self) -> bool:
        """False in a child process."""
        return os.getpid() == self._pid

    def check(self) -> None:
        """Raises FailedPreconditionError in a child process."""
        if not self.is_here():
            raise FailedPreconditionError(
                f"this client belongs to process {self._pid}, and this is process {os.getpid()}, "
                "forked from it: call calipers.connect in the child process"
            )


class NotPickled:
    """A class whose objects cannot be sent to another process."""

    def __reduce__(self) -> NoReturn:
        """Raises TypeError, which says what to do instead."""
        raise TypeError(
            f"a calipers {type(self).__name__} cannot be pickled, because it holds a connection: "
            "call calipers.connect in the other process, for instance in the worker_init_fn of a "
            "DataLoader"
        )
