"""A composed album on the real model: everything good is indexed, everything damaged is named, and nothing is lost."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from benchmarks.composed_album import Truth, compose, spoil
from facenet_core import images
from facenet_core.album.album import Album
from facenet_core.album.records import AlbumFace
from facenet_core.config import PROJECT_ROOT, Settings
from facenet_core.engine import FaceEngine
from facenet_core.service import FaceService
from facenet_core.types import Embedding

pytestmark = pytest.mark.real

PHOTOS, DAMAGED = 120, 12

KILLS = int(os.environ.get("ALBUM_KILLS", "5"))
"""Each takes some seconds: the model is loaded again. For docs/albums.md it was done twenty times."""

INTERRUPTED = max(40, 4 * KILLS)

Known = dict[tuple[str, ...], list[tuple[AlbumFace, Embedding]]]


@pytest.fixture(scope="module")
def composed(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("composed")
    compose(data / "lfw-view1", target, PHOTOS, seed=3)
    return target


@pytest.fixture(scope="module")
def damaged(composed: Path) -> dict[str, str]:
    """The kind of damage of each damaged file."""
    return spoil(composed / "album", DAMAGED, seed=3)


@pytest.fixture(scope="module")
def service(
    real_settings: Settings,
    engine: FaceEngine,
    composed: Path,
    damaged: dict[str, str],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[FaceService]:
    """A service that has indexed the album without being disturbed."""
    made = FaceService(real_settings.model_copy(update={"db": tmp_path_factory.mktemp("db") / "db"}), engine)
    made.album.add(composed / "album")
    for _ in made.album.index():
        pass
    yield made
    made.album.close()


def known(album: Album, root: Path) -> Known:
    """Everything that is known of each photo's faces, from left to right."""
    found = {}
    for photo in album.listed(10_000):
        faces = album.faces_on(photo)
        embeddings = album.embeddings([face.id for face in faces])
        assert len(faces) == len(embeddings)
        paths = tuple(path.relative_to(root).as_posix() for path in photo.paths)
        found[paths] = list(zip(faces, embeddings, strict=True))
    return found


def test_every_good_photo_is_indexed_and_every_damaged_one_is_named(
    service: FaceService, composed: Path, damaged: dict[str, str]
) -> None:
    truth, album = Truth.read(composed / "truth.json"), service.album
    paths = {path.relative_to(composed / "album").as_posix() for each in album.listed(10_000) for path in each.paths}
    assert paths == {photo.path for photo in truth.photos}
    refused = {each.path.relative_to(composed / "album").as_posix(): each for each in album.refused()}
    files = {path for path, kind in damaged.items() if kind != "folder"}
    assert set(refused) == files
    assert all(each.reason and each.code for each in refused.values())
    run = album.run()
    assert run and (run.state, run.done) == ("done", len(paths) + len(files))
    assert album.counts()["faces"] >= 0.97 * sum(len(photo.faces) for photo in truth.photos)


def embedding(service: FaceService, path: Path) -> Embedding | None:
    analysis = service.analyse(images.decode(path.read_bytes(), path.name), "prominent")
    return analysis.faces[analysis.prominent].embedding if analysis.faces else None


def test_strangers_are_absent_and_the_people_of_the_album_are_found(
    service: FaceService, composed: Path, data: Path
) -> None:
    truth = Truth.read(composed / "truth.json")

    def found(source: str) -> set[str] | None:
        sample = embedding(service, data / "lfw-view1" / source)
        if sample is None:
            return None
        hits = service.album.search([[sample]]).hits
        return {path.relative_to(composed / "album").as_posix() for hit in hits for path in hit.photo.paths}

    strangers = [photos for source in truth.strangers[:30] if (photos := found(source)) is not None]
    assert len(strangers) >= 29
    assert sum(bool(photos) for photos in strangers) <= 1
    step = max(len(truth.probes) // 30, 1)
    probes = [(each, photos) for each in truth.probes[::step][:30] if (photos := found(each.source)) is not None]
    wrong = sum(len(photos - truth.photos_of(each.person)) for each, photos in probes)
    right = sum(bool(photos & truth.photos_of(each.person)) for each, photos in probes)
    assert wrong <= 1
    assert right >= 0.7 * len(probes)


def interrupted(arguments: list[str], database: Path, environment: dict[str, str], after: int) -> bool:
    """Indexes in a process of its own and kills it as soon as so many files are in; whether it was still at it."""
    process = subprocess.Popen(arguments, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        while process.poll() is None:
            if len(list((database / "album" / "pictures").glob("*/*-photo.jpg"))) >= after:
                process.send_signal(signal.SIGKILL)
                process.communicate()
                return process.returncode == -signal.SIGKILL
            try:
                process.wait(0.02)
            except subprocess.TimeoutExpired:
                continue
        return False
    finally:
        process.kill()
        process.communicate()


def test_an_index_that_was_killed_again_and_again_is_like_one_that_was_not(
    service: FaceService, engine: FaceEngine, composed: Path, data: Path, tmp_path: Path
) -> None:
    settings, rng = service.settings, np.random.default_rng(3)
    compose(data / "lfw-view1", tmp_path, INTERRUPTED, seed=3)  # the first of the other album
    folder = tmp_path / "album"
    spoil(folder, DAMAGED, seed=3)
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("FACENET_")},
        "FACENET_WEIGHTS": str(settings.weights),
        "FACENET_MODEL": str(settings.model),
        "FACENET_IMAGES_DIR": str(settings.images_dir),
        "FACENET_MODELS_DIR": str(settings.models_dir),
        "FACENET_DETECTION_LONG_SIDE": str(settings.detection_long_side),
        "PYTHONPATH": str(PROJECT_ROOT),
    }
    database = tmp_path / "db"
    settings = settings.model_copy(update={"db": database})
    with closing(FaceService(settings, engine).album) as album:
        album.add(folder)
    arguments = [sys.executable, "-m", "facenet_core", "album", "index", "--db", str(database)]
    seen = 0
    for _ in range(KILLS):
        assert interrupted(arguments, database, environment, seen + int(rng.integers(1, 4)))
        seen = len(list((database / "album" / "pictures").glob("*/*-photo.jpg")))
        with closing(FaceService(settings, engine).album) as album:
            run, counts = album.run(), album.counts()
            assert run and run.state == "paused"
            assert 0 < counts["photos"] < INTERRUPTED
    with closing(FaceService(settings, engine).album) as album:
        before = album.counts()["photos"]
        looked = [each.path for each in album.index()]
        assert sum(path.name.startswith("IMG_") for path in looked) == INTERRUPTED - before
        after, expected = known(album, folder), known(service.album, composed / "album")
        assert len(album.refused()) == len(service.album.refused())
        assert len(after) == album.counts()["files"] == INTERRUPTED
    assert after.keys() < expected.keys()
    for paths, faces in after.items():
        for (face, vector), (other, other_vector) in zip(faces, expected[paths], strict=True):
            assert face.clear == other.clear
            np.testing.assert_allclose(
                [face.box.left, face.box.top, face.box.right, face.box.bottom],
                [other.box.left, other.box.top, other.box.right, other.box.bottom],
                atol=1e-2,
            )
            np.testing.assert_allclose(vector, other_vector, atol=1e-4)
