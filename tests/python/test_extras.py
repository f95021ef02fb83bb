"""Errors for missing optional packages."""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib import import_module
from typing import Any

import pytest

import calipers
from calipers import extras
from calipers.progress import open_bar
from server_process import TOP


@pytest.fixture
def lacking(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Returns a function that hides a package, and removes the modules that imported it."""

    def remove(package: str) -> None:
        own = f"calipers.{package}"
        for name in list(sys.modules):
            if name == own or name.startswith(f"{own}."):
                monkeypatch.delitem(sys.modules, name)
        monkeypatch.setitem(sys.modules, package, None)

    return remove


@pytest.mark.parametrize(
    ("package", "extra", "use"),
    [
        ("pandas", "pandas", lambda: calipers.SessionTable([]).to_pandas()),
        ("tqdm", "progress", lambda: open_bar("tqdm")),
        ("rich", "progress", lambda: open_bar("rich")),
        ("torch", "torch", lambda: calipers.Tensor("I8", (1,), b"a").torch()),
        ("torch", "torch", lambda: import_module("calipers.torch")),
        ("llmcompressor", "llmcompressor", lambda: import_module("calipers.llmcompressor")),
    ],
)
def test_the_error_names_the_extra(lacking, package: str, extra: str, use: Callable[[], Any]):
    lacking(package)
    with pytest.raises(ImportError) as error:
        use()
    assert f" needs {package}, which is not installed: pip install {package} " in str(error.value)
    assert f"calipers[{extra}]" in str(error.value)
    assert error.value.name == package


def test_a_broken_package_keeps_its_own_import_error(tmp_path, monkeypatch):
    (tmp_path / "half_there.py").write_text("import not_there_at_all")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ModuleNotFoundError, match=r"^No module named 'not_there_at_all'$"):
        extras.require("half_there", "a test")


def test_the_extras_are_those_of_the_package():
    project = (TOP / "client" / "python" / "pyproject.toml").read_text()
    for package, extra in extras._EXTRAS.items():
        (line,) = [line for line in project.splitlines() if line.startswith(f"{extra} = [")]
        assert f'"{package}>=' in line
