"""What the workers of references.py have in common: jobs in, answers out."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable
from importlib.metadata import version
from multiprocessing.connection import Connection
from typing import Any

import torch


def answer_jobs(packages: tuple[str, ...], run: Callable[[dict], Any]) -> None:
    """Says the packages' versions, then answers what comes over the socket whose number is
    the first argument, until its other end is closed."""
    torch.set_num_threads(1)
    connection = Connection(int(sys.argv[1]))
    connection.send({name: version(name) for name in packages})
    while True:
        try:
            job = connection.recv()
        except EOFError:
            return
        try:
            connection.send(("answers", run(job)))
        except Exception:  # The other side reports it with the job.
            connection.send(("error", traceback.format_exc()))
