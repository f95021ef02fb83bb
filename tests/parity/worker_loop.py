"""The loop of the workers that references.py starts: reads jobs and writes answers."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable
from importlib.metadata import version
from multiprocessing.connection import Connection
from typing import Any

import torch


def answer_jobs(packages: tuple[str, ...], run: Callable[[dict], Any]) -> None:
    """Writes the packages' versions to the socket, then answers its jobs until the other end is
    closed. The first argument is the socket's file descriptor."""
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
        except Exception:  # The other side reports the error together with the job.
            connection.send(("error", traceback.format_exc()))
