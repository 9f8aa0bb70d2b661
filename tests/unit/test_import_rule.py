from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SCRIPTS = [ROOT / "app.py", *sorted((ROOT / "pages").glob("*.py"))]
MODULES = [
    ".".join(path.relative_to(ROOT).with_suffix("").parts)
    for path in sorted((ROOT / "facenet_core").rglob("*.py"))
    if path.stem not in ("__init__", "__main__")
]
NETWORKS = {"h5py", "keras", "mtcnn", "tensorflow"}
DASK = {"dask", "distributed"}
OF_DASK = "facenet_core.cluster.preload"
"""Imported by workers, and by whoever has asked for a cluster."""


def loaded_by(modules: list[str]) -> set[str]:
    """What a fresh Python has loaded after importing some modules."""
    script = (
        "import json, sys; sys.modules['rfc3987_syntax'] = None; "  # see tests/conftest.py
        "[__import__(name) for name in sys.argv[1:]]; print(json.dumps([*sys.modules]))"
    )
    command = [sys.executable, "-c", script, *modules]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return set(json.loads(result.stdout))


def imported(path: Path) -> set[str]:
    """The modules that a script imports, anywhere in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    return found


def test_imports_run_one_way() -> None:
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache", "--no-logo"]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    assert " 0 broken." in result.stdout


def test_importing_everything_but_the_pages_waits_for_no_network_and_no_streamlit() -> None:
    modules = [name for name in MODULES if not name.startswith("facenet_core.ui") and name != OF_DASK]
    loaded = loaded_by(modules)
    assert loaded >= {*modules, "facenet_core.service", "facenet_core.cli.main", "facenet_core.cluster.workers"}
    assert loaded.isdisjoint({*NETWORKS, *DASK, "streamlit"})


def test_workers_wait_for_no_network_before_they_are_told_which() -> None:
    loaded = loaded_by([OF_DASK])
    assert loaded >= DASK
    assert loaded.isdisjoint({*NETWORKS, "streamlit"})


def test_the_pages_first_paint_waits_for_no_network() -> None:
    loaded = loaded_by([name for name in MODULES if name.startswith("facenet_core.ui")])
    assert {"facenet_core.ui.session", "streamlit"} <= loaded
    assert loaded.isdisjoint({*NETWORKS, *DASK})


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_a_page_imports_nothing_but_its_helpers_the_errors_and_streamlit(path: Path) -> None:
    found = imported(path)
    assert "streamlit" in found
    allowed = ("streamlit", "facenet_core.ui.", "facenet_core.errors.", "__future__.")
    assert [name for name in sorted(found) if not name.startswith(allowed)] == []
