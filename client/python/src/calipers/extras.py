"""Optional dependencies."""

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
    """Raises ImportError with the command that installs the package, if it is not installed.
    `purpose` names the feature that needs the package."""
    try:
        importlib.import_module(package)
    except ModuleNotFoundError as error:
        # The package is installed and fails to import another module: that error is clearer.
        if error.name != package:
            raise
        raise ImportError(
            f"{purpose} needs {package}, which is not installed: pip install {package} "
            f"(or calipers with its extra, calipers[{_EXTRAS[package]}])",
            name=package,
        ) from None
