"""Packages that only a part of this one needs."""

from __future__ import annotations

import importlib

_EXTRAS = {
    "llmcompressor": "llmcompressor",
    "matplotlib": "plot",
    "pandas": "pandas",
    "rich": "progress",
    "torch": "torch",
    "tqdm": "progress",
}


def require(package: str, purpose: str) -> None:
    """Raises ImportError, saying what to install, if the package is not there; `purpose` is what
    needs it."""
    try:
        importlib.import_module(package)
    except ModuleNotFoundError as error:
        # One that is there and lacks another tells its own story.
        if error.name != package:
            raise
        raise ImportError(
            f"{purpose} needs {package}, which is not installed: pip install {package} "
            f"(or calipers with its extra, calipers[{_EXTRAS[package]}])",
            name=package,
        ) from None
