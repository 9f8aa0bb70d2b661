from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.ui.visitor import ROOT

SOURCES = [ROOT / "app.py", *sorted((ROOT / "pages").glob("*.py")), *sorted((ROOT / "facenet_core/ui").glob("*.py"))]
PICTURES = {"image", "dataframe", "data_editor", "table", "map", "pydeck_chart", "graphviz_chart", "pyplot"}


def calls(path: Path) -> Iterator[tuple[str, ast.Call]]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            yield node.func.attr, node


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_whatever_is_seen_is_also_said(path: Path) -> None:
    silent = [
        f"{path.name}:{call.lineno} {name}"
        for name, call in calls(path)
        if (name in PICTURES or name.endswith("_chart")) and "alt" not in {k.arg for k in call.keywords}
    ]
    assert silent == []


def test_the_pages_show_pictures_at_all() -> None:
    """Or the test above would look in the wrong place."""
    assert {name for path in SOURCES for name, _ in calls(path)} >= {"image", "data_editor"}


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_nothing_deprecated_sets_a_width(path: Path) -> None:
    assert "use_container_width" not in path.read_text()


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_nothing_is_shown_as_raw_html_in_markdown(path: Path) -> None:
    assert "unsafe_allow_html" not in path.read_text()
