from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from facenet_core.evaluation import FaceCache, Limits, embed_photos
from tests.evaluation_photos import CountingEngine, write_people
from tests.fakes import BLUE, GREEN, MODEL, OTHER_MODEL, RED, fake_engine, photo


@pytest.fixture
def paths(tmp_path: Path) -> list[Path]:
    """Four photos: one face, nobody, a large face beside a small one's colour, and one that is cut short."""
    folder = write_people(tmp_path / "photos", {"Ann": [[RED], [], [BLUE, GREEN]]}) / "Ann"
    (folder / "cut.png").write_bytes(photo(RED)[:60])
    return [*sorted(folder.glob("Ann*")), folder / "cut.png"]


def test_every_photo_has_an_embedding_or_a_reason(paths: list[Path]) -> None:
    found = embed_photos(fake_engine(), paths)
    assert found.paths == tuple(paths)
    assert found.found.tolist() == [True, False, True, False]
    assert [(f.photo, f.code) for f in found.failures] == [
        ("Ann/Ann_0002.png", "no_face"),
        ("Ann/cut.png", "not_a_photo"),
    ]
    assert "damaged" in found.failures[1].reason
    assert (found.computed, found.model_id) == (3, MODEL)


def test_in_a_photo_of_several_the_prominent_face_counts(tmp_path: Path) -> None:
    path = tmp_path / "three.png"
    path.write_bytes(photo(RED, BLUE, GREEN))
    found = embed_photos(fake_engine(), [path])
    alone = tmp_path / "one.png"
    alone.write_bytes(photo(BLUE))
    np.testing.assert_array_equal(found.embeddings, embed_photos(fake_engine(), [alone]).embeddings)


def test_a_photo_without_a_face_is_infinitely_far_from_everybody(paths: list[Path]) -> None:
    matrix = embed_photos(fake_engine(), paths).matrix()
    assert np.isinf(matrix[[1, 3]]).all()
    assert np.isinf(matrix[:, [1, 3]]).all()
    assert matrix[0, 2] == matrix[2, 0] > 1


def test_a_second_run_analyses_nothing_and_finds_the_same(tmp_path: Path, paths: list[Path]) -> None:
    runs = []
    for _ in range(2):
        engine = CountingEngine()
        with FaceCache(tmp_path / "cache") as cache:
            runs.append((engine, embed_photos(engine, paths, cache)))
    (first, found), (second, again) = runs
    assert (first.analysed, second.analysed) == (3, 0)
    assert (found.computed, again.computed) == (3, 0)
    assert found.failures == again.failures
    np.testing.assert_array_equal(found.embeddings, again.embeddings)


def test_a_photo_that_moved_is_known_and_one_that_changed_is_not(tmp_path: Path, paths: list[Path]) -> None:
    with FaceCache(tmp_path / "cache") as cache:
        embed_photos(fake_engine(), paths, cache)
        moved = paths[0].rename(tmp_path / "moved.png")
        paths[1].write_bytes(photo(GREEN))
        engine = CountingEngine()
        assert embed_photos(engine, [moved, paths[1]], cache).found.all()
    assert engine.analysed == 1


def test_another_model_sees_the_photos_itself(tmp_path: Path, paths: list[Path]) -> None:
    with FaceCache(tmp_path / "cache") as cache:
        embed_photos(fake_engine(), paths, cache)
        other = CountingEngine(OTHER_MODEL)
        assert embed_photos(other, paths, cache).model_id == OTHER_MODEL
    assert other.analysed == 3


@pytest.mark.usefixtures("one_by_one")
@pytest.mark.parametrize("at", [2, 3])
def test_what_was_done_before_an_interruption_is_not_done_again(tmp_path: Path, paths: list[Path], at: int) -> None:
    with pytest.raises(KeyboardInterrupt), FaceCache(tmp_path / "cache") as cache:
        embed_photos(CountingEngine(interrupted_at=at), paths, cache)
    engine = CountingEngine()
    with FaceCache(tmp_path / "cache") as cache:
        embed_photos(engine, paths, cache)
    assert engine.analysed == 3 - (at - 1)


def test_without_a_cache_every_run_analyses(paths: list[Path]) -> None:
    engine = CountingEngine()
    embed_photos(engine, paths)
    embed_photos(engine, paths)
    assert engine.analysed == 6


def test_limits_hold_for_photos(paths: list[Path]) -> None:
    found = embed_photos(fake_engine(), paths, limits=Limits(max_bytes=10))
    assert {failure.code for failure in found.failures} == {"photo_too_large"}


def test_whoever_watches_sees_each_photo(paths: list[Path]) -> None:
    seen = []
    embed_photos(fake_engine(), paths, progress=lambda given: (seen.append(p) or p for p in given))
    assert seen == paths


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_and_a_missing_file_are_failures(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    with FaceCache(tmp_path / "cache") as cache:
        found = embed_photos(fake_engine(), [tmp_path / "pipe.jpg", tmp_path / "none.jpg"], cache)
    assert [failure.code for failure in found.failures] == ["not_a_photo"] * 2
