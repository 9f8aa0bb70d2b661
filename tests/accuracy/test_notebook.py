from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.notebooks import ROOT, Executed, execute, read_notebook

pytestmark = pytest.mark.real

FIGURES = {
    "exif": 1,
    "detect": 1,
    "align": 1,
    "embed": 1,
    "variations": 1,
    "matrix": 1,
    "histogram": 1,
    "verify": 2,
    "identify": 1,
    "gallery": 1,
}
"""How many each cell draws, by its tag, whatever data there is."""


def weights(data: Path) -> str:
    return str(data / "weights" / "20180408-102900-weights.h5")


def assert_the_portraits_are_told_apart(executed: Executed) -> None:
    assert {tag: executed.figures(tag) for tag in FIGURES} == FIGURES
    assert "holiday.jpg: This is a PDF document." in executed.text("decode")

    welcome, away = executed.text("verify").splitlines()
    assert re.fullmatch(
        r"Welcome in: distance 0\.\d\d, threshold 1\.04; fewer than 1 in 3,000,000 strangers .*", welcome
    )
    assert re.fullmatch(r"Go away: distance 1\.\d\d, threshold 1\.04; about 1 in \d+ strangers .*", away)

    faces = [line for line in executed.text("identify").splitlines() if line.startswith("  ")]
    names = ["Grace Hopper", "Not in database (nearest: Grace Hopper)", "Grace Hopper", "Eileen Collins"]
    assert [line[5:].split(": distance")[0] for line in faces] == names


def test_it_runs_on_the_two_portraits_alone(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FACENET_DATA")
    executed = execute(read_notebook(), tmp_path, monkeypatch, FACENET_WEIGHTS=weights(data))
    assert_the_portraits_are_told_apart(executed)
    assert executed.text("demo") == "FACENET_DATA is not set, or has no folder demo-96px: left out.\n"
    assert executed.text("sample") == "FACENET_DATA is not set, or has no folder lfw-view1: left out.\n"
    assert executed.text("cameras") == "2 people are enrolled.\n"
    assert executed.text("own") == "Put the paths of photos into the list above and run this cell again.\n"
    assert not list(tmp_path.glob("facenet-notebook-*"))


def test_it_runs_on_the_development_data_and_ones_own_photos(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    notebook = read_notebook()
    own = next(cell for cell in notebook.cells if "own" in cell.metadata.get("tags", ()))
    photos = [str(tmp_path / "missing.jpg"), str(ROOT / "images" / "Grace_Hopper.jpg")]
    own.source = own.source.replace("my_photos: list[str] = []", f"my_photos = {photos}")

    executed = execute(notebook, tmp_path, monkeypatch, FACENET_WEIGHTS=weights(data))

    assert_the_portraits_are_told_apart(executed)
    assert executed.figures("demo") == executed.figures("cameras") == 1
    assert executed.text("sample") == "80 photos of 20 people.\n"
    assert executed.text("cameras") == "14 people are enrolled.\n"
    assert executed.figures("own") == 2
    assert "missing.jpg: There is no such file." in executed.text("own")
    assert "  1  Grace Hopper: distance 0.00" in executed.text("own")


def test_it_is_a_valid_notebook_for_any_python_kernel() -> None:
    import nbformat

    notebook = read_notebook()
    nbformat.validate(notebook)
    assert notebook.metadata.kernelspec.name == "python3"


@pytest.mark.parametrize("cwd", [ROOT, ROOT / "tests"], ids=["project root", "sub-folder"])
def test_without_weights_it_stops_at_once_with_one_sentence(
    cwd: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from nbclient.exceptions import CellExecutionError

    notebook = read_notebook()
    with pytest.raises(CellExecutionError):
        execute(notebook, tmp_path, monkeypatch, cwd, FACENET_WEIGHTS=str(tmp_path / "gone.h5"))
    (error,) = Executed(notebook).outputs("setup")
    assert error.traceback == [f"FACENET_WEIGHTS names {tmp_path / 'gone.h5'}, but there is no such file."]
    assert not Executed(notebook).outputs("style")
