"""Runs the examples of docs/python.md."""

from __future__ import annotations

import doctest

from server_process import TOP


def test_the_examples_are_true(server, monkeypatch):
    monkeypatch.setenv("CALIPERS_SERVER", server.address)
    failed, tried = doctest.testfile(
        str(TOP / "docs" / "python.md"), module_relative=False, optionflags=doctest.ELLIPSIS
    )
    assert (failed, tried > 10) == (0, True)
