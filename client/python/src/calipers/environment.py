"""What is taken from the environment where a caller does not say: the names are those of the
`calipers` command."""

from __future__ import annotations

import os
import re
import socket

from calipers.errors import InvalidArgumentError

DEFAULT_ADDRESS = "127.0.0.1:50051"
DEFAULT_RUN = "default"

_MOST_WORKER_BYTES = 256
_HOST_PORT = re.compile(r"(?:\[[0-9A-Fa-f:.]+\]|[^\[\]:/\s]+):[0-9]{1,5}")


def resolve_address(given: str | None) -> str:
    """`given`, else $CALIPERS_SERVER, else 127.0.0.1:50051. HOST:PORT, or unix:PATH.

    Raises InvalidArgumentError if it has another form.
    """
    address = given or os.environ.get("CALIPERS_SERVER") or DEFAULT_ADDRESS
    if address.startswith("unix:") or _HOST_PORT.fullmatch(address):
        return address
    raise InvalidArgumentError(
        f'address "{address}" is not HOST:PORT, such as {DEFAULT_ADDRESS}, nor unix:PATH'
    )


def resolve_run(given: str | None) -> str:
    """`given`, else $CALIPERS_RUN, else "default"."""
    return given or os.environ.get("CALIPERS_RUN") or DEFAULT_RUN


def resolve_worker(given: str | None) -> str:
    """`given`, else HOSTNAME-PID: who the coverage says observed.

    Raises InvalidArgumentError if it has more than 256 bytes.
    """
    worker = given or f"{socket.gethostname()}-{os.getpid()}"
    if (size := len(worker.encode())) > _MOST_WORKER_BYTES:
        raise InvalidArgumentError(
            f"worker has {size} bytes; at most {_MOST_WORKER_BYTES} are allowed"
        )
    return worker
