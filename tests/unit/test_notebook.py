"""What notebook.ipynb holds; tests/accuracy executes it."""

from __future__ import annotations

import ast
import json
from importlib import import_module
from typing import Any

from tests.notebooks import NOTEBOOK


def cells() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(NOTEBOOK.read_bytes())["cells"]
    return found


def code_cells() -> list[dict[str, Any]]:
    return [cell for cell in cells() if cell["cell_type"] == "code"]


def test_it_carries_no_outputs_because_they_would_show_faces() -> None:
    assert code_cells()
    for cell in code_cells():
        assert cell["outputs"] == []
        assert cell["execution_count"] is None
    assert not any("attachments" in cell for cell in cells())


def test_every_name_it_takes_from_the_library_exists() -> None:
    taken = [
        (node.module, alias.name)
        for cell in code_cells()
        for node in ast.walk(ast.parse("".join(cell["source"])))
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("facenet_core")
        for alias in node.names
    ]
    assert ("facenet_core", "FaceService") in taken
    for module, name in taken:
        assert hasattr(import_module(module), name), f"{module}.{name}"
