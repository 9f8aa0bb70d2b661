from __future__ import annotations

import ast
from importlib import import_module
from pathlib import Path

import nbformat
import pytest
from nbclient.exceptions import CellExecutionError

from tests.notebooks import ROOT, Executed, execute, read_notebook


def code_cells() -> list[nbformat.NotebookNode]:
    return [cell for cell in read_notebook().cells if cell.cell_type == "code"]


def test_it_is_a_valid_notebook_for_any_python_kernel() -> None:
    notebook = read_notebook()
    nbformat.validate(notebook)
    assert notebook.metadata.kernelspec.name == "python3"


def test_it_carries_no_outputs_because_they_would_show_faces() -> None:
    for cell in code_cells():
        assert cell.outputs == []
        assert cell.execution_count is None
    assert not any("attachments" in cell for cell in read_notebook().cells)


def test_every_name_it_takes_from_the_library_exists() -> None:
    taken = [
        (node.module, alias.name)
        for cell in code_cells()
        for node in ast.walk(ast.parse(cell.source))
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("facenet_core")
        for alias in node.names
    ]
    assert ("facenet_core", "FaceService") in taken
    for module, name in taken:
        assert hasattr(import_module(module), name), f"{module}.{name}"


@pytest.mark.parametrize("cwd", [ROOT, ROOT / "tests"], ids=["project root", "sub-folder"])
def test_without_weights_it_stops_at_once_with_one_sentence(
    cwd: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    notebook = read_notebook()
    with pytest.raises(CellExecutionError):
        execute(notebook, tmp_path, monkeypatch, cwd, FACENET_WEIGHTS=str(tmp_path / "gone.h5"))
    (error,) = Executed(notebook).outputs("setup")
    assert error.traceback == [f"FACENET_WEIGHTS names {tmp_path / 'gone.h5'}, but there is no such file."]
    assert not Executed(notebook).outputs("style")
