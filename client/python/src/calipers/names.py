"""Names of runs and sessions in the protocol."""

from __future__ import annotations

import re

from calipers import checks
from calipers.errors import InvalidArgumentError

BASE_NAMES = ("weight", "input", "output", "q", "k", "v")

_RUN = re.compile(r"[A-Za-z0-9._-]{1,128}")
_MODULE = re.compile(r"[A-Za-z0-9_.:/-]{1,512}")


def run_name(run: str) -> str:
    """runs/{run}. Raises InvalidArgumentError for a malformed run name."""
    if not _RUN.fullmatch(checks.text("run", run)) or run == "-":
        raise InvalidArgumentError(
            f'run "{run}" is not 1 to 128 characters of [A-Za-z0-9._-], other than "-"'
        )
    return f"runs/{run}"


def session_name(run: str, session_id: str) -> str:
    """runs/{run}/sessions/{module}/{base_name}, from {module}/{base_name}.

    Raises InvalidArgumentError for a malformed name.
    """
    module, _, base_name = checks.text("session", session_id).rpartition("/")
    if not _MODULE.fullmatch(module) or base_name not in BASE_NAMES:
        raise InvalidArgumentError(
            f'session "{session_id}" is not {{module}}/{{base_name}} with {{module}} of 1 to 512 '
            f"characters of [A-Za-z0-9_.:/-] and {{base_name}} one of {', '.join(BASE_NAMES)}"
        )
    return f"{run_name(run)}/sessions/{session_id}"


def session_id(full_name: str) -> str:
    """{module}/{base_name} of a full name."""
    return full_name.partition("/sessions/")[2]


def base_name(session_id: str) -> str:
    """The last part of a session's name: the value of the module that it observes."""
    return session_id.rpartition("/")[2]
