from __future__ import annotations

import sqlite3
import stat
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from facenet_core import images
from facenet_core.evaluation import CacheError, FaceCache, PhotoFaces, forget
from facenet_core.evaluation.cache import APPLICATION_ID, BATCH
from tests.fakes import BLUE, GREEN, MODEL, OTHER_MODEL, RED, fake_engine, photo

HASH = "ab" * 32


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "db" / "cache" / "faces.sqlite"


@pytest.fixture
def faces() -> PhotoFaces:
    return PhotoFaces.of(fake_engine().analyse(images.decode(photo(RED, BLUE, GREEN), "three.png")))


def changed(path: Path, column: str, value: object) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute(f"UPDATE photos SET {column} = ?", (value,))
    connection.close()


def rows(path: Path) -> Iterator[tuple[object, ...]]:
    with sqlite3.connect(path) as connection:
        yield from connection.execute("SELECT * FROM photos")
    connection.close()


def test_faces_come_back_as_they_were(path: Path, faces: PhotoFaces) -> None:
    with FaceCache(path) as cache:
        cache.put(HASH, MODEL, faces)
    with FaceCache(path) as cache:
        found = cache.get(HASH, MODEL)
    assert found
    assert (found.detections, found.prominent) == (faces.detections, faces.prominent)
    assert len(found.detections) == 3
    assert found.embeddings.dtype == np.float32
    np.testing.assert_array_equal(found.embeddings, faces.embeddings)


def test_that_nobody_was_found_is_remembered_too(path: Path) -> None:
    with FaceCache(path) as cache:
        cache.put(HASH, MODEL, PhotoFaces.of(fake_engine().analyse(images.decode(photo(), "nobody.png"))))
    with FaceCache(path) as cache:
        found = cache.get(HASH, MODEL)
    assert found
    assert (found.detections, found.embeddings.shape, found.prominent) == ((), (0, 4), 0)


@pytest.mark.parametrize(
    "other",
    [
        OTHER_MODEL,
        replace(MODEL, preprocessing="x"),
        replace(MODEL, weights_sha256="2" * 64),
        replace(MODEL, model="x"),
    ],
)
def test_another_models_faces_are_not_used(path: Path, faces: PhotoFaces, other: object) -> None:
    with FaceCache(path) as cache:
        cache.put(HASH, MODEL, faces)
        cache.flush()
        assert cache.get(HASH, other) is None
        assert cache.get("cd" * 32, MODEL) is None
        assert cache.get(HASH, MODEL)


def test_only_its_owner_can_read_it(path: Path, faces: PhotoFaces) -> None:
    with FaceCache(path) as cache:
        cache.put(HASH, MODEL, faces)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [stat.S_IMODE(folder.stat().st_mode) for folder in (path.parent, path.parent.parent)] == [0o700, 0o700]


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("embeddings", b"\0" * 48),
        ("embeddings", np.full(12, np.nan, "<f4").tobytes()),
        ("embeddings", np.full(12, 3.0, "<f4").tobytes()),
        ("embeddings", b"short"),
        ("embeddings", "text"),
        ("detections", b"\0" * 119),
        ("detections", b"\0" * 120),
        ("detections", np.full(45, np.inf, "<f8").tobytes()),
        ("prominent", 3),
        ("prominent", -1),
        ("prominent", "first"),
    ],
)
def test_a_row_that_does_not_add_up_is_not_used(path: Path, faces: PhotoFaces, column: str, value: object) -> None:
    with FaceCache(path) as cache:
        cache.put(HASH, MODEL, faces)
    changed(path, column, value)
    with FaceCache(path) as cache:
        assert cache.get(HASH, MODEL) is None
        cache.put(HASH, MODEL, faces)
    with FaceCache(path) as cache:
        assert cache.get(HASH, MODEL)


def test_a_kill_loses_a_batch_at_most(path: Path, faces: PhotoFaces) -> None:
    cache = FaceCache(path)
    for number in range(BATCH + 3):
        cache.put(f"{number:064d}", MODEL, faces)
        assert cache.get(f"{number:064d}", MODEL)
    assert len(list(rows(path))) == BATCH
    cache.close()
    assert len(list(rows(path))) == BATCH + 3


@pytest.mark.parametrize("content", [b"some notes of mine", b"SQLite format 3\0" + b"\0" * 84])
def test_a_file_of_something_else_is_refused_and_left_alone(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "notes"
    path.write_bytes(content)
    for action in (FaceCache, forget):
        with pytest.raises(CacheError, match=r"notes: this file is not a cache of faces"):
            action(path)
    assert path.read_bytes() == content


def test_another_programs_database_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "theirs.sqlite"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE photos (photo TEXT)")
    connection.close()
    before = path.read_bytes()
    for action in (FaceCache, forget):
        with pytest.raises(CacheError, match="is not a cache of faces"):
            action(path)
    assert path.read_bytes() == before


def test_a_damaged_cache_is_refused_with_what_to_do_and_can_be_forgotten(path: Path, faces: PhotoFaces) -> None:
    with FaceCache(path) as cache:
        cache.put(HASH, MODEL, faces)
    content = path.read_bytes()
    path.write_bytes(content[:100] + b"\xff" * (len(content) - 100))
    with pytest.raises(CacheError, match=r"damaged .* `evaluate forget`"), FaceCache(path) as cache:
        cache.get(HASH, MODEL)
    assert forget(path)
    assert not path.exists()


def test_a_newer_versions_cache_is_refused(path: Path) -> None:
    FaceCache(path).close()
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 2")
    connection.close()
    with pytest.raises(CacheError, match="newer version"):
        FaceCache(path)


def test_a_folder_is_no_cache(tmp_path: Path) -> None:
    with pytest.raises(CacheError, match="can't be opened"):
        FaceCache(tmp_path)


def test_forgetting_leaves_nothing_behind(path: Path, faces: PhotoFaces) -> None:
    with FaceCache(path) as cache:
        cache.put(HASH, MODEL, faces)
    path.with_name("faces.sqlite-journal").touch()
    assert forget(path)
    assert list(path.parent.iterdir()) == []
    assert not forget(path)


def test_a_cache_that_nobody_wrote_to_yet_can_be_forgotten(tmp_path: Path) -> None:
    (tmp_path / "faces.sqlite").touch()
    assert forget(tmp_path / "faces.sqlite")


def test_two_processes_share_one_cache(path: Path, faces: PhotoFaces) -> None:
    script = (
        "import sys; from pathlib import Path; import numpy as np\n"
        "from facenet_core.evaluation import FaceCache, PhotoFaces\n"
        "from facenet_core.types import ModelId\n"
        "faces = PhotoFaces((), np.empty((0, 4), np.float32), 0)\n"
        "for turn in range(40):\n"
        "    with FaceCache(Path(sys.argv[1])) as cache:\n"
        "        cache.put(f'{sys.argv[2]}{turn:063d}', ModelId('fake', 'fake-colour', '0' * 64, 4), faces)\n"
    )
    workers = [
        subprocess.Popen([sys.executable, "-c", script, str(path), word], cwd=Path(__file__).parents[2])
        for word in "ab"
    ]
    assert [worker.wait(timeout=60) for worker in workers] == [0, 0]
    assert len(list(rows(path))) == 80


def test_a_cache_says_what_it_is_in_its_header(path: Path) -> None:
    FaceCache(path).close()
    assert path.read_bytes()[68:72] == APPLICATION_ID.to_bytes(4) == b"FnCa"
