from __future__ import annotations

import ast
import json
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import facenet_core

PACKAGE = Path(facenet_core.__file__).parent
ROOT = PACKAGE.parent


def modules_after(statement: str) -> set[str]:
    """The modules that a fresh Python has loaded after a statement."""
    script = f"{statement}\nimport json, sys\nprint(json.dumps(list(sys.modules)))"
    result = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    return set(json.loads(result.stdout))


def test_the_public_names_are_sorted() -> None:
    assert facenet_core.__all__ == sorted(facenet_core.__all__)


@pytest.mark.parametrize("name", facenet_core.__all__)
def test_every_public_name_can_be_imported_and_listed(name: str) -> None:
    scope: dict[str, object] = {}
    exec(f"from facenet_core import {name}", scope)
    assert scope[name] is not None
    assert name in dir(facenet_core)


def test_no_public_name_hides_a_module() -> None:
    modules = {path.stem for path in PACKAGE.iterdir()}
    assert modules.isdisjoint(facenet_core.__all__)


def test_type_checkers_see_the_same_names_from_the_same_modules() -> None:
    tree = ast.parse(Path(facenet_core.__file__).read_text("utf-8"))
    block = next(node for node in tree.body if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING")
    declared: dict[str, str | None] = {}
    for statement in block.body:
        assert isinstance(statement, ast.ImportFrom)
        declared |= {alias.name: statement.module for alias in statement.names}
    assert sorted([*declared, "__version__"]) == facenet_core.__all__
    for name, module in declared.items():
        assert getattr(facenet_core, name) is getattr(sys.modules[str(module)], name)


def test_a_misspelt_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'facenet_core' has no attribute 'FaceServise'"):
        getattr(facenet_core, "FaceServise")  # noqa: B009 - a type checker refuses it written plainly


def test_the_version_is_that_of_the_project() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert facenet_core.__version__ == project["version"]


def test_importing_the_package_loads_nothing_else() -> None:
    loaded = modules_after("import facenet_core")
    assert {name for name in loaded if name.startswith("facenet_core")} == {"facenet_core"}
    assert loaded.isdisjoint({"numpy", "PIL", "pydantic", "tinydb", "keras", "tensorflow", "streamlit"})


def test_using_every_public_name_waits_for_neither_tensorflow_nor_streamlit() -> None:
    loaded = modules_after("from facenet_core import *; FaceService(load_settings(db='unused'))")
    assert "facenet_core.engine" in loaded
    assert loaded.isdisjoint({"keras", "tensorflow", "mtcnn", "streamlit"})


def test_the_help_of_the_command_line_waits_for_neither_tensorflow_nor_streamlit() -> None:
    loaded = modules_after(
        "import runpy, sys\nsys.argv[1:] = ['--help']\n"
        "import contextlib, io\n"
        "with contextlib.suppress(SystemExit), contextlib.redirect_stdout(io.StringIO()):\n"
        "    runpy.run_module('facenet_core', run_name='__main__')"
    )
    assert "facenet_core.cli" in loaded
    assert loaded.isdisjoint({"keras", "tensorflow", "mtcnn", "streamlit"})
