"""Runs calibrate.ipynb from its first cell to its last, as Jupyter's "Run all" does.

    calipers-server --store memory &
    python run_notebook.py

Raises the error of a failed cell. --write saves the outputs of the cells in the file.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import nbformat
from nbclient import NotebookClient

FOLDER = Path(__file__).resolve().parent
NOTEBOOK = FOLDER / "calibrate.ipynb"
CELL_SECONDS = 120


def main() -> None:
    """Runs the notebook, and prints the number of cells with an output."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--write", action="store_true", help="save the outputs")
    options = parser.parse_args()

    notebook = nbformat.read(NOTEBOOK, as_version=4)
    runner = NotebookClient(
        notebook,
        timeout=CELL_SECONDS,
        record_timing=False,
        resources={"metadata": {"path": str(FOLDER)}},
    )
    runner.execute()
    shown = sum(bool(cell.get("outputs")) for cell in notebook.cells)
    pictures = sum(
        "image/svg+xml" in output.get("data", {})
        for cell in notebook.cells
        for output in cell.get("outputs", ())
    )
    print(f"{shown} cells with an output, {pictures} pictures")
    if options.write:
        # Without the interpreter's version, so that it does not change the file.
        notebook.metadata["language_info"] = {"name": "python"}
        nbformat.write(notebook, NOTEBOOK)


if __name__ == "__main__":
    main()
