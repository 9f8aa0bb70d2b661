from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from facenet_core.cli.main import main
from facenet_core.config import Settings
from facenet_core.engine import FaceEngine
from facenet_core.service import FaceService
from facenet_core.types import Analysis, Photo

pytestmark = pytest.mark.real

SIZE = 20
"""Mated pairs, and as many non-mated ones."""


@pytest.fixture
def pairs(data: Path, tmp_path: Path) -> Path:
    """A pairs file of View 1's own pairs: every 25th of each kind."""
    lines = (data / "lfw-view1" / "pairsDevTest.txt").read_text("utf-8").splitlines()[1:]
    path = tmp_path / "pairs.txt"
    path.write_text("\n".join([str(SIZE), *lines[:: len(lines) // (2 * SIZE)]]) + "\n", "utf-8")
    return path


def test_the_command_evaluates_the_real_model_and_remembers(
    data: Path,
    pairs: Path,
    engine: FaceEngine,
    real_settings: Settings,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings = real_settings.model_copy(update={"db": tmp_path / "db"})
    figure = tmp_path / "figure.png"
    words = ["evaluate", "pairs", "--pairs", str(pairs), "--images", str(data / "lfw-view1"), "--json"]

    def run(*more: str) -> dict[str, Any]:
        assert main([*words, *more], lambda _: FaceService(settings, engine)) == 0
        answer: dict[str, Any] = json.loads(capsys.readouterr().out)
        return answer

    first = run("--figure", str(figure))
    assert (first["pairs"], first["mated"], first["non_mated"]) == (2 * SIZE, SIZE, SIZE)
    assert first["accuracy"]["mean"] >= 0.9
    assert first["eer"] <= 0.1
    assert first["failures_to_acquire"] == 0
    assert first["analysed_photos"] == first["photos"] > 60
    assert figure.stat().st_size > 20_000

    def analyse(photo: Photo) -> Analysis:
        raise AssertionError(f"{photo.name} was analysed again")

    monkeypatch.setattr(engine, "analyse", analyse)
    second = run()
    assert second["analysed_photos"] == 0
    assert second["accuracy"] == first["accuracy"]
    assert second["eer"] == first["eer"]
