"""Executing notebook.ipynb as Jupyter would, on a kernel of the Python that runs the tests.

Jupyter's packages take seconds to import, which tests that don't execute it need not wait for.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from nbformat import NotebookNode

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOK = ROOT / "notebook.ipynb"

KERNEL = "this-python"
CELL_SECONDS = 180


@dataclass(frozen=True)
class Executed:
    """What the cells of an executed notebook gave; each is called by its tag."""

    notebook: NotebookNode

    def outputs(self, tag: str) -> list[NotebookNode]:
        cell = next(c for c in self.notebook.cells if tag in c.metadata.get("tags", ()))
        return list(cell.outputs)

    def text(self, tag: str) -> str:
        """All that a cell printed."""
        return "".join(o.text for o in self.outputs(tag) if o.output_type == "stream" and o.name == "stdout")

    def figures(self, tag: str) -> int:
        return sum("image/png" in o.get("data", {}) for o in self.outputs(tag))


def read_notebook() -> NotebookNode:
    import nbformat

    notebook: NotebookNode = nbformat.read(NOTEBOOK, as_version=4)
    return notebook


def execute(
    notebook: NotebookNode, folder: Path, monkeypatch: pytest.MonkeyPatch, cwd: Path = ROOT, **environment: str
) -> Executed:
    """Executes a notebook in place, away from the user's own Jupyter.

    Raises:
        CellExecutionError: If a cell fails; the outputs so far are in ``notebook``.
    """
    from ipykernel.kernelspec import write_kernel_spec
    from nbclient import NotebookClient

    write_kernel_spec(folder / "kernels" / KERNEL)
    for name in ("JUPYTER_PATH", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR", "TMPDIR"):
        monkeypatch.setenv(name, str(folder))
    # Streamlit sets it on import, and the notebook's figures would not be shown.
    monkeypatch.delenv("MPLBACKEND", raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    NotebookClient(
        notebook, timeout=CELL_SECONDS, kernel_name=KERNEL, resources={"metadata": {"path": str(cwd)}}
    ).execute()
    return Executed(notebook)
