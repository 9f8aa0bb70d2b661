"""A cluster of real processes: whatever happens to its workers, each photo is answered once."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import astuple
from pathlib import Path

import numpy as np
import pytest

from facenet_core.album.records import AlbumFace
from facenet_core.cluster import LOCAL, Workers
from facenet_core.cluster.recipe import Recipe
from facenet_core.config import PROJECT_ROOT, load_settings
from facenet_core.engine import FaceEngine
from facenet_core.errors import WorkerKilledError
from facenet_core.service import FaceService
from facenet_core.types import Embedding
from tests.clusters import LETHAL, encoded, lethal, recipe_of
from tests.fakes import fake_engine

pytestmark = pytest.mark.real

PHOTOS = 96

MINI = PROJECT_ROOT / "keras-facenet-h5" / "model.h5"


@contextmanager
def running(log: Path, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    """A Dask process that nobody has configured, ended in the end."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("FACENET_")}
    environment |= {"PYTHONPATH": str(PROJECT_ROOT), "TF_NUM_INTRAOP_THREADS": "1", "TF_CPP_MIN_LOG_LEVEL": "3"}
    with log.open("wb") as output:
        command = [sys.executable, "-m", "dask", *arguments]
        process = subprocess.Popen(command, env=environment, cwd=log.parent, stdout=output, stderr=output)
        try:
            yield process
        finally:
            process.kill()
            process.wait(30)


@contextmanager
def cluster(folder: Path) -> Iterator[tuple[str, list[subprocess.Popen[bytes]]]]:
    """A scheduler and two workers on the loopback interface, started as docs/scale.md says."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        address = f"tcp://127.0.0.1:{found.getsockname()[1]}"
    at = ["--host", "127.0.0.1", "--dashboard-address", "127.0.0.1:0", "--no-dashboard"]
    with (
        running(folder / "scheduler.log", "scheduler", "--port", address.rpartition(":")[2], *at),
        running(folder / "first.log", "worker", address, "--nthreads", "1", "--no-nanny", *at) as first,
        running(folder / "second.log", "worker", address, "--nthreads", "1", "--no-nanny", *at) as second,
    ):
        yield address, [first, second]


@pytest.fixture(scope="module")
def mini() -> FaceEngine:
    """The model that ships."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("facenet_core.weights.SHIPPED_FILE", MINI)
        return FaceEngine.load(load_settings())


@pytest.fixture
def folder(data: Path, tmp_path: Path) -> Path:
    """Photos, one of them damaged."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for path in sorted((data / "lfw-view1").glob("*/*.jpg"))[:PHOTOS]:
        (folder / path.name).write_bytes(path.read_bytes())
    (folder / "damaged.jpg").write_bytes(next(folder.iterdir()).read_bytes()[:2000])
    return folder


def indexed(service: FaceService, folder: Path) -> dict[str, list[tuple[AlbumFace, Embedding]]]:
    """What is known of each photo's faces, by its name."""
    album = service.album
    found = {}
    for each in album.listed(10_000):
        faces = album.faces_on(each)
        (path,) = each.paths
        found[path.name] = list(zip(faces, album.embeddings([face.id for face in faces]), strict=True))
    return found


def test_a_worker_that_is_killed_costs_no_photo_and_none_is_indexed_twice(
    mini: FaceEngine, folder: Path, tmp_path: Path
) -> None:
    here = FaceService(load_settings(db=tmp_path / "here"), mini)
    there = FaceService(load_settings(db=tmp_path / "there"), mini)
    for service in (here, there):
        service.album.add(folder)
    assert sum(each.problem is None for each in here.album.index()) == PHOTOS
    looked: list[str] = []
    with cluster(tmp_path) as (address, processes), Workers(address, there.settings) as workers:
        with closing(there.album.index(analyse=workers.analyse)) as coming:
            for each in coming:
                looked.append(each.path.name)
                if len(looked) == PHOTOS // 4:
                    processes[0].send_signal(signal.SIGKILL)
                    assert processes[0].wait(30) == -signal.SIGKILL
        assert processes[1].poll() is None
    assert Counter(looked) == Counter(path.name for path in folder.iterdir())
    alone, together = indexed(here, folder), indexed(there, folder)
    assert alone.keys() == together.keys()
    for name, faces in alone.items():
        for (face, embedding), (other, other_embedding) in zip(faces, together[name], strict=True):
            # Another process may have other threads, and add the same numbers in another order.
            assert astuple(face.box) == pytest.approx(astuple(other.box), abs=0.001)
            assert face.clear == other.clear
            assert float(np.dot(embedding, other_embedding)) > 0.9999
    assert [each.code for each in here.album.refused()] == [each.code for each in there.album.refused()]
    assert here.album.counts() == there.album.counts()
    for service in (here, there):
        service.album.close()


def test_a_photo_that_kills_its_workers_is_refused_and_the_others_are_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Recipe, "of", recipe_of)
    names = [f"{number}.png" for number in range(30)]
    names[3] = LETHAL
    with Workers(LOCAL, load_settings(), 2) as workers:
        found = list(workers.analyse(fake_engine(), encoded(names), lethal))
    refused = found.pop(3)
    assert isinstance(refused, WorkerKilledError)
    assert str(refused).startswith(f"{LETHAL}: Each worker that looked at this photo ended")
    assert found == [(name, 1) for name in names if name != LETHAL]
