"""Defaults from environment variables, which the `calipers` command uses too."""

from __future__ import annotations

import os
import re
import socket

from calipers import checks
from calipers.errors import InvalidArgumentError

DEFAULT_ADDRESS = "127.0.0.1:50051"
DEFAULT_RUN = "default"

_MOST_WORKER_BYTES = 256
_HOST_PORT = re.compile(r"(?:\[[0-9A-Fa-f:.]+\]|[^\[\]:/\s]+):([0-9]{1,5})")
_LARGEST_PORT = 65535


def resolve_address(given: str | None) -> str:
    """`given`, else $CALIPERS_SERVER, else 127.0.0.1:50051.

    Raises InvalidArgumentError unless it is HOST:PORT or unix:PATH.
    """
    address = _given("address", given) or os.environ.get("CALIPERS_SERVER") or DEFAULT_ADDRESS
    if address.startswith("unix:"):
        return address
    if (parts := _HOST_PORT.fullmatch(address)) is None:
        raise InvalidArgumentError(
            f'address "{address}" is not HOST:PORT, such as {DEFAULT_ADDRESS}, nor unix:PATH'
        )
    if not 0 < int(parts[1]) <= _LARGEST_PORT:
        raise InvalidArgumentError(
            f'address "{address}" has port {parts[1]} (allowed: 1 to {_LARGEST_PORT})'
        )
    return address


def resolve_run(given: str | None) -> str:
    """`given`, else $CALIPERS_RUN, else "default"."""
    return _given("run", given) or os.environ.get("CALIPERS_RUN") or DEFAULT_RUN


def resolve_worker(given: str | None) -> str:
    """The worker's name in the coverage: `given`, else HOSTNAME-PID.

    Raises InvalidArgumentError if it has more than 256 bytes.
    """
    worker = _given("worker", given) or f"{socket.gethostname()}-{os.getpid()}"
    if (size := len(worker.encode())) > _MOST_WORKER_BYTES:
        raise InvalidArgumentError(
            f"worker has {size} bytes; at most {_MOST_WORKER_BYTES} are allowed"
        )
    return worker


def _given(field: str, given: object) -> str | None:
    return None if given is None else checks.text(field, given)
